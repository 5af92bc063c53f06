import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { repositoryRoot, runTool } from './tool.ts'

/** What each planted file does wrong. They are planted in a copy, so that no other check sees them. */
const PLANTED = {
  'core-is-pure services/chain/src/core/planted-io.ts':
    "import { readFileSync } from 'node:fs'\nexport const read = readFileSync\n",
  'core-knows-only-core services/chain/src/core/planted-up.ts':
    "import type { ChainBackend } from '../app/chain-backend.ts'\nexport type Up = ChainBackend\n",
  'app-has-no-vendor services/chain/src/app/planted-vendor.ts': "import { z } from 'zod'\nexport const schema = z.string()\n",
  'app-has-no-builtins services/chain/src/app/planted-builtin.ts':
    "import { join } from 'node:path'\nexport const path = join('a', 'b')\n",
  'service-never-imports-service services/storage/src/app/planted-service.ts':
    "import * as other from '../../../chain/src/app/chain-backend.ts'\nexport const value = other\n",
  'pure-packages packages/primitives/src/planted-builtin.ts':
    "import { join } from 'node:path'\nexport const value = join('a', 'b')\n",
  'only-the-command-knows-services packages/sdk/src/planted-service.ts':
    "import * as other from '../../../services/chain/src/module.ts'\nexport const value = other\n",
  'must-resolve packages/ports/src/planted-missing.ts':
    "import { missing } from 'no-such-package'\nexport const value = missing\n",
}

type Cruise = { summary: { totalCruised: number; violations: { rule: { name: string }; from: string }[] } }

function cruise(cwd: string): Cruise['summary'] {
  const { stdout } = runTool(
    'depcruise',
    ['packages', 'services', '--config', '.dependency-cruiser.cjs', '--output-type', 'json'],
    { cwd },
  )
  return (JSON.parse(stdout) as Cruise).summary
}

let copy: string
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'zerog-boundaries-'))
  for (const entry of ['packages', 'services', 'package.json', '.dependency-cruiser.cjs']) {
    cpSync(join(repositoryRoot, entry), join(copy, entry), { recursive: true, filter: (path) => !path.includes('node_modules') })
  }
  const members = ['packages', 'services'].flatMap((folder) =>
    readdirSync(join(repositoryRoot, folder)).map((name) => join(folder, name)),
  )
  for (const member of ['.', ...members]) {
    const modules = join(repositoryRoot, member, 'node_modules')
    if (existsSync(modules)) symlinkSync(modules, join(copy, member, 'node_modules'))
  }
})
afterAll(() => rmSync(copy, { recursive: true, force: true }))

test('imports go one way, and the tool looked at the whole tree', () => {
  const summary = cruise(repositoryRoot)
  expect(summary.violations.map((violation) => `${violation.rule.name}: ${violation.from}`)).toEqual([])
  expect(summary.totalCruised).toBeGreaterThan(100)
}, 300_000)

test('every planted violation is caught', () => {
  for (const [violation, source] of Object.entries(PLANTED)) {
    const file = join(copy, violation.split(' ')[1] as string)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, source)
  }
  const caught = cruise(copy).violations.map((violation) => `${violation.rule.name} ${violation.from}`)
  expect(Object.keys(PLANTED).filter((violation) => !caught.includes(violation))).toEqual([])
}, 300_000)

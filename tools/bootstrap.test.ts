import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

const repositoryRoot = fileURLToPath(new URL('..', import.meta.url))

/** A checkout with nothing installed and an npm that fails in a chosen way. */
let checkout: string
let bin: string

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'zerog-bootstrap-'))
  chmodSync(folder, 0o755)
  checkout = join(folder, 'checkout')
  bin = join(folder, 'bin')
  mkdirSync(join(checkout, 'tools'), { recursive: true })
  mkdirSync(bin)
  for (const file of ['package.json', 'tools/bootstrap.mjs']) cpSync(join(repositoryRoot, file), join(checkout, file))
})

afterEach(() => rmSync(dirname(checkout), { recursive: true, force: true }))

function fakeNpm(script: string): void {
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin, 'npm'), 0o755)
}

function bootstrap(options: { nodeArguments?: string[]; uid?: number } = {}) {
  const result = spawnSync(process.execPath, [...(options.nodeArguments ?? []), join(checkout, 'tools/bootstrap.mjs'), 'up'], {
    cwd: checkout,
    encoding: 'utf8',
    env: { PATH: `${bin}:/usr/bin:/bin` },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  })
  return { status: result.status, stderr: result.stderr.trim().split('\n') }
}

describe('npm run up on a machine that cannot run it says why in one sentence', () => {
  test('a Node older than 20', () => {
    const pretend = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"18.20.4"}})'
    const { status, stderr } = bootstrap({ nodeArguments: ['--import', pretend] })
    expect(status).toBe(2)
    expect(stderr).toEqual(['zerog: Node 18.20.4 is too old to start with; install Node 20 or newer and run the command again.'])
  })

  test('a full disk', () => {
    fakeNpm('echo "npm error nospc ENOSPC: no space left on device, write" >&2; exit 228')
    const { status, stderr } = bootstrap()
    expect(status).toBe(2)
    expect(stderr.at(-1)).toMatch(/^zerog: the disk is full; free about 2 GB below .* and run the command again\.$/)
  })

  test('no package registry', () => {
    fakeNpm('echo "npm error code ENOTFOUND" >&2; exit 1')
    const { status, stderr } = bootstrap()
    expect(status).toBe(2)
    expect(stderr).toContain('npm error code ENOTFOUND')
    expect(stderr.at(-1)).toBe('zerog: installing pnpm failed (exit 1); the lines above say why.')
  })

  test('a folder of somebody else', () => {
    const root = process.getuid?.() === 0
    chmodSync(checkout, 0o555)
    const { status, stderr } = bootstrap(root ? { uid: 65_534 } : {})
    chmodSync(checkout, 0o755)
    expect(status).toBe(2)
    expect(stderr.at(-1)).toMatch(/no permission to write to .*; run as the owner of the folder, or chown it to your user\.$/)
  })
})

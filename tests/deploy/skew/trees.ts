import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../../..')
/** Trees are kept: the next run of the same commit installs nothing. */
const TREES = join(ROOT, '.zerog', 'cache', 'trees')

/** The working tree by this name, anything else is a ref of git. */
export const HERE = 'here'

export type Tree = { readonly name: string; readonly root: string; readonly main: string }

/** The sources of a ref, unpacked beside the checkout and installed from its own lockfile; throws where the ref does not exist. */
export function treeOf(ref: string): Tree {
  if (ref === HERE) return tree('the working tree', ROOT)
  const commit = commitOf(ref)
  const root = join(TREES, commit)
  const installed = join(root, '.installed')
  if (!existsSync(installed)) {
    mkdirSync(root, { recursive: true })
    const archive = execFileSync('git', ['archive', '--format=tar', commit], { cwd: ROOT, maxBuffer: 512 * 1024 * 1024 })
    execFileSync('tar', ['-x', '-C', root], { input: archive })
    const flags = [
      '--frozen-lockfile',
      '--prod',
      '--prefer-offline',
      '--reporter=silent',
      '--filter',
      'zerog',
      '--filter',
      '@zerog/cli...',
    ]
    execFileSync('pnpm', ['install', ...flags], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    writeFileSync(installed, '')
  }
  return tree(`${ref} (${commit.slice(0, 7)})`, root)
}

function commitOf(ref: string): string {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--quiet', '--verify', `${ref}^{commit}`], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`git knows no commit ${ref}`)
  return stdout.trim()
}

function tree(name: string, root: string): Tree {
  return { name, root, main: join(root, 'packages/cli/src/main.ts') }
}

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * A package that is only measured beside us, installed below .zerog when a bench first wants it: some are compiled at installation, which
 * nobody else should need a compiler for.
 * @param name and exact version, e.g. `c-kzg@4.1.0`
 * @returns the package, or why it cannot be had here
 */
export function peer<Package>(spec: string): { readonly loaded: Package } | { readonly missing: string } {
  const name = spec.slice(0, spec.lastIndexOf('@'))
  const folder = join(import.meta.dirname, '../.zerog/peers', spec.replaceAll('/', '+'))
  try {
    if (!existsSync(join(folder, 'node_modules', name))) {
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
      process.stderr.write(`installing ${spec}, which is measured beside us\n`)
      const npm = spawnSync('npm', ['install', '--save-exact', '--no-audit', '--no-fund', spec], {
        cwd: folder,
        encoding: 'utf8',
      })
      if (npm.status !== 0) return { missing: `npm install ${spec} failed: ${(npm.stderr ?? '').trim().split('\n').at(-1)}` }
    }
    return { loaded: createRequire(join(folder, 'package.json'))(name) as Package }
  } catch (error) {
    return { missing: `${spec} cannot be loaded here: ${error instanceof Error ? error.message.split('\n', 1)[0] : error}` }
  }
}

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * A package that is only measured beside us, installed below .zerog when a bench first wants it: some are compiled at installation, which
 * nobody else should need a compiler for, and the development chains take 515 MB, which no clone should have to fetch.
 * @param spec name and exact version, e.g. `c-kzg@4.1.0`
 * @returns the package, or why it cannot be had here
 */
export function peer<Package>(spec: string): { readonly loaded: Package } | { readonly missing: string } {
  try {
    return { loaded: createRequire(join(peerFolder(spec), 'package.json'))(nameOf(spec)) as Package }
  } catch (error) {
    return { missing: `${spec} cannot be loaded here: ${error instanceof Error ? error.message.split('\n', 1)[0] : error}` }
  }
}

/** The folder that holds `node_modules` with the package of `spec`; installs it first. Throws with npm's last line. */
export function peerFolder(spec: string): string {
  const folder = join(import.meta.dirname, '../.zerog/peers', spec.replaceAll('/', '+'))
  if (existsSync(join(folder, 'node_modules', nameOf(spec)))) return folder
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  process.stderr.write(`installing ${spec}, which is measured beside us\n`)
  const npm = spawnSync('npm', ['install', '--save-exact', '--no-audit', '--no-fund', spec], { cwd: folder, encoding: 'utf8' })
  if (npm.status !== 0) throw new Error(`npm install ${spec} failed: ${(npm.stderr ?? '').trim().split('\n').at(-1)}`)
  return folder
}

function nameOf(spec: string): string {
  return spec.slice(0, spec.lastIndexOf('@'))
}

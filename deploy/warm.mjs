// Fills the compile cache of the image: loads every target and the adapters that targets load when they start. Runs in the build with the
// image's own Node, user and paths, of which the cache's key is made.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const app = join(import.meta.dirname, '..')
const LAZY = [
  'kv/embedded',
  'blob-store/embedded',
  'sql/cluster',
  'bus/embedded',
  'bus/cluster',
  'cache/cluster',
  'leases/cluster',
  'chain-client/grpc',
]

const main = join(app, 'packages/cli/src/main.ts')
if (existsSync(main)) {
  for (const args of [
    ['config', 'verify'],
    ['run', '--help'],
    ['certs', '--help'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })
    if (status !== 0) {
      process.stderr.write(`zerog ${args.join(' ')} failed in the build:\n${stderr}`)
      process.exit(1)
    }
  }
}
for (const name of LAZY) await import(pathToFileURL(join(app, 'packages/adapters/src', `${name}.ts`)).href)
// What a target loads when it starts, and not before.
for (const service of readdirSync(join(app, 'services'))) {
  const start = join(app, 'services', service, 'src/adapters/start')
  if (!existsSync(start) || !existsSync(join(app, 'services', service, 'node_modules'))) continue
  for (const name of readdirSync(start).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts')))
    await import(pathToFileURL(join(start, name)).href)
}
if (!existsSync(main))
  for (const service of readdirSync(join(app, 'services'))) {
    const module = join(app, 'services', service, 'src/module.ts')
    if (existsSync(join(app, 'services', service, 'node_modules'))) await import(pathToFileURL(module).href)
  }
process.exit(0)

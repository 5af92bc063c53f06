// Removes from node_modules what no program reads at run time: types, source maps, prose, second builds of one package.
// Runs in the build stage of the image with any Node >= 20.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', 'node_modules', '.pnpm')
/** Node strips no types below node_modules, so TypeScript there is never run. */
const NO_PROGRAM = /\.(ts|mts|cts|map|flow|md|markdown)$/i
const LICENCE = /^(licen[cs]e|notice|copying)/i
/** Whole folders, by package: CommonJS beside the modules that we load, sources of native code that is there as a binary. */
const FOLDERS = {
  viem: ['_cjs', '_types'],
  ox: ['_cjs', '_types'],
  'node-llama-cpp': ['llama/gitRelease.bundle', 'llama/addon', 'templates'],
}

/** Binaries of other processors that a package drags along. */
const FOREIGN = process.arch === 'x64' ? /[-+]linux-arm64/ : /[-+]linux-x64/

let files = 0
function prune(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) prune(path)
    else if (entry.isFile() && NO_PROGRAM.test(entry.name) && !LICENCE.test(entry.name)) {
      rmSync(path)
      files++
    }
  }
}
for (const name of readdirSync(root)) {
  if (FOREIGN.test(name)) rmSync(join(root, name), { recursive: true })
  const modules = join(root, name, 'node_modules')
  if (!existsSync(modules)) continue
  for (const [owner, folders] of Object.entries(FOLDERS))
    if (name.startsWith(`${owner}@`))
      for (const folder of folders) rmSync(join(modules, owner, folder), { recursive: true, force: true })
  prune(modules)
}
process.stdout.write(`pruned ${files} files\n`)

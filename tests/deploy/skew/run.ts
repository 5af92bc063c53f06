// `pnpm skew <old> [new]`: services of two refs of git work together, and the new one goes on with what the old one stored.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { HERE, type Tree, treeOf } from './trees.ts'

const USAGE = `usage: pnpm skew <old ref> [new ref, default ${HERE}: the working tree]`
/** One target of each layer, on either side of every kind of call: the others run the other ref. */
const HALF = ['chain-validator', 'storage-gateway', 'da-disperser', 'da-node', 'compute-broker']
const COMMAND_MS = 300_000

const { positionals } = parseArgs({ allowPositionals: true })
const [oldRef, newRef = HERE] = positionals
if (oldRef === undefined || positionals.length > 2) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
const say = (line: string): void => void process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
try {
  const older = treeOf(oldRef)
  const newer = treeOf(newRef)
  await mixed(newer, older)
  await mixed(older, newer)
  await stored(older, newer)
  say(`${older.name} and ${newer.name} work together, and the latter reads what the former stored`)
} catch (error) {
  say(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

/** `half` of the targets from one ref, the rest from the other; clients of both walk through all layers. */
async function mixed(most: Tree, half: Tree): Promise<void> {
  await withFolder(async (folder) => {
    const trees = JSON.stringify(Object.fromEntries(HALF.map((target) => [target, half.root])))
    // The launcher of the working tree knows the variable, which older ones need not.
    await zerog({ ...treeOf(HERE), name: 'launcher' }, folder, ['up', '--detach', '--processes', '--port', '0'], {
      ZEROG_DEVNET_TREES: JSON.stringify({ '*': most.root, ...JSON.parse(trees) }),
    })
    for (const client of [most, half]) await zerog(client, folder, ['demo', '--timeout', '120s'])
    say(`${HALF.join(', ')} of ${half.name}, the rest of ${most.name}: both demos passed`)
  })
}

/** A devnet of the old ref is stopped and started again by the new one: everything is found, nothing is damaged, work goes on. */
async function stored(older: Tree, newer: Tree): Promise<void> {
  await withFolder(async (folder) => {
    await zerog(older, folder, ['up', '--detach', '--port', '0'])
    await zerog(older, folder, ['demo', '--timeout', '120s'])
    const before = await height(older, folder)
    await zerog(older, folder, ['down'])
    await zerog(newer, folder, ['doctor', '--deep'])
    await zerog(newer, folder, ['up', '--detach', '--port', '0'])
    const after = await height(newer, folder)
    if (after < before) throw new Error(`${newer.name} is at height ${after}, ${older.name} stopped at ${before}`)
    await zerog(newer, folder, ['demo', '--timeout', '120s'])
    say(`data of ${older.name} up to height ${before} opened, verified and continued by ${newer.name}`)
  })
}

async function height(tree: Tree, folder: string): Promise<number> {
  const text = await zerog(tree, folder, ['chain', 'status', '--json'])
  return Number(JSON.parse(text).data.height)
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zerog-skew-'))
  try {
    await work(folder)
  } finally {
    await zerog(treeOf(HERE), folder, ['down']).catch(() => '')
    rmSync(folder, { recursive: true, force: true })
  }
}

function zerog(tree: Tree, folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, ...env }, timeout: COMMAND_MS, maxBuffer: 64 * 1024 * 1024 }
    execFile(process.execPath, [tree.main, ...args, '--data-dir', folder], options, (error, out, err) => {
      if (error === null) resolve(out)
      else
        reject(new Error(`zerog ${args.join(' ')} of ${tree.name}: ${`${err}${out}`.trim().split('\n').slice(-6).join(' | ')}`))
    })
  })
}

// `pnpm skew <old> [new]`: services of two refs of git work together, and the new one goes on with what the old one stored.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { misplaced, SPLITS, type Trees, treesOf } from './plan.ts'
import { HERE, type Tree, treeOf } from './trees.ts'

const USAGE = `usage: pnpm skew <old ref> [new ref, default ${HERE}: the working tree] [--only 1|2|stored]`
const COMMAND_MS = 300_000
/** More than one storage segment and one row of DA. */
const KEPT_BYTES = 600_000

const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } })
const [oldRef, newRef = HERE] = positionals
const parts = [...SPLITS.map((_, index) => String(index + 1)), 'stored']
if (oldRef === undefined || positionals.length > 2 || (values.only !== undefined && !parts.includes(values.only))) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
const say = (line: string): void => void process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
try {
  const older = treeOf(oldRef)
  const newer = treeOf(newRef)
  for (const part of parts) {
    if (values.only !== undefined && part !== values.only) continue
    const split = SPLITS[Number(part) - 1]
    if (split === undefined) await stored(older, newer)
    else {
      await mixed(split, newer, older)
      await mixed(split, older, newer)
    }
  }
  say(`passed: ${older.name} and ${newer.name}, ${values.only ?? 'calls between them and what the former stored'}`)
} catch (error) {
  say(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

/** The targets of `split` are of one ref, the rest of the other; clients of both walk through all layers and check the other's evidence. */
async function mixed(split: readonly string[], rest: Tree, half: Tree): Promise<void> {
  await withFolder(async (folder) => {
    const trees = treesOf(split, { split: half.root, rest: rest.root })
    // The launcher of the working tree knows the variable, which older ones need not.
    await zerog({ ...treeOf(HERE), name: 'launcher' }, folder, ['up', '--detach', '--processes', '--port', '0'], {
      ZEROG_DEVNET_TREES: JSON.stringify(trees),
    })
    const services = mustRunFrom(folder, trees)
    await walk(rest, { folder, checkedBy: half })
    await walk(half, { folder, checkedBy: rest })
    say(`${split.join(', ')} of ${half.name}, the rest of ${rest.name}: ${services} processes, both demos passed`)
  })
}

/** A devnet of the old ref is stopped and started again by the new one: everything is found, nothing is damaged, work goes on. */
async function stored(older: Tree, newer: Tree): Promise<void> {
  await withFolder(async (folder) => {
    const kept = join(folder, 'kept.bin')
    await zerog(older, folder, ['up', '--detach', '--port', '0'])
    writeFileSync(kept, randomBytes(KEPT_BYTES))
    await zerog(older, folder, ['demo', '--timeout', '120s'])
    const { root } = await dataOf(older, folder, ['storage', 'cp', kept, 'zg://'])
    const { id } = await dataOf(older, folder, ['da', 'disperse', kept])
    const before = await height(older, folder)
    await zerog(older, folder, ['down'])
    await zerog(newer, folder, ['doctor', '--deep'])
    await zerog(newer, folder, ['up', '--detach', '--port', '0'])
    const after = await height(newer, folder)
    if (after < before) throw new Error(`${newer.name} is at height ${after}, ${older.name} stopped at ${before}`)
    for (const args of [
      ['storage', 'cp', `zg://${root}`],
      ['da', 'get', id],
    ]) {
      const back = join(folder, `${args[0]}.bin`)
      await zerog(newer, folder, [...args, back])
      if (!readFileSync(back).equals(readFileSync(kept))) throw new Error(`${args.join(' ')} gave other bytes`)
    }
    await walk(newer, { folder, checkedBy: older })
    say(
      `data of ${older.name} up to height ${before} opened, verified, a file and a blob of ${KEPT_BYTES} bytes read back, continued by ${newer.name}`,
    )
  })
}

/** The demo of one ref; its evidence is believed by the other's verifier. */
async function walk(client: Tree, options: { readonly folder: string; readonly checkedBy: Tree }): Promise<void> {
  const { folder, checkedBy } = options
  const { steps } = await dataOf(client, folder, ['demo', '--timeout', '120s'])
  const details: readonly string[] = steps.map(({ detail }: { detail: string }) => detail)
  const [, file, trust] = details.map((detail) => /zerog verify (\S+) --trust (\S+)/.exec(detail)).find(Boolean) ?? []
  if (file === undefined || trust === undefined) throw new Error(`the demo of ${client.name} named no evidence`)
  await zerog(checkedBy, folder, ['verify', file, '--trust', trust])
}

/** Throws unless every process runs from its folder; returns how many there are. */
function mustRunFrom(folder: string, trees: Trees): number {
  const services: Readonly<Record<string, { readonly pid: number }>> = JSON.parse(
    readFileSync(join(folder, 'endpoints.json'), 'utf8'),
  ).services
  const lines = Object.fromEntries(
    Object.entries(services).map(([name, { pid }]) => [name, readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')]),
  )
  const wrong = misplaced(lines, trees)
  if (wrong.length > 0) throw new Error(`${wrong.join(', ')} not started from the folder that they were given`)
  return Object.keys(lines).length
}

async function height(tree: Tree, folder: string): Promise<number> {
  return Number((await dataOf(tree, folder, ['chain', 'status'])).height)
}

/** `data` of what a command prints with --json. */
async function dataOf(tree: Tree, folder: string, args: readonly string[]): Promise<any> {
  return JSON.parse(await zerog(tree, folder, [...args, '--json'])).data
}

/** Removed when all went well, else kept for a look at its logs. */
async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zerog-skew-'))
  const down = () => zerog(treeOf(HERE), folder, ['down']).catch(() => '')
  const end = () => void down().then(() => process.exit(1))
  process.once('SIGINT', end).once('SIGTERM', end)
  try {
    await work(folder)
  } catch (error) {
    await down()
    say(`kept for a look: ${folder}`)
    throw error
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end)
  }
  await down()
  rmSync(folder, { recursive: true, force: true })
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

import { type ChildProcess, spawn } from 'node:child_process'
import { constants, cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { lmdbKv } from '@zerog/adapters'
import type { Hex } from '@zerog/primitives'
import { Prng } from '@zerog/sim'
import { startDevnet, temporaryFolder, zerog } from '../../e2e/devnet.ts'
import { captureAnswers, judgeAnswer, type ServedAnswers } from './served.ts'
import type { Verdict, VerdictKind } from './verdict.ts'
import { judgeWholeDevnet } from './whole.ts'

export type CampaignOptions = {
  readonly flips: number
  /** Flips after which the whole devnet is started. */
  readonly starts: number
  readonly seed: bigint
  readonly say?: (line: string) => void
}

export type CampaignReport = {
  /** By what was damaged, how many ended how. */
  readonly tally: Readonly<Record<string, Partial<Record<VerdictKind, number>>>>
  readonly wrong: readonly string[]
}

type Store = { readonly kind: 'chain' | 'segments' | 'promises'; readonly name: string; readonly weight: number }

const STORES: readonly Store[] = [
  { kind: 'segments', name: 'storage-node-0/segments.blobs', weight: 8 },
  { kind: 'chain', name: 'chain-validator-0/chain.kv', weight: 5 },
  { kind: 'chain', name: 'chain-rpc-0/chain.kv', weight: 3 },
  { kind: 'promises', name: 'storage-node-0/promises.kv', weight: 2 },
]
const SERVED_WEIGHT = 3

/**
 * Fills a devnet with the demo, stops it, and then flips one byte at a time in a copy of one of its stores or in an answer that it
 * served. Each copy is opened as a node opens it, in a child process, and everything in it is read and compared.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const say = options.say ?? (() => {})
  const random = Prng.fromSeed(options.seed)
  const dataDir = await temporaryFolder()
  const judge = startJudge()
  try {
    const answers = await fillDevnet(dataDir)
    const records = new Map<string, readonly Span[]>()
    for (const { kind, name } of STORES) {
      const path = copyOf(join(dataDir, 'targets', name), join(dataDir, 'flipped', basename(name)))
      const learned = await judge.ask({ kind, name, path, learn: true })
      if (learned.kind === 'WRONG') throw new Error(`${name} cannot be read before any flip: ${learned.detail}`)
      if (kind === 'chain') records.set(name, await recordsIn(path))
      say(`${name}: ${learned.detail}`)
    }
    const tally: Record<string, Partial<Record<VerdictKind, number>>> = {}
    const wrong: string[] = []
    const count = (what: string, place: string, verdict: Verdict): void => {
      tally[what] = { ...tally[what], [verdict.kind]: (tally[what]?.[verdict.kind] ?? 0) + 1 }
      if (verdict.kind === 'WRONG') wrong.push(`${place}: ${verdict.detail}`)
      if (verdict.kind === 'WRONG') say(`WRONG ${wrong.at(-1)}`)
    }
    const weights = STORES.reduce((sum, { weight }) => sum + weight, 0) + SERVED_WEIGHT
    for (let flip = 1; flip <= options.flips; flip++) {
      const store = pickStore(random.below(weights))
      if (store === undefined) {
        const { place, verdict } = await judgeAnswer(answers, random)
        count('served proofs', place, verdict)
        continue
      }
      const path = copyOf(join(dataDir, 'targets', store.name), join(dataDir, 'flipped', basename(store.name)))
      // Most bytes of a tree file belong to pages that are free: half of the flips go where records are.
      const live = random.chance(0.5) ? (records.get(store.name) ?? []) : []
      const place = `${store.name}, ${live.length > 0 ? flipRecord(path, random.pick(live), random) : flipByte(path, random)}`
      count(store.name, place, await judge.ask({ kind: store.kind, name: store.name, path, learn: false }))
      if (flip % 250 === 0) say(`${flip}/${options.flips} ${JSON.stringify(tally)}`)
    }
    for (let start = 1; start <= options.starts; start++) {
      const store = STORES[(start - 1) % STORES.length] as Store
      const { place, verdict } = await judgeWholeDevnet(dataDir, answers, (copy) => {
        const path = join(copy, 'targets', store.name)
        return `${store.name}, ${flipByte(path, random)}`
      })
      count('whole devnet', place, verdict)
      say(`start ${start}/${options.starts}: ${place}: ${verdict.kind} ${verdict.detail.slice(0, 200)}`)
    }
    return { tally, wrong }
  } finally {
    judge.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** Demo and some transfers; then stopped in order, so that the stores are closed. */
async function fillDevnet(dataDir: string): Promise<ServedAnswers> {
  const devnet = await startDevnet(dataDir)
  try {
    const demo = await devnet.zerog('demo', '--json')
    if (demo.code !== 0) throw new Error(`the demo failed: ${demo.err}`)
    const steps: readonly { layer: string; id: Hex }[] = demo.json().data.steps
    const root = steps.findLast(({ layer }) => layer === 'storage')?.id
    if (root === undefined) throw new Error('the demo stored no file')
    return await captureAnswers(devnet.endpoints, root)
  } finally {
    await zerog(['down', '--data-dir', dataDir])
  }
}

function pickStore(at: number): Store | undefined {
  let rest = at
  return STORES.find(({ weight }) => {
    rest -= weight
    return rest < 0
  })
}

export function copyOf(from: string, to: string): string {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE })
  return to
}

/** One byte of all bytes of all files of a folder alike; lmdb's lock file holds no data. */
function flipByte(folder: string, random: Prng): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('-lock'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  let at = random.below(files.reduce((sum, file) => sum + statSync(file).size, 0))
  for (const file of files) {
    const { size } = statSync(file)
    if (at < size) return flipAt(file, at, random)
    at -= size
  }
  throw new Error(`${folder} has no bytes (${existsSync(folder)})`)
}

function flipAt(file: string, at: number, random: Prng): string {
  const bytes = readFileSync(file)
  const mask = 1 + random.below(255)
  bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at)
  writeFileSync(file, bytes)
  return `byte ${at} ^ ${mask} of ${basename(file)}`
}

type Span = { readonly offset: number; readonly length: number }

/** Tables of a chain whose values are long enough to be found again in the file. */
const TABLES = ['trie', 'code', 'block', 'meta']

/** Where the values of records lie in the file; older copies of a value on free pages are among them. */
async function recordsIn(path: string): Promise<readonly Span[]> {
  const kv = lmdbKv({ path })
  const values = TABLES.flatMap((table) => [...kv.range(table)].map(([, value]) => Buffer.from(value)))
  await kv.close()
  const file = readFileSync(join(path, 'data.mdb'))
  return values
    .filter(({ length }) => length >= 16)
    .flatMap((value) => {
      const spans: Span[] = []
      for (let offset = file.indexOf(value); offset >= 0; offset = file.indexOf(value, offset + 1))
        spans.push({ offset, length: value.length })
      return spans
    })
}

function flipRecord(path: string, { offset, length }: Span, random: Prng): string {
  return flipAt(join(path, 'data.mdb'), offset + random.below(length), random)
}

type Task = { readonly kind: Store['kind']; readonly name: string; readonly path: string; readonly learn: boolean }

function startJudge() {
  const script = join(import.meta.dirname, 'judge.ts')
  const { NODE_OPTIONS: _options, ...env } = process.env
  const child: ChildProcess = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'], env })
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4_000)
  })
  child.stdin?.on('error', () => {})
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]() // a pipe, as asked for
  return {
    async ask(task: Task): Promise<Verdict> {
      child.stdin?.write(`${JSON.stringify(task)}\n`)
      const answer = await lines.next()
      if (answer.done)
        throw new Error(`${task.name}: the process that read it crashed (${child.signalCode ?? child.exitCode}):\n${errors}`)
      return JSON.parse(answer.value) as Verdict
    },
    stop: () => void child.kill('SIGKILL'),
  }
}

import { lmdbKv, verifyKv } from '@zerog/adapters'
import { rebuildChain, type StoredChain, verifyStoredChain } from '@zerog/chain'
import { createChainBackend } from '@zerog/chain/testing'
import { addresses, developmentAccounts, developmentDisperser } from '@zerog/contracts'
import type { Kv } from '@zerog/ports'
import { type Hex, toHex } from '@zerog/primitives'
import { describe, firstError, judgeError, type Line, line, silentlyWrong, type Verdict } from './verdict.ts'

const SLOTS = 16
const STORE_NAMES = ['chain', 'chain.kv']
/** Of the genesis that `zerog up` makes without flags. */
const SETTINGS = { daMembers: 4, fundedAccounts: [developmentDisperser().address] }

/** Everything that a node can be asked for out of its chain: blocks, receipts, indexes, accounts, code, words, proofs. */
async function readChain(kv: Kv): Promise<readonly Line[]> {
  const lines: Line[] = []
  const fatals: unknown[] = []
  let chain: Awaited<ReturnType<typeof createChainBackend>>
  try {
    const fatal = (error: unknown) => void fatals.push(error)
    chain = await createChainBackend({ kv, chainOnly: false, settings: SETTINGS, sealing: { kind: 'manual' }, fatal })
  } catch (error) {
    return [{ name: 'start', error }]
  }
  const { backend } = chain
  const add = async (name: string, read: () => unknown) => void lines.push(await line(name, read))
  const head = backend.head()
  await add('head', () => head.hash)
  for (let height = 0n; height <= head.header.height; height++) {
    await add(`block ${height}`, () => show(backend.blockByHeight(height)))
    await add(`block ${height} by its hash`, () => {
      const block = backend.blockByHeight(height)
      return block === undefined ? 'none' : backend.blockByHash(block.hash)?.hash
    })
    await add(`transactions of block ${height}`, () =>
      backend.blockByHeight(height)?.transactions.map(({ hash }) => backend.transaction(hash)?.index),
    )
  }
  const { flow, market } = addresses({ chainId: 31_337n })
  const { stateRoot } = head.header
  for (const address of [...developmentAccounts().map((account) => account.address), flow, market]) {
    await add(`account ${address}`, async () => show(await backend.executor.account(stateRoot, address)))
    await add(`code of ${address}`, () => backend.executor.code(stateRoot, address))
    await add(`proof of ${address}`, async () => show(await backend.executor.proof(stateRoot, address, slots())))
  }
  await chain.stop()
  for (const error of fatals) lines.push({ name: 'fatal', error })
  return lines
}

function slots(): readonly Hex[] {
  return Array.from({ length: SLOTS }, (_, slot) => toHex(new Uint8Array(32).fill(slot, 31)))
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, part) =>
    typeof part === 'bigint' ? String(part) : part instanceof Uint8Array ? toHex(part) : part,
  )
}

/** What an undamaged store holds. */
export async function learnChain(path: string): Promise<ReadonlyMap<string, string>> {
  const kv = lmdbKv({ path, name: 'chain' })
  const lines = await readChain(kv)
  await kv.close()
  const error = firstError(lines)
  if (error !== undefined) throw error
  return new Map(lines.map((entry) => [entry.name, 'value' in entry ? entry.value : '']))
}

/** Starts on a damaged store as a node does, reads everything, and looks what the doctor says. Writes to the store. */
export async function judgeChain(path: string, truth: ReadonlyMap<string, string>): Promise<Verdict> {
  let kv: Kv
  try {
    kv = lmdbKv({ path, name: 'chain' })
  } catch (error) {
    return judgeError(error, STORE_NAMES)
  }
  const lines = await readChain(kv)
  await kv.close()
  const started = lines[0]?.name !== 'start'
  const wrong = started
    ? silentlyWrong(
        lines.filter(({ name }) => name !== 'fatal'),
        truth,
      )
    : undefined
  if (wrong !== undefined) return { kind: 'WRONG', detail: wrong }
  const error = firstError(lines)
  if (error === undefined) return doctor(path)
  const verdict = judgeError(error, STORE_NAMES)
  return verdict.kind === 'stopped' ? rebuilt(path, truth, verdict) : verdict
}

async function withChain<T>(path: string, work: (chain: StoredChain) => Promise<T>): Promise<T> {
  const { chainRpcModule } = await import('@zerog/chain')
  const kv = lmdbKv({ path, name: 'chain' })
  try {
    return await work({ kv, chainId: 31_337n, config: chainRpcModule.config.parse(SETTINGS) })
  } finally {
    await kv.flush()
    await kv.close()
  }
}

/** What `zerog doctor --deep` looks at. */
async function doctor(path: string): Promise<Verdict> {
  const { damage } = verifyKv(path)
  const [first] = damage
  if (first !== undefined) {
    const key = first.key === undefined ? '' : ` key ${toHex(first.key)}`
    return { kind: 'found', detail: `chain table ${first.table}${key}: ${first.problem}` }
  }
  const { problems } = await withChain(path, (chain) => verifyStoredChain(chain, { deep: true }))
  const [problem] = problems
  if (problem !== undefined)
    return { kind: 'found', detail: `chain table ${problem.table} key ${problem.key}: ${problem.problem}` }
  return { kind: 'unchanged', detail: '' }
}

/** `zerog chain rebuild`, as the message says: afterwards everything is as it was. */
async function rebuilt(path: string, truth: ReadonlyMap<string, string>, verdict: Verdict): Promise<Verdict> {
  try {
    await withChain(path, (chain) => rebuildChain(chain))
  } catch (error) {
    return { kind: 'WRONG', detail: `${verdict.detail}, and the rebuild failed: ${describe(error)}` }
  }
  const kv = lmdbKv({ path, name: 'chain' })
  const lines = await readChain(kv)
  await kv.close()
  const failed = firstError(lines)
  const wrong = failed === undefined ? silentlyWrong(lines, truth) : describe(failed)
  if (wrong !== undefined) return { kind: 'WRONG', detail: `${verdict.detail}, and after the rebuild: ${wrong}` }
  const after = await doctor(path)
  return after.kind === 'unchanged'
    ? verdict
    : { kind: 'WRONG', detail: `${verdict.detail}, and after the rebuild: ${after.detail}` }
}

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import { keccak256 } from './codec/keccak.ts'
import { type RlpItem, rlpDecode, rlpEncode, rlpInteger } from './codec/rlp.ts'
import { privateKeyAddress } from './codec/signature.ts'
import { decodeTransaction } from './codec/transaction.ts'
import { createEngine } from './engine/create-engine.ts'
import type { EngineName } from './engine/engine.ts'
import { intrinsicGas } from './engine/gas.ts'
import { applyMessage, type MessageRequest } from './engine/transition.ts'
import type { AccessListItem, BlockEnvironment, Log } from './executor.ts'
import { createNodeStore } from './state/node-store.ts'
import { NEW_ACCOUNT, stateKey, stripZeros } from './state/world-state.ts'
import { EMPTY_ROOT } from './trie/trie.ts'

const fixtures = join(process.env.ZEROG_FIXTURES ?? join(process.cwd(), '../shared/fixtures'), 'chain/ethereum-tests')
const present = existsSync(fixtures)
if (!present && process.env.ZEROG_REQUIRE_FIXTURES === '1') throw new Error(`fixtures are missing: ${fixtures}`)
const describeFixtures = present ? describe : describe.skip
/** Every n-th state test in `npm test`, all of them with ZEROG_CONFORMANCE=all. */
const STRIDE = process.env.ZEROG_CONFORMANCE === 'all' ? 1 : 8

function jsonFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(folder, name))
}

function load(path: string): Record<string, any> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, any>
}

describeFixtures('ethereum/tests', () => {
  test('RLPTests: every valid item round-trips, every invalid one is refused', () => {
    let checked = 0
    for (const path of jsonFiles(join(fixtures, 'RLPTests'))) {
      for (const [name, { in: input, out }] of Object.entries(load(path))) {
        const encoded = new Uint8Array(Buffer.from(String(out).replace(/^0x/, ''), 'hex'))
        if (input === 'INVALID') {
          expect({ name, refused: throws(() => rlpDecode(encoded)) }).toEqual({ name, refused: true })
        } else if (input === 'VALID') {
          expect(toHex(rlpEncode(rlpDecode(encoded)))).toBe(toHex(encoded))
        } else {
          expect({ name, out: toHex(rlpEncode(toItem(input))) }).toEqual({ name, out: toHex(encoded) })
          expect(toHex(rlpEncode(rlpDecode(encoded)))).toBe(toHex(encoded))
        }
        checked += 1
      }
    }
    expect(checked).toBeGreaterThan(50)
  })

  test('TransactionTests: hash and sender under Cancun, or a refusal', () => {
    const wrong: string[] = []
    let checked = 0
    for (const path of jsonFiles(join(fixtures, 'TransactionTests'))) {
      for (const [name, { txbytes, result }] of Object.entries(load(path))) {
        const wanted = result.Cancun ?? result.Shanghai ?? result.London
        if (wanted === undefined) continue
        checked += 1
        const outcome = judge(txbytes)
        const same = 'exception' in wanted ? outcome === 'refused' : outcome === `${wanted.hash} ${wanted.sender}`
        if (!same)
          wrong.push(`${path.split('/').slice(-2).join('/')} ${name}: ${outcome}, wanted ${wanted.hash ?? wanted.exception}`)
      }
    }
    expect(wrong).toEqual([])
    expect(checked).toBeGreaterThan(100)
  })

  const files = present ? jsonFiles(join(fixtures, 'GeneralStateTests')) : []
  const chosen = files.filter((_, index) => index % STRIDE === 0)
  test(
    `GeneralStateTests: ${chosen.length} of ${files.length} files give the published roots and logs of Cancun`,
    async () => {
      const wrong: string[] = []
      let checked = 0
      for (const path of chosen) {
        for (const [name, state] of Object.entries(load(path))) {
          for (const [index, post] of (state.post.Cancun ?? []).entries()) {
            if (!isExpressible(state.transaction)) continue
            checked += 1
            const problem = await runStateTest(state, post)
            if (problem !== undefined) wrong.push(`${path.split('/').slice(-2).join('/')} ${name} ${index}: ${problem}`)
          }
        }
      }
      expect(wrong).toEqual([])
      expect(checked).toBeGreaterThan(present ? 50 : 0)
    },
    20 * 60_000,
  )
})

/** Blob transactions are not carried here, and values beyond 256 bits have no form in our types. */
function isExpressible({ blobVersionedHashes, value }: Record<string, any>): boolean {
  return blobVersionedHashes === undefined && !(value as string[]).some((text) => text.startsWith('0x:bigint'))
}

function throws(work: () => unknown): boolean {
  try {
    work()
    return false
  } catch {
    return true
  }
}

function toItem(input: unknown): RlpItem {
  if (Array.isArray(input)) return input.map(toItem)
  if (typeof input === 'number') return rlpInteger(BigInt(input))
  const text = String(input)
  return text.startsWith('#') ? rlpInteger(BigInt(text.slice(1))) : new Uint8Array(Buffer.from(text))
}

function judge(txbytes: string): string {
  try {
    const transaction = decodeTransaction(fromHex(txbytes as Hex), { chainId: 1n })
    const { data, to, accessList, gasLimit } = transaction
    const { intrinsic } = intrinsicGas({
      data: fromHex(data),
      creation: to === null,
      accessList: accessList ?? [],
      authorizationCount: 0,
    })
    if (gasLimit < intrinsic) return 'refused'
    if (to === null && fromHex(data).length > 49_152) return 'refused'
    return `${transaction.hash} ${transaction.from}`
  } catch {
    return 'refused'
  }
}

const engineName: EngineName = process.env.ZEROG_ENGINE === 'ethereumjs' ? 'ethereumjs' : 'zerog'

async function runStateTest(given: Record<string, any>, post: Record<string, any>): Promise<string | undefined> {
  const store = createNodeStore(memoryKv())
  const engine = createEngine(engineName, { fork: 'cancun', chainId: 1n, store })
  const environment = toEnvironment(given.env)
  engine.open(EMPTY_ROOT, environment)
  for (const [name, account] of Object.entries<any>(given.pre)) {
    const address = stateKey(name)
    engine.state.putAccount(address, { ...NEW_ACCOUNT, balance: BigInt(account.balance), nonce: BigInt(account.nonce) })
    if (account.code !== '0x') engine.state.putCode(address, fromHex(account.code))
    for (const [slot, value] of Object.entries<string>(account.storage)) {
      engine.state.putStorage(address, stateKey(pad(slot)), stripZeros(fromHex(pad(value))))
    }
  }
  engine.state.endTransaction()
  const { root, additions } = engine.state.seal()
  store.announce(additions)
  engine.open(root, environment)
  const request = toRequest(given.transaction, post.indexes)
  // The gas left in a block is the builder's check.
  if (request.gasLimit > environment.gasLimit)
    return post.expectException === undefined ? 'beyond the block gas limit' : undefined
  const outcome = await applyMessage(engine, request, environment, { kind: 'transaction', traced: false })
  const refused = 'rejected' in outcome
  if (refused !== (post.expectException !== undefined)) {
    return refused ? `refused: ${outcome.message}` : `accepted, wanted ${post.expectException}`
  }
  const after = toHex(engine.state.seal().root)
  if (after !== post.hash) return `root ${after}, wanted ${post.hash}`
  const logs = toHex(keccak256(rlpEncode(refused ? [] : outcome.logs.map(logItem))))
  return logs === post.logs ? undefined : `logs ${logs}, wanted ${post.logs}`
}

function logItem({ address, topics, data }: Log): RlpItem {
  return [fromHex(address), topics.map((topic) => fromHex(topic)), fromHex(data)]
}

function pad(hex: string): Hex {
  return `0x${hex.slice(2).padStart(64, '0')}`
}

function toEnvironment(env: Record<string, string>): BlockEnvironment {
  return {
    height: BigInt(env.currentNumber as string),
    parentHash: (env.previousHash ?? pad('0x')) as Hex,
    timestampSeconds: BigInt(env.currentTimestamp as string),
    gasLimit: BigInt(env.currentGasLimit as string),
    baseFeePerGas: BigInt(env.currentBaseFee ?? '0x0a'),
    beneficiary: env.currentCoinbase as Hex,
    prevRandao: pad(env.currentRandom ?? env.currentDifficulty ?? '0x0'),
    extraData: '0x',
  }
}

function toRequest(transaction: Record<string, any>, indexes: { data: number; gas: number; value: number }): MessageRequest {
  const gasPrice = transaction.gasPrice === undefined ? undefined : BigInt(transaction.gasPrice)
  return {
    from: toHex(privateKeyAddress(fromHex(transaction.secretKey))),
    to: transaction.to === '' ? null : transaction.to,
    nonce: BigInt(transaction.nonce),
    gasLimit: BigInt(transaction.gasLimit[indexes.gas]),
    value: BigInt(transaction.value[indexes.value]),
    data: fromHex(transaction.data[indexes.data]),
    maxFeePerGas: gasPrice ?? BigInt(transaction.maxFeePerGas),
    maxPriorityFeePerGas: gasPrice ?? BigInt(transaction.maxPriorityFeePerGas),
    accessList: (transaction.accessLists?.[indexes.data] ?? []) as AccessListItem[],
    authorizations: undefined,
    chainId: 1n,
  }
}

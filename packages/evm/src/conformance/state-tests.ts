import type { Kv } from '@zerog/ports'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import { keccak256, keccakHex } from '../codec/keccak.ts'
import { type RlpItem, rlpEncode } from '../codec/rlp.ts'
import { privateKeyAddress } from '../codec/signature.ts'
import { decodeTransaction } from '../codec/transaction.ts'
import { blobBaseFeeOf } from '../engine/blobs.ts'
import type { Engine, EngineName } from '../engine/engine.ts'
import { loadEngine } from '../engine/load-engine.ts'
import { transactionRequest } from '../engine/requests.ts'
import { applyMessage, type MessageRequest } from '../engine/transition.ts'
import type { AccessListItem, Authorization, BlockEnvironment, Log } from '../executor.ts'
import type { Fork } from '../interpreter/rules.ts'
import { TRANSACTION_BYTES_MAX } from '../limits.ts'
import { createNodeStore } from '../state/node-store.ts'
import { NEW_ACCOUNT, stateKey, stripZeros } from '../state/world-state.ts'
import { EMPTY_ROOT } from '../trie/trie.ts'
import { addressText, hexText, isObject, type Json, list, object, quantity, Unrepresentable, wordText } from './values.ts'

export type StateCase = { readonly test: Json; readonly post: Json; readonly fork: Fork; readonly engine: EngineName }

/** Runs one entry of `post`: undefined if its root and logs come out, else what is wrong. */
export async function runStateCase({ test, post, fork, engine: name }: StateCase): Promise<string | undefined> {
  const chainId = isObject(test.config) && test.config.chainid !== undefined ? quantity(test.config.chainid, 'chainid') : 1n
  const store = createNodeStore(NOTHING_STORED)
  const environment = toEnvironment(object(test.env, 'env'), fork)
  const create = await loadEngine(name)
  const engine = create({ fork, chainId, store, blockHash: testBlockHash })
  engine.open(EMPTY_ROOT, environment)
  allocate(engine, object(test.pre, 'pre'))
  const { root, additions } = engine.state.seal()
  store.announce(additions)
  engine.open(root, environment)
  const outcome = await attempt(engine, { test, post, environment, chainId })
  const expected = post.expectException
  if (typeof outcome === 'string' && expected === undefined) return `refused: ${outcome}`
  if (typeof outcome !== 'string' && expected !== undefined) return `accepted, wanted ${String(expected)}`
  const after = toHex(engine.state.seal().root)
  if (after !== hexText(post.hash, 'hash')) return `root ${after}, wanted ${String(post.hash)}`
  const logs = keccakHex(rlpEncode(typeof outcome === 'string' ? [] : outcome.map(logItem)))
  return logs === hexText(post.logs, 'logs') ? undefined : `logs ${logs}, wanted ${String(post.logs)}`
}

/** The state of a test is announced, never written. */
const NOTHING_STORED: Kv = {
  get: () => undefined,
  range: () => [],
  write: () => undefined,
  flush: async () => undefined,
  close: async () => undefined,
}

/** State tests have no chain: the hash of an ancestor is that of its number in decimal. */
function testBlockHash(height: bigint): Uint8Array {
  return keccak256(new TextEncoder().encode(height.toString()))
}

function allocate({ state }: Engine, pre: Json): void {
  for (const [name, given] of Object.entries(pre)) {
    const account = object(given, 'account')
    const address = stateKey(addressText(name, 'address'))
    const balance = quantity(account.balance ?? '0x', 'balance')
    state.putAccount(address, { ...NEW_ACCOUNT, balance, nonce: quantity(account.nonce ?? '0x', 'nonce') })
    const code = fromHex(hexText(account.code ?? '0x', 'code'))
    if (code.length > 0) state.putCode(address, code)
    for (const [slot, value] of Object.entries(object(account.storage ?? {}, 'storage'))) {
      const stored = stripZeros(fromHex(wordText(value, 'storage value')))
      if (stored.length > 0) state.putStorage(address, stateKey(wordText(slot, 'slot')), stored)
    }
  }
  state.endTransaction()
}

function toEnvironment(env: Json, fork: Fork): BlockEnvironment {
  const height = quantity(env.currentNumber, 'currentNumber')
  return {
    height,
    parentHash: toHex(testBlockHash(height - 1n)),
    timestampSeconds: quantity(env.currentTimestamp, 'currentTimestamp'),
    gasLimit: quantity(env.currentGasLimit, 'currentGasLimit'),
    // What geth takes where a test says nothing.
    baseFeePerGas: quantity(env.currentBaseFee ?? '0x0a', 'currentBaseFee'),
    beneficiary: addressText(env.currentCoinbase, 'currentCoinbase'),
    prevRandao: wordText(env.currentRandom ?? env.currentDifficulty ?? '0x', 'currentRandom'),
    extraData: '0x',
    blobBaseFee: blobBaseFeeOf(quantity(env.currentExcessBlobGas ?? '0x', 'currentExcessBlobGas'), fork),
  }
}

type Attempt = {
  readonly test: Json
  readonly post: Json
  readonly environment: BlockEnvironment
  readonly chainId: bigint
}

/** The logs, or why the transaction was refused. */
async function attempt(engine: Engine, { test, post, environment, chainId }: Attempt): Promise<readonly Log[] | string> {
  const request = toRequest(object(test.transaction, 'transaction'), post, chainId)
  if (typeof request === 'string') return request
  if (request.authorizations !== undefined && !engine.rules.delegation) return 'transaction type not supported'
  // The gas left in a block is the builder's check.
  if (request.gasLimit > environment.gasLimit) return 'gas limit reached'
  const outcome = await applyMessage(engine, request, environment, { kind: 'transaction', traced: false })
  return 'rejected' in outcome ? outcome.message : outcome.logs
}

/** The signed bytes where a test gives them, so that they pass our decoder; else the fields. */
function toRequest(transaction: Json, post: Json, chainId: bigint): MessageRequest | string {
  try {
    const raw = post.txbytes === undefined ? undefined : fromHex(hexText(post.txbytes, 'txbytes'))
    // The pool's limit of size is no rule of the state transition.
    if (raw === undefined || raw.length === 0 || raw.length > TRANSACTION_BYTES_MAX) return fromFields(transaction, post, chainId)
    const decoded = decodeTransaction(raw, { chainId })
    const sender = transaction.sender === undefined ? decoded.from : addressText(transaction.sender, 'sender')
    if (sender !== decoded.from) throw new SyntaxError(`txbytes are of ${decoded.from}, the sender is ${sender}`)
    const { blobVersionedHashes: hashes, maxFeePerBlobGas } = decoded
    return {
      ...transactionRequest(decoded, chainId),
      ...(hashes !== undefined && { blobs: { hashes, maxFeePerGas: maxFeePerBlobGas ?? 0n } }),
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw error
    return error instanceof Error ? error.message : String(error)
  }
}

function fromFields(transaction: Json, post: Json, chainId: bigint): MessageRequest {
  const indexes = object(post.indexes, 'indexes')
  const at = (name: string, index: unknown): unknown => list(transaction[name], name)[Number(quantity(index, name))]
  const data = indexes.data
  const gasPrice = transaction.gasPrice === undefined ? undefined : quantity(transaction.gasPrice, 'gasPrice')
  const lists = transaction.accessLists === undefined ? undefined : at('accessLists', data)
  const hashes = transaction.blobVersionedHashes
  const gasLimit = quantity(at('gasLimit', indexes.gas), 'gasLimit')
  if (gasLimit >= 1n << 64n) throw new Unrepresentable('gasLimit does not fit into 64 bits')
  return {
    from: senderOf(transaction),
    to:
      transaction.to === '' || transaction.to === undefined || transaction.to === '0x' ? null : addressText(transaction.to, 'to'),
    nonce: quantity(transaction.nonce, 'nonce'),
    gasLimit,
    value: quantity(at('value', indexes.value), 'value'),
    data: fromHex(hexText(at('data', data), 'data')),
    maxFeePerGas: gasPrice ?? quantity(transaction.maxFeePerGas, 'maxFeePerGas'),
    maxPriorityFeePerGas: gasPrice ?? quantity(transaction.maxPriorityFeePerGas ?? '0x', 'maxPriorityFeePerGas'),
    accessList: lists === undefined || lists === null ? [] : toAccessList(lists),
    authorizations:
      transaction.authorizationList === undefined
        ? undefined
        : list(transaction.authorizationList, 'authorizationList').map(toAuthorization),
    chainId,
    ...(hashes !== undefined && {
      blobs: {
        hashes: list(hashes, 'blobVersionedHashes').map((hash) => hexText(hash, 'blob hash')),
        maxFeePerGas: quantity(transaction.maxFeePerBlobGas ?? '0x', 'maxFeePerBlobGas'),
      },
    }),
  }
}

function senderOf(transaction: Json): Hex {
  if (transaction.sender !== undefined) return addressText(transaction.sender, 'sender')
  return toHex(privateKeyAddress(fromHex(wordText(transaction.secretKey, 'secretKey'))))
}

function toAccessList(value: unknown): AccessListItem[] {
  return list(value, 'accessList').map((given) => {
    const entry = object(given, 'accessList entry')
    const keys = list(entry.storageKeys ?? [], 'storageKeys')
    return {
      address: addressText(entry.address, 'accessList address'),
      storageKeys: keys.map((key) => wordText(key, 'storageKey')),
    }
  })
}

function toAuthorization(value: unknown): Authorization {
  const tuple = object(value, 'authorization')
  return {
    chainId: quantity(tuple.chainId, 'authorization chainId'),
    address: addressText(tuple.address, 'authorization address'),
    nonce: quantity(tuple.nonce, 'authorization nonce'),
    yParity: Number(quantity(tuple.yParity ?? tuple.v, 'authorization yParity')),
    r: quantity(tuple.r, 'authorization r'),
    s: quantity(tuple.s, 'authorization s'),
  }
}

function logItem({ address, topics, data }: Log): RlpItem {
  return [fromHex(address), topics.map((topic) => fromHex(topic)), fromHex(data)]
}

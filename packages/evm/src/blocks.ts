import { assert, fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import { decodeBlock, encodeBlock, headerHash, receiptsRoot, transactionsRoot } from './codec/block.ts'
import { bloomBytes, EMPTY_BLOOM, receiptBloom } from './codec/bloom.ts'
import type { Engine } from './engine/engine.ts'
import { transactionRequest } from './engine/requests.ts'
import { BEACON_ROOTS_ADDRESS, HISTORY_ADDRESS, SYSTEM_ADDRESS, SYSTEM_CALL_GAS } from './engine/system-contracts.ts'
import { type Applied, applyMessage, systemCall } from './engine/transition.ts'
import type { BlockEnvironment, ExecutedBlock, GenesisAllocation, Header, Receipt, Refusal, Transaction } from './executor.ts'
import { environmentOf, equal, FIXED_FIELDS, fail } from './header-rules.ts'
import type { StateAdditions } from './state/node-store.ts'
import { NEW_ACCOUNT, stateKey, stripZeros } from './state/world-state.ts'
import { EMPTY_ROOT } from './trie/trie.ts'

/** A block with what its state adds to the store. */
export type Produced = { readonly block: ExecutedBlock; readonly additions: StateAdditions }

/** No transaction fits below this. */
const TRANSACTION_GAS_MIN = 21_000n

export function produceGenesis(engine: Engine, allocation: GenesisAllocation, environment: BlockEnvironment): Produced {
  const { state } = engine
  engine.open(EMPTY_ROOT, environment)
  for (const [name, { balance, nonce, code, storage }] of Object.entries(allocation)) {
    const address = stateKey(name)
    state.putAccount(address, { ...NEW_ACCOUNT, balance, nonce: nonce ?? 0n })
    if (code !== undefined && code !== '0x') state.putCode(address, fromHex(code))
    for (const [slot, value] of Object.entries(storage ?? {})) {
      state.putStorage(address, stateKey(slot), stripZeros(fromHex(value)))
    }
  }
  state.endTransaction()
  return finish(engine, environment, { transactions: [], receipts: [], gasUsed: 0n })
}

/** Executes candidates in order on top of `parent`; those that cannot stand are reported and skipped. */
export async function produceBlock(
  engine: Engine,
  options: {
    readonly parent: Header
    readonly environment: BlockEnvironment
    readonly candidates: Iterable<Transaction>
    readonly chainId: bigint
    readonly contractSenders?: boolean
    readonly signal?: AbortSignal
  },
): Promise<Produced & { readonly refusals: Refusal[] }> {
  const { parent, environment, chainId, signal } = options
  const mode = { kind: 'transaction', traced: false, contractSenders: options.contractSenders === true } as const
  assert(environment.height === parent.height + 1n, 'a block is built on its parent')
  engine.open(fromHex(parent.stateRoot, 32), environment, signal)
  await startBlock(engine, environment)
  const transactions: Transaction[] = []
  const receipts: Receipt[] = []
  const refusals: Refusal[] = []
  let gasUsed = 0n
  for (const transaction of options.candidates) {
    const left = environment.gasLimit - gasUsed
    if (left < TRANSACTION_GAS_MIN) break
    if (transaction.gasLimit > left) {
      refusals.push({ transaction, reason: 'gas_limit', message: 'gas limit reached' })
      continue
    }
    if (transaction.type === 3) {
      refusals.push({ transaction, reason: 'invalid', message: 'transaction type not supported' })
      continue
    }
    // Transfers never reach the interpreter, so the builder gives the event loop its turn itself.
    await engine.turn()
    const applied = await applyMessage(engine, transactionRequest(transaction, chainId), environment, mode)
    if ('rejected' in applied) {
      refusals.push({ transaction, reason: applied.rejected, message: applied.message })
      continue
    }
    gasUsed += applied.gasUsed
    transactions.push(transaction)
    receipts.push(toReceipt(transaction, applied, gasUsed))
  }
  return { ...finish(engine, environment, { transactions, receipts, gasUsed }), refusals }
}

/** Executes a block of somebody else; every root of its header must come out. Throws VERIFICATION_FAILED. */
export async function reproduceBlock(
  engine: Engine,
  options: {
    readonly parent: Header
    readonly encoded: Uint8Array
    readonly chainId: bigint
    /** 20 bytes for each transaction: from our own store, or recovered before. */
    readonly senders?: Uint8Array | undefined
    readonly check: (header: Header) => void
  },
): Promise<Produced> {
  const { header, transactions } = readBlock(options.encoded, options)
  options.check(header)
  equal('transactionsRoot', header.transactionsRoot, transactionsRoot(transactions))
  const { block, additions, refusals } = await produceBlock(engine, {
    parent: options.parent,
    environment: environmentOf(header),
    candidates: transactions,
    chainId: options.chainId,
  })
  const [refused] = refusals
  if (refused !== undefined)
    fail('transactionsRoot', `holds ${refused.transaction.hash}, which cannot be executed: ${refused.message}`)
  if (block.transactions.length !== transactions.length) fail('gasLimit', 'does not allow all transactions of the block')
  for (const field of ['gasUsed', 'receiptsRoot', 'logsBloom', 'stateRoot'] as const) {
    equal(field, header[field], block.header[field])
  }
  return { block, additions }
}

/** The protocol's own calls at the start of a block (EIP-4788, EIP-2935). */
export async function startBlock(engine: Engine, environment: BlockEnvironment): Promise<void> {
  const call = { caller: SYSTEM_ADDRESS, data: fromHex(environment.parentHash, 32), gas: SYSTEM_CALL_GAS }
  await systemCall(engine, environment, { ...call, to: BEACON_ROOTS_ADDRESS })
  await systemCall(engine, environment, { ...call, to: HISTORY_ADDRESS })
}

export function toReceipt(transaction: Transaction, applied: Applied, cumulativeGasUsed: bigint): Receipt {
  return {
    type: transaction.type,
    status: applied.status,
    gasUsed: applied.gasUsed,
    cumulativeGasUsed,
    effectiveGasPrice: applied.effectiveGasPrice,
    logs: applied.logs,
    logsBloom: receiptBloom(applied.logs),
    contractAddress: applied.contractAddress,
  }
}

function readBlock(encoded: Uint8Array, { chainId, senders }: { chainId: bigint; senders?: Uint8Array | undefined }) {
  try {
    return decodeBlock(encoded, { chainId, ...(senders !== undefined && { senders }) })
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new ZerogError('VERIFICATION_FAILED', { message: `the block does not decode: ${problem}`, cause })
  }
}

function finish(
  engine: Engine,
  environment: BlockEnvironment,
  { transactions, receipts, gasUsed }: { transactions: Transaction[]; receipts: Receipt[]; gasUsed: bigint },
): Produced {
  const { root, additions } = engine.state.seal()
  const header: Header = {
    ...FIXED_FIELDS,
    parentHash: environment.parentHash,
    beneficiary: environment.beneficiary,
    stateRoot: toHex(root),
    transactionsRoot: transactionsRoot(transactions),
    receiptsRoot: receiptsRoot(receipts),
    logsBloom: unionBloom(receipts),
    height: environment.height,
    gasLimit: environment.gasLimit,
    gasUsed,
    timestampSeconds: environment.timestampSeconds,
    extraData: environment.extraData,
    prevRandao: environment.prevRandao,
    baseFeePerGas: environment.baseFeePerGas,
    parentBeaconBlockRoot: environment.parentHash,
  }
  const encoded = encodeBlock(header, transactions)
  return { block: { hash: headerHash(header), header, transactions, receipts, encoded }, additions }
}

function unionBloom(receipts: readonly Receipt[]): Hex {
  const union = new Uint8Array(256)
  for (const receipt of receipts) {
    if (receipt.logsBloom === EMPTY_BLOOM) continue
    const bits = bloomBytes(receipt)
    for (let index = 0; index < 256; index++) union[index] = (union[index] as number) | (bits[index] as number)
  }
  return toHex(union)
}

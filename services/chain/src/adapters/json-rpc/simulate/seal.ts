import type { BlockEnvironment, CallOutcome, Log, Receipt, Transaction } from '@zerog/evm'
import { encodeBlock, headerHash, keccakHex, logsBloom, receiptsRoot, transactionsRoot } from '@zerog/evm'
import { type Hex, toHex } from '@zerog/primitives'
import type { Header, StoredBlock } from '../../../app/chain-backend.ts'
import type { TransactionRequest } from '../codecs/call.ts'
import { ZERO_HASH } from '../format/hex.ts'
import { effectiveGasPrice } from '../format/transaction.ts'
import { encodeUnsigned } from '../transaction-encoding.ts'

/** A call with everything that it left out. */
export type FilledCall = TransactionRequest & {
  readonly from: Hex
  readonly gas: bigint
  readonly nonce: bigint
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

/** What a call came to. */
export type CallResult = { readonly outcome: CallOutcome; readonly logs: readonly Log[]; readonly transaction: Transaction }

/** The transaction that the call stands for; nobody signed it. */
export function toTransaction(call: FilledCall, chainId: bigint): Transaction {
  const raw = encodeUnsigned({
    type: 2,
    chainId,
    nonce: call.nonce,
    gas: call.gas,
    to: call.to ?? null,
    value: call.value ?? 0n,
    data: call.data ?? '0x',
    gasPrice: call.maxFeePerGas,
    maxFeePerGas: call.maxFeePerGas,
    maxPriorityFeePerGas: call.maxPriorityFeePerGas,
    accessList: call.accessList ?? [],
    authorizationList: [],
  })
  return {
    hash: keccakHex(raw),
    raw,
    type: 2,
    chainId,
    from: call.from,
    to: call.to ?? null,
    nonce: call.nonce,
    gasLimit: call.gas,
    value: call.value ?? 0n,
    data: call.data ?? '0x',
    gasPrice: undefined,
    maxFeePerGas: call.maxFeePerGas,
    maxPriorityFeePerGas: call.maxPriorityFeePerGas,
    accessList: call.accessList ?? [],
    authorizationList: undefined,
    blobVersionedHashes: undefined,
    maxFeePerBlobGas: undefined,
    v: 0n,
    r: 0n,
    s: 0n,
  }
}

/** The block that the calls make up. Its state root is not computed (ADR-0042). */
export function sealBlock(
  { environment, parent }: { readonly environment: BlockEnvironment; readonly parent: StoredBlock },
  calls: readonly CallResult[],
): StoredBlock {
  const transactions = calls.map(({ transaction }) => transaction)
  let cumulativeGasUsed = 0n
  const receipts = calls.map(({ outcome, logs, transaction }): Receipt => {
    cumulativeGasUsed += outcome.gasUsed
    return {
      type: 2,
      status: outcome.error === undefined ? 1 : 0,
      gasUsed: outcome.gasUsed,
      cumulativeGasUsed,
      effectiveGasPrice: effectiveGasPrice(transaction, environment.baseFeePerGas),
      logs,
      logsBloom: toHex(logsBloom(logs)),
      contractAddress: null,
    }
  })
  const header: Header = {
    ...parent.header,
    parentHash: parent.hash,
    beneficiary: environment.beneficiary,
    stateRoot: ZERO_HASH,
    transactionsRoot: transactionsRoot(transactions),
    receiptsRoot: receiptsRoot(receipts),
    logsBloom: toHex(logsBloom(calls.flatMap(({ logs }) => logs))),
    height: environment.height,
    gasLimit: environment.gasLimit,
    gasUsed: cumulativeGasUsed,
    timestampSeconds: environment.timestampSeconds,
    extraData: environment.extraData,
    prevRandao: environment.prevRandao,
    baseFeePerGas: environment.baseFeePerGas,
    parentBeaconBlockRoot: ZERO_HASH,
  }
  const encoded = encodeBlock(header, transactions)
  return {
    hash: headerHash(header),
    header,
    transactions,
    receipts,
    encoded,
    timestampMs: Number(environment.timestampSeconds) * 1000,
    sizeBytes: encoded.length,
  }
}

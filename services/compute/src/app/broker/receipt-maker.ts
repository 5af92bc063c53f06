import {
  canonicalParams,
  type Domain,
  type InferenceReceipt,
  paramsHash,
  RECEIPT_MODES,
  receiptHash,
  type SamplingParams,
} from '@zerog/evidence'
import type { Clock, Random } from '@zerog/ports'
import { type Hex, toHex } from '@zerog/primitives'
import type { Usage } from '../../core/broker/price.ts'
import type { AnswerSigner, WorkerModel } from './ports.ts'
import type { ReceiptKind, ReceiptRecord } from './repository.ts'

const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`
/** Receipts that one process can number within a millisecond. */
const NONCES_PER_MS = 4096n

export type ReceiptOf = {
  readonly id: string
  readonly kind: ReceiptKind
  readonly user: Hex
  readonly model: WorkerModel
  readonly params: SamplingParams
  readonly requestHash: Hex
  readonly responseHash: Hex
  readonly usage: Usage
  readonly fee: bigint
  /** Only where the engine gave one; the mode says so. */
  readonly traceRoot: Hex | undefined
  readonly acknowledgement: 'signed' | 'write'
}

/** Makes and signs receipts of one provider. */
export function createReceiptMaker(
  options: { readonly provider: Hex; readonly domain: Domain; readonly acknowledgeMs: number },
  deps: { readonly signer: AnswerSigner; readonly random: Random; readonly clock: Clock },
): (of: ReceiptOf) => ReceiptRecord {
  let nonceLast = 0n

  /** Rising over restarts as the clock is; over a clock that was set back within a run. */
  function nextNonce(): bigint {
    const byClock = BigInt(deps.clock.nowMs()) * NONCES_PER_MS
    nonceLast = byClock > nonceLast ? byClock : nonceLast + 1n
    return nonceLast
  }

  return (of) => {
    const finishedAtMs = deps.clock.nowMs()
    const receipt: InferenceReceipt = {
      requestHash: of.requestHash,
      responseHash: of.responseHash,
      modelRoot: of.model.root ?? ZERO_HASH,
      paramsHash: paramsHash(of.params),
      traceRoot: of.traceRoot ?? ZERO_HASH,
      user: of.user,
      provider: options.provider,
      agentId: 0n,
      memoryRoot: ZERO_HASH,
      promptTokens: BigInt(of.usage.promptTokens),
      completionTokens: BigInt(of.usage.completionTokens),
      fee: of.fee,
      nonce: nextNonce(),
      finishedAt: BigInt(finishedAtMs),
      mode: of.model.reExecutable && of.traceRoot !== undefined ? RECEIPT_MODES.reExecutable : RECEIPT_MODES.signer,
    }
    const hash = receiptHash(receipt, options.domain)
    return {
      id: of.id,
      kind: of.kind,
      model: of.model.id,
      receipt,
      receiptHash: hash,
      signature: deps.signer.sign(hash),
      salt: toHex(deps.random.bytes(32)),
      params: canonicalParams(of.params),
      acknowledgement: of.acknowledgement,
      deadlineMs: finishedAtMs + options.acknowledgeMs,
    }
  }
}

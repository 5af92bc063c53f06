import { RECEIPT_MODES } from '@zerog/evidence'
import type { Hex } from '@zerog/primitives'
import type { ReceiptKind, ReceiptRecord } from '../../src/app/broker/repository.ts'

export const word = (value: number): Hex => `0x${value.toString(16).padStart(64, '0')}`
export const address = (value: number): Hex => `0x${value.toString(16).padStart(40, '0')}`
export const PROVIDER = address(0xb0)

let nonces = 1n

/** A receipt record with the parts that billing looks at; the rest is well-formed. */
export function receiptRecord(
  of: {
    readonly id?: string
    readonly kind?: ReceiptKind
    readonly user?: Hex
    readonly fee?: bigint
    readonly finishedAt?: number
    readonly deadlineMs?: number
    readonly acknowledgement?: 'signed' | 'write'
  } = {},
): ReceiptRecord {
  const nonce = nonces++
  return {
    id: of.id ?? `chatcmpl-${nonce}`,
    kind: of.kind ?? 'final',
    model: 'mock-model',
    receipt: {
      requestHash: word(1),
      responseHash: word(2),
      modelRoot: word(3),
      paramsHash: word(4),
      traceRoot: word(0),
      user: of.user ?? address(0xa1),
      provider: PROVIDER,
      agentId: 0n,
      memoryRoot: word(0),
      promptTokens: 10n,
      completionTokens: 20n,
      fee: of.fee ?? 5n,
      nonce,
      finishedAt: BigInt(of.finishedAt ?? 1000),
      mode: RECEIPT_MODES.signer,
    },
    receiptHash: word(Number(nonce)),
    signature: `0x${'11'.repeat(65)}`,
    salt: word(77),
    params: '{}',
    acknowledgement: of.acknowledgement ?? 'write',
    deadlineMs: of.deadlineMs ?? 61_000,
  }
}

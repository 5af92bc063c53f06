import { SETTLEMENT_STATUS } from '../billing/outcome.ts'

/** Where an answer stands on its way to evidence. */
export type EvidenceStand =
  | { readonly kind: 'ready' }
  | { readonly kind: 'wait'; readonly state: string; readonly message: string; readonly retryAfterMs: number }
  | { readonly kind: 'never'; readonly state: string; readonly message: string }

export type EvidenceFacts = {
  readonly receipt: { readonly state: 'pending' | 'billable' | 'void' | 'batched'; readonly finishedAtMs: number }
  /** Of the receipt; undefined while it is in none. */
  readonly batch:
    | {
        readonly settled: boolean
        readonly published: boolean
        /** What the contract said to the user: undefined while it is open. */
        readonly outcome: { readonly status: number; readonly name: string } | undefined
      }
    | undefined
  /** What is kept of the batch. */
  readonly kept: { readonly refused?: string } | undefined
  /** Whether this installation publishes its batches at all. */
  readonly publishes: boolean
  readonly settleAfterMs: number
  readonly nowMs: number
}

const SOON_MS = 1000
const SETTLING_MS = 2000

/** What may be handed out, and else why not and whether to come back. */
export function evidenceStand(facts: EvidenceFacts): EvidenceStand {
  const { receipt, batch, kept, nowMs } = facts
  if (receipt.state === 'void')
    return never('void', 'the receipt of this answer is void: nothing is owed for it, so nothing was settled')
  if (!facts.publishes && batch?.published !== true) {
    return never(
      'not_published',
      'this provider publishes no receipts, so its settlements are not anchored and no evidence is made',
    )
  }
  if (receipt.state === 'pending') {
    return wait('not_acknowledged', 'the answer is not acknowledged yet, so it is not settled yet', SOON_MS)
  }
  if (batch === undefined) {
    const leftMs = Math.max(0, receipt.finishedAtMs + facts.settleAfterMs - nowMs)
    return wait(
      'not_settled',
      `the answer is not settled yet: fees are settled once the oldest is ${facts.settleAfterMs / 1000} s old, or when enough is owed`,
      leftMs + SETTLING_MS,
    )
  }
  if (!batch.settled) return wait('settling', 'the answer is not settled yet: its batch is on its way to the chain', SETTLING_MS)
  if (!batch.published) return never('not_published', 'the batch of this answer was not published, so no evidence of it is made')
  if (batch.outcome !== undefined && batch.outcome.status > SETTLEMENT_STATUS.partial) {
    return never(
      'settlement_refused',
      `the contract refused the settlement (${batch.outcome.name}): what is owed is claimed again by a later batch, of which evidence says nothing about single answers`,
    )
  }
  if (kept === undefined) return wait('in_work', 'the answer is settled, its evidence is being collected', SOON_MS)
  if (kept.refused !== undefined)
    return never('refused', `evidence of this answer does not hold, so it is not handed out: ${kept.refused}`)
  return { kind: 'ready' }
}

function wait(state: string, message: string, retryAfterMs: number): EvidenceStand {
  return { kind: 'wait', state, message, retryAfterMs }
}

function never(state: string, message: string): EvidenceStand {
  return { kind: 'never', state, message }
}

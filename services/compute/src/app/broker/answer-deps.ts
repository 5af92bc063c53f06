import type { Clock, Logger } from '@zerog/ports'
import type { Journal } from './journal.ts'
import type { BrokerMetrics } from './metrics.ts'
import type { Hashing } from './ports.ts'
import type { ReceiptOf } from './receipt-maker.ts'
import type { ReceiptRecord } from './repository.ts'

/** What both kinds of answers need. */
export type AnswerDeps = {
  readonly limits: {
    readonly firstTokenMs: number
    readonly tokenMs: number
    /** Tokens after which a stream is checkpointed. */
    readonly checkpointTokens: number
  }
  readonly journal: Journal
  readonly hashing: Hashing
  readonly makeReceipt: (of: ReceiptOf) => ReceiptRecord
  readonly metrics: BrokerMetrics
  readonly clock: Clock
  readonly logger: Logger
  /** Streams with a checkpoint: their deadlines are moved while they live. */
  readonly live: Set<string>
  /** Of an answer in one piece. */
  answerHeaders(record: ReceiptRecord): Readonly<Record<string, string>>
  /** Of a stream. */
  answerTrailers(record: ReceiptRecord): Readonly<Record<string, string>>
  /** After the last byte: acknowledges what was written to a direct client, gives up what nobody got. */
  conclude(record: ReceiptRecord, written: boolean): Promise<void>
}

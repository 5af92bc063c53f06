import { assignRows, type Committee, type Member, type Statement } from '@zerog/availability'
import { layoutFor } from '@zerog/erasure'
import type { Clock, Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import {
  PUT_LANE_MEMBERS,
  PUT_LANE_MS,
  PUT_LANES_MIN,
  PUT_TIMEOUT_FIRST_MS,
  PUT_TIMEOUT_MS_PER_MIB,
} from '../../core/disperser/limits.ts'
import type { Committees } from '../committees.ts'
import type { MemberConnector } from '../members.ts'
import { type StepTraces, traced } from '../traced.ts'
import { createChannel } from './channel.ts'
import type { CodedBundle, Coder, CodingJob } from './coder.ts'
import type { EncoderMetrics } from './metrics.ts'
import { createPace } from './pace.ts'

export type EncodeTask = {
  readonly payloadBytes: number
  readonly epoch: bigint
  readonly committee: number
  readonly expiry: bigint
  /** Members that need not be asked. */
  readonly done: readonly number[]
}

export type EncoderEvent =
  | { readonly kind: 'encoded'; readonly statement: Statement }
  | {
      readonly kind: 'outcome'
      readonly member: number
      readonly failure: { readonly reason: string; readonly message: string } | undefined
    }

export type EncoderDeps = {
  readonly coder: Coder
  readonly committees: Committees
  readonly connect: MemberConnector
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: EncoderMetrics
  readonly traces?: StepTraces
}

/** Codes one bundle and hands its rows to the members, each in its own time; outcomes come as they happen. */
export async function* disperseBundle(
  task: EncodeTask,
  given: { readonly chunks: AsyncIterable<Uint8Array>; readonly signal: AbortSignal },
  deps: EncoderDeps,
): AsyncGenerator<EncoderEvent> {
  const { signal } = given
  const committee = await deps.committees.committeeOf(task)
  const layout = layoutFor(task.payloadBytes, { committeeRows: committee.rows, rate: '1/4' })
  const job = await deps.coder.open(layout, task.payloadBytes, signal)
  const stopped = new AbortController()
  const sending: Promise<void>[] = []
  try {
    await traced(deps.traces, 'take bundle', () => fill(job, given.chunks))
    const coded = await traced(deps.traces, 'code bundle', () => job.encode())
    deps.metrics.coded(task.payloadBytes, coded.encodeMs)
    const { epoch, expiry, payloadBytes } = task
    const statement: Statement = { commitment: coded.commitment, ...layout, payloadBytes, epoch, committee: committee.id, expiry }
    yield { kind: 'encoded', statement }
    const outcomes = createChannel<EncoderEvent>()
    sending.push(
      ...fanOut(
        { task, committee, coded, statement, report: outcomes.push, signal: AbortSignal.any([signal, stopped.signal]) },
        deps,
      ),
    )
    void Promise.all(sending).then(outcomes.end)
    yield* outcomes.items
  } finally {
    stopped.abort(new ZerogError('CANCELLED', { message: 'the disperser left' }))
    // The rows are views into the job's memory.
    void Promise.allSettled(sending).then(() => job.release())
  }
}

type FanOut = {
  readonly task: EncodeTask
  readonly committee: Committee
  readonly coded: CodedBundle
  readonly statement: Statement
  readonly report: (event: EncoderEvent) => void
  readonly signal: AbortSignal
}

/**
 * One stream per member, a few at once so that two thirds are done before all are; a slow one holds nobody for long (ADR 0155). Who comes
 * first is drawn by the commitment. Never rejects.
 */
function fanOut({ task, committee, coded, statement, report, signal }: FanOut, deps: EncoderDeps): Promise<void>[] {
  const assignment = assignRows(committee, statement)
  const done = new Set(task.done)
  const { members } = committee
  const first = new DataView(statement.commitment.buffer, statement.commitment.byteOffset).getUint32(0)
  const order = members.map((_, place) => (first + place) % members.length).filter((index) => !done.has(index))
  const lanes = Math.max(PUT_LANES_MIN, Math.ceil(order.length / PUT_LANE_MEMBERS))
  const pace = createPace({ lanes, patienceMs: PUT_LANE_MS }, deps.clock)
  return order.map(async (index) => {
    const member = members[index] as Member // within the committee
    const endTurn = await pace()
    const startMs = deps.clock.monotonicMs()
    try {
      const indexes = assignment.rows(index)
      const mebibytes = (indexes.length * statement.rowBytes) / 2 ** 20
      const timeoutMs = PUT_TIMEOUT_FIRST_MS + mebibytes * PUT_TIMEOUT_MS_PER_MIB
      await deps.connect(member).putRows({ statement, coded, indexes }, { signal, timeoutMs })
      deps.metrics.member('stored', deps.clock.monotonicMs() - startMs)
      report({ kind: 'outcome', member: index, failure: undefined })
    } catch (error) {
      const failure = failureOf(error)
      deps.metrics.member(failure.reason, deps.clock.monotonicMs() - startMs)
      deps.logger.debug('member_missed_rows', { member: member.address, socket: member.socket, ...failure })
      report({ kind: 'outcome', member: index, failure })
    } finally {
      endTurn()
    }
  })
}

async function fill({ payload }: CodingJob, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const target = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  let filled = 0
  for await (const chunk of chunks) {
    if (chunk.length > payload.length - filled) throw wrongSize(payload.length)
    // Not `set`: the payload begins at an odd address of shared memory, where it goes byte by byte.
    Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).copy(target, filled)
    filled += chunk.length
  }
  if (filled !== payload.length) throw wrongSize(payload.length)
}

function failureOf(error: unknown): { reason: string; message: string } {
  if (error instanceof ZerogError) return { reason: error.reason, message: error.message }
  return { reason: 'INTERNAL', message: String(error) }
}

function wrongSize(expected: number): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', {
    message: `the task announced a bundle of ${expected} bytes and another number came`,
  })
}

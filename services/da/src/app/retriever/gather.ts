import type { Assignment, Committee, Member } from '@zerog/availability'
import type { RowProof } from '@zerog/erasure'
import type { Clock, Logger } from '@zerog/ports'
import { assert, toHex, ZerogError } from '@zerog/primitives'
import { type Ask, createHunt, type Hunt } from '../../core/retrieval/hunt.ts'
import type { Latency } from '../../core/retrieval/latency.ts'
import type { Standing } from '../../core/retrieval/standing.ts'
import { type CodeContext, unpackRows } from '../../core/row-check.ts'
import type { RowChecker } from '../row-checker.ts'
import type { RetrieverMetrics } from './metrics.ts'
import type { SourceConnector } from './sources.ts'

export type GatherDeps = {
  readonly connect: SourceConnector
  readonly checker: RowChecker
  readonly standing: Standing
  readonly latency: Latency
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: RetrieverMetrics
}

export type GatherOptions = {
  readonly code: CodeContext
  readonly committee: Committee
  readonly assignment: Assignment
  /** Members, the ones to ask first in front. */
  readonly order: readonly number[]
  readonly wanted: readonly number[]
  readonly mayRestore: boolean
  /** A row that verified; in memory that threads share. Each row comes once. */
  readonly keep: (row: RowProof) => void
  /** Before rows beyond the wanted ones are asked for. */
  readonly beforeRestoring?: () => Promise<void>
  readonly signal: AbortSignal
}

export type Gathered = {
  readonly outcome: 'wanted' | 'restorable' | 'stuck'
  readonly have: number
  readonly silent: readonly Member[]
  readonly lied: readonly Member[]
}

/**
 * Carries out a hunt: asks members, verifies every row before it counts, turns to others when one is slow, silent or lying.
 * @throws ZerogError ENCODING_INVALID where a committed row is not the code's, which no member can fake; what the signal says
 */
export async function gatherRows(options: GatherOptions, deps: GatherDeps): Promise<Gathered> {
  const { committee, standing, metrics } = { ...options, ...deps }
  const suspects = new Set(options.order.filter((member) => standing.isSuspect(memberAt(committee, member).address)))
  const hunt = createHunt({ ...options, k: options.code.k, keepers: options.assignment, suspects })
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const kept = new Set<number>()
  const silent = new Set<number>()
  const lied = new Set<number>()
  const running = new Set<Promise<void>>()
  const done = Promise.withResolvers<void>()
  let failure: { readonly error: unknown } | undefined
  let prepared = false

  const fail = (error: unknown) => {
    failure ??= { error }
    done.resolve()
  }
  const keep = (rows: readonly RowProof[]) => {
    for (const row of rows) {
      if (kept.has(row.index)) continue
      kept.add(row.index)
      options.keep(row)
    }
  }

  /** After everything that happened: ask on, or end. */
  async function turn(): Promise<void> {
    const asks = hunt.next()
    if (hunt.restoring() && !prepared) {
      prepared = true
      metrics.hedged()
      await options.beforeRestoring?.()
    }
    for (const ask of asks) start(ask)
    if (hunt.outcome() !== 'running') done.resolve()
  }
  const step = (): void => void turn().catch(fail)

  function start(ask: Ask): void {
    const work = askMember(ask, { ...options, signal, hunt, keep, silent, lied, step }, deps).catch(fail)
    running.add(work)
    work.finally(() => running.delete(work))
  }

  const onAbort = () => fail(signal.reason)
  options.signal.addEventListener('abort', onAbort, { once: true })
  try {
    options.signal.throwIfAborted()
    step()
    await done.promise
    if (failure !== undefined) throw failure.error
  } finally {
    options.signal.removeEventListener('abort', onAbort)
    stop.abort(new ZerogError('CANCELLED', { message: 'the rows are there' }))
    // Nothing may be kept after the caller went on.
    await Promise.allSettled(running)
  }
  const outcome = hunt.outcome()
  assert(outcome !== 'running', 'a hunt ends before its asker')
  const named = (members: ReadonlySet<number>) => [...members].map((member) => memberAt(committee, member))
  return { outcome, have: hunt.have(), silent: named(silent), lied: named(lied) }
}

type AskContext = Pick<GatherOptions, 'code' | 'committee' | 'signal'> & {
  readonly hunt: Hunt
  readonly keep: (rows: readonly RowProof[]) => void
  readonly silent: Set<number>
  readonly lied: Set<number>
  readonly step: () => void
}

async function askMember(ask: Ask, context: AskContext, deps: GatherDeps): Promise<void> {
  const { hunt, committee, code, signal, step } = context
  const { standing, latency, clock, metrics, logger } = deps
  const member = memberAt(committee, ask.member)
  const open = new Set(ask.rows)
  const startedMs = clock.monotonicMs()
  let began = false
  /** Whether it is our own check that speaks: what a member answers as an error proves nothing. */
  let checking = false
  let cancelTimer = () => {}
  const lateAfter = () => {
    cancelTimer()
    cancelTimer = clock.after(latency.hedgeMs(), () => {
      if (!began) standing.failed(member.address)
      hunt.slow(ask.member)
      step()
    })
  }
  lateAfter()
  let how: 'complete' | 'failed' | 'lied' = 'complete'
  try {
    for await (const rows of deps.connect(member).rows({ commitment: code.commitment, indexes: ask.rows }, signal)) {
      if (!began) latency.observe(clock.monotonicMs() - startedMs)
      began = true
      checking = true
      const verified = await verifyAnswer(rows, { code, open }, deps.checker)
      checking = false
      // The hunt may be over while the thread checked.
      if (signal.aborted) return
      context.keep(verified)
      hunt.verified(
        ask.member,
        verified.map(({ index }) => index),
      )
      metrics.rows(verified.length, verified.length * code.rowBytes)
      lateAfter()
      step()
    }
    if (open.size === 0) standing.answered(member.address)
    else standing.failed(member.address)
  } catch (error) {
    if (signal.aborted) return
    how = checking ? 'lied' : 'failed'
    if (checking && !isLie(error)) throw error
    if (how === 'lied') {
      context.lied.add(ask.member)
      standing.lied(member.address)
      metrics.banned()
      logger.warn('member_banned', { member: member.address, commitment: toHex(code.commitment), error: String(error) })
    } else {
      context.silent.add(ask.member)
      standing.failed(member.address)
      logger.debug('member_failed', { member: member.address, error: String(error) })
    }
  } finally {
    cancelTimer()
  }
  hunt.ended(ask.member, how)
  step()
}

/** Copies the rows once, into memory that threads share, and has them checked there. */
async function verifyAnswer(
  rows: readonly RowProof[],
  { code, open }: { readonly code: CodeContext; readonly open: Set<number> },
  checker: RowChecker,
): Promise<readonly RowProof[]> {
  if (rows.length === 0) return []
  const depth = Math.log2(code.k + code.n)
  const strideBytes = code.rowBytes + depth * 32
  const bytes = new Uint8Array(new SharedArrayBuffer(rows.length * strideBytes))
  for (const [place, { index, row, path }] of rows.entries()) {
    if (!open.delete(index)) throw lie(`row ${index} was not asked for`)
    if (row.length !== code.rowBytes || path.length !== depth) throw lie(`row ${index} has another form`)
    bytes.set(row, place * strideBytes)
    for (const [level, sibling] of path.entries()) bytes.set(sibling, place * strideBytes + code.rowBytes + level * 32)
  }
  const packed = { indexes: rows.map(({ index }) => index), bytes }
  await checker.check(code, packed)
  return unpackRows(packed, code)
}

/** It sent what cannot be: form, path or commitment do not hold. ENCODING_INVALID is the disperser's, a full queue our own. */
function isLie(error: unknown): boolean {
  return error instanceof ZerogError && (error.reason === 'PROOF_INVALID' || error.reason === 'INVALID_ARGUMENT')
}

function lie(message: string): ZerogError {
  return new ZerogError('PROOF_INVALID', { message, metadata: { check: 'form' } })
}

function memberAt(committee: Committee, index: number): Member {
  const member = committee.members[index]
  assert(member !== undefined, 'a member of the committee')
  return member
}

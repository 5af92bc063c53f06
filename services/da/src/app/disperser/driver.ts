import type { Multisignature } from '@zerog/consensus'
import type { Cancel, Clock, Logger, Random, Traces } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { DisperserEffect, DisperserEvent, DisperserRules } from '../../core/disperser/state.ts'
import { createState } from '../../core/disperser/state.ts'
import { nextWakeMs, step } from '../../core/disperser/step.ts'
import type { Committees } from '../committees.ts'
import type { MemberConnector } from '../members.ts'
import type { BlobBytes } from './blob-bytes.ts'
import type { BlobTraces } from './blob-traces.ts'
import type { BundleBuilder, LiveBundle } from './bundles.ts'
import type { Changes } from './changes.ts'
import { createCoding } from './coding.ts'
import type { EncoderClient } from './encoder-client.ts'
import type { DisperserMetrics } from './metrics.ts'
import type { BlobRecord, DisperserRepository, Fence, QueuedPart } from './repository.ts'
import { createSigning } from './signing.ts'

export type DriverDeps = {
  readonly repository: DisperserRepository
  readonly committees: Committees
  readonly encoder: EncoderClient
  readonly connect: MemberConnector
  readonly multisignature: Multisignature
  readonly bytes: BlobBytes
  readonly builder: BundleBuilder
  readonly changes: Changes
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: DisperserMetrics
  readonly blobTraces: BlobTraces
  readonly traces: Traces
  /** A certificate waits for its transaction. */
  readonly onSubmittable: () => void
}

export type DriverRules = DisperserRules & { readonly instance: number; readonly chainId: bigint }

/** What the effects of one run share. */
export type Run = {
  readonly fence: Fence
  readonly signal: AbortSignal
  readonly live: Map<string, LiveBundle>
  readonly dispatch: (event: DisperserEvent) => void
  /** Something that must not happen did: the run ends, and the next one starts from the repository. */
  readonly fail: (error: unknown) => void
}

export type Driver = {
  /** Its row is durable; where nobody drives, the next run finds it. */
  accepted(blob: BlobRecord): void
  /** There may be blobs in the repository that nobody told of: the run ends, and the next one reads all that wait. */
  doubt(): void
  /** Drives this instance's blobs from the repository on, until `signal` aborts or a write is fenced. */
  run(fence: Fence, signal: AbortSignal): Promise<void>
  /** Flushes what waits, and waits until every bundle is certified. */
  drain(): Promise<void>
}

export function createDriver(rules: DriverRules, deps: DriverDeps): Driver {
  const { repository, clock, random } = deps
  let accept: ((parts: readonly QueuedPart[]) => void) | undefined
  let drainRun: (() => Promise<void>) | undefined
  let endRun: ((reason: Error) => void) | undefined

  async function run(fence: Fence, outer: AbortSignal): Promise<void> {
    const failed = new AbortController()
    const signal = AbortSignal.any([outer, failed.signal])
    const state = createState()
    const queue: DisperserEvent[] = []
    let stepping = false
    let cancelWake: Cancel = () => {}
    let onQuiet: (() => void) | undefined

    const dispatch = (event: DisperserEvent): void => {
      if (signal.aborted) return
      queue.push(event)
      if (stepping) return
      stepping = true
      try {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const input = { nowMs: clock.monotonicMs(), random: () => random.below(2 ** 32) / 2 ** 32 }
          for (const effect of step(state, next, input, rules)) perform(effect)
        }
      } catch (error) {
        failed.abort(error)
      } finally {
        stepping = false
      }
      cancelWake()
      const wakeMs = nextWakeMs(state, rules)
      if (wakeMs !== undefined) {
        cancelWake = clock.after(Math.max(0, wakeMs - clock.monotonicMs()), () => dispatch({ kind: 'wake' }))
      }
      if (state.creating === 0 && state.windows.size === 0 && isCertified(state.bundles.values())) onQuiet?.()
    }

    const context: Run = { fence, signal, live: new Map(), dispatch, fail: (error) => failed.abort(error) }
    const coding = createCoding(rules, context, deps)
    const signing = createSigning(rules, context, deps)
    const perform = (effect: DisperserEffect): void => {
      void performEffect(effect, { coding, signing, blobTraces: deps.blobTraces }).catch((error: unknown) => {
        if (!signal.aborted) failed.abort(error)
      })
    }

    endRun = context.fail
    const early: QueuedPart[] = []
    accept = (parts) => void early.push(...parts)
    try {
      await repository.takeFence(fence)
      await repository.closeWindows(fence, rules.instance)
      for (const bundle of await repository.openBundles(rules.instance)) await coding.restore(bundle)
      const queued = await repository.queuedParts(rules.instance)
      const tell = (parts: readonly QueuedPart[]) => {
        for (const { retentionSeconds, ...part } of parts) dispatch({ kind: 'part_accepted', part, retentionSeconds })
      }
      // Who accepted a blob may hear that its row is there after it was read here: it is one blob all the same.
      const known = new Set(queued.map(({ blobId }) => blobId))
      accept = (parts) => tell(parts.filter(({ blobId }) => !known.has(blobId)))
      tell(queued)
      accept(early)
      deps.onSubmittable()
      drainRun = async () => {
        const quiet = new Promise<void>((resolve) => {
          onQuiet = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
        dispatch({ kind: 'drain' })
        await quiet
      }
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve()
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    } finally {
      accept = undefined
      drainRun = undefined
      endRun = undefined
      failed.abort(new Error('the run has ended'))
      cancelWake()
    }
    if (!outer.aborted) throw failed.signal.reason
  }

  return {
    accepted(blob) {
      const { id, partLengths, retentionSeconds } = blob
      deps.blobTraces.remember(id)
      deps.builder.remember(blob)
      accept?.(partLengths.map((lengthBytes, part) => ({ blobId: id, part, lengthBytes, retentionSeconds })))
    },
    doubt: () =>
      endRun?.(new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'the database did not say whether it has a blob' })),
    run,
    drain: async () => drainRun?.(),
  }
}

async function performEffect(
  effect: DisperserEffect,
  {
    coding,
    signing,
    blobTraces,
  }: {
    readonly coding: ReturnType<typeof createCoding>
    readonly signing: ReturnType<typeof createSigning>
    readonly blobTraces: BlobTraces
  },
): Promise<void> {
  switch (effect.kind) {
    case 'create':
      return blobTraces.bundle(
        effect.batch.parts.map(({ blobId }) => blobId),
        () => coding.create(effect.batch),
      )
    case 'code':
      return coding.code(effect)
    case 'fail':
      return coding.fail(effect.id, effect.failure)
    case 'settled':
      return coding.settled(effect.id, effect.stored)
    case 'open':
      return signing.open(effect.windowId, effect.bundleIds)
    case 'ask':
      return signing.ask(effect.windowId, effect.member)
    case 'verify':
      return signing.verify(effect.windowId, effect.members)
    case 'certify':
      return signing.certify(effect.windowId)
    case 'submit':
      return signing.submit(effect.windowId)
    case 'drop_window':
      return signing.drop(effect.windowId)
  }
}

function isCertified(bundles: Iterable<{ readonly phase: string }>): boolean {
  for (const { phase } of bundles) if (phase !== 'certified') return false
  return true
}

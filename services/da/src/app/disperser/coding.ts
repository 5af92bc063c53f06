import type { Committee, Statement } from '@zerog/availability'
import { equalBytes, ZerogError } from '@zerog/primitives'
import { type Batch, bundleBytes } from '../../core/disperser/packer.ts'
import type { DisperserEffect } from '../../core/disperser/state.ts'
import { traced } from '../traced.ts'
import type { HeldBundle, LiveBundle } from './bundles.ts'
import type { DriverDeps, DriverRules, Run } from './driver.ts'
import { persist } from './persist.ts'
import type { BundleRecord, Failure, OpenBundle } from './repository.ts'

type Code = Extract<DisperserEffect, { kind: 'code' }>

const COMMITTEE_PAUSE_MS = 500

/** Effects around one bundle: its row, its bytes, the call to an encoder, its end. */
export function createCoding(rules: DriverRules, run: Run, deps: DriverDeps) {
  const { repository, clock, logger, random, metrics } = deps
  const { fence, signal, live, dispatch } = run
  const keep = <T>(what: string, write: () => Promise<T>) => persist(what, write, { clock, logger, signal })

  /** Without a committee nothing goes on, so it is waited for. */
  async function currentCommittee(): Promise<Committee> {
    for (;;) {
      try {
        return await deps.committees.current()
      } catch (error) {
        logger.warn('committee_missing', { error: String(error) })
        await clock.sleep(COMMITTEE_PAUSE_MS, signal)
      }
    }
  }

  async function create(batch: Batch): Promise<void> {
    const committee = await currentCommittee()
    let parts = batch.parts
    for (;;) {
      const nowMs = clock.nowMs()
      const record: BundleRecord = {
        id: random.uuid(),
        owner: rules.instance,
        epoch: committee.epoch,
        committee: committee.id,
        expiry: BigInt(Math.floor(nowMs / 1000) + batch.retentionSeconds),
        payloadBytes: bundleBytes(parts),
        createdAtMs: nowMs,
      }
      try {
        await traced(deps.traces, 'insert bundle', () => keep('bundle', () => repository.createBundle(fence, record, parts)))
      } catch (error) {
        if (!isReason(error, 'WRONG_STATE')) throw error
        // Another part of the same blob was given up meanwhile.
        parts = await stillQueued(parts)
        if (parts.length > 0) continue
        dispatch({ kind: 'bundle_dropped' })
        return
      }
      metrics.bundles.add(1, { reason: batch.reason })
      metrics.bundleBytes.observe(record.payloadBytes)
      remember(record, committee, undefined).parts = parts
      const { id, epoch } = record
      dispatch({
        kind: 'bundle_created',
        id,
        epoch,
        committee: committee.id,
        stakes: committee.members.map(({ stake }) => stake),
      })
      return
    }
  }

  async function stillQueued(parts: Batch['parts']): Promise<Batch['parts']> {
    const views = await keep('blobs', () => repository.blobs(parts.map(({ blobId }) => blobId)))
    return parts.filter(({ part }, index) => {
      const view = views[index]
      return view !== undefined && view.failure === undefined && view.parts[part]?.bundleId === undefined
    })
  }

  function remember(record: BundleRecord, committee: Committee, statement: Statement | undefined): LiveBundle {
    const bundle: LiveBundle = {
      record,
      committee,
      createdMs: clock.monotonicMs(),
      statement,
      codeSaved: Promise.resolve(),
      parts: undefined,
      certified: false,
    }
    live.set(record.id, bundle)
    return bundle
  }

  async function restore(open: OpenBundle): Promise<void> {
    const { statement, certified, stored, ...record } = open
    const committee = await keep('committee', () => deps.committees.committeeOf(record))
    remember(record, committee, statement).certified = certified
    dispatch({
      kind: 'bundle_restored',
      id: record.id,
      epoch: record.epoch,
      committee: record.committee,
      stakes: committee.members.map(({ stake }) => stake),
      stored: committee.members.map((_, member) => stored.includes(member)),
      certified,
    })
  }

  /** Members of an epoch that is over may sign no more; before the first certificate the bundle can have others. */
  async function renew(bundle: LiveBundle): Promise<boolean> {
    const committee = await deps.committees.current().catch(() => undefined)
    if (committee === undefined || committee.epoch === bundle.record.epoch) return false
    const termSeconds = bundle.record.expiry - BigInt(Math.floor(bundle.record.createdAtMs / 1000))
    const expiry = BigInt(Math.floor(clock.nowMs() / 1000)) + termSeconds
    const record = { ...bundle.record, epoch: committee.epoch, committee: committee.id, expiry }
    await keep('renewal', () => repository.renewBundle(fence, record))
    bundle.record = record
    bundle.committee = committee
    bundle.statement = undefined
    dispatch({
      kind: 'bundle_renewed',
      id: record.id,
      epoch: record.epoch,
      committee: record.committee,
      stakes: committee.members.map(({ stake }) => stake),
    })
    return true
  }

  async function code({ id, done, attempt, refill }: Code): Promise<void> {
    const bundle = live.get(id)
    if (bundle === undefined) return
    let failure: Failure | undefined
    let held: HeldBundle | undefined
    const stored = new Set<number>(done)
    try {
      const renewed = attempt > 0 && !refill && (await renew(bundle))
      if (renewed) stored.clear()
      held = deps.builder.fromMemory(bundle) ?? (await deps.builder.build(bundle.record, signal))
      const { payloadBytes, epoch, committee, expiry } = bundle.record
      const task = { payloadBytes, epoch, committee, expiry, done: renewed ? [] : done }
      for await (const event of deps.encoder(task, held.pieces, signal)) {
        if (event.kind === 'encoded') coded(bundle, event.statement)
        else {
          if (event.failure === undefined) stored.add(event.member)
          dispatch({ kind: 'outcome', id, member: event.member, stored: event.failure === undefined })
        }
      }
      if (bundle.statement === undefined)
        throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'the encoder ended without an answer' })
      for (const blobId of held.blobIds) deps.bytes[held.sole ? 'recycle' : 'release'](blobId)
    } catch (error) {
      failure = failureOf(error)
      if (!signal.aborted) logger.warn('coding_failed', { bundleId: id, attempt, ...failure })
    } finally {
      held?.release()
    }
    if (signal.aborted) return
    dispatch({ kind: 'coding_ended', id, ...(failure !== undefined && { failure }) })
    await bundle.codeSaved
    await keep('stored members', () =>
      repository.storedBy(
        fence,
        id,
        [...stored].sort((a, b) => a - b),
      ),
    )
  }

  /** Members verify rows, so what an encoder says cannot harm; but a bundle that was named once keeps its name. */
  function coded(bundle: LiveBundle, statement: Statement): void {
    const { record } = bundle
    const isOurs =
      statement.epoch === record.epoch && statement.committee === record.committee && statement.expiry === record.expiry
    const isSame = bundle.statement === undefined || equalBytes(bundle.statement.commitment, statement.commitment)
    if (!isOurs || !isSame || statement.payloadBytes !== record.payloadBytes) {
      throw new ZerogError('VERIFICATION_FAILED', { message: `the encoder coded another bundle than ${record.id}` })
    }
    if (bundle.statement !== undefined) return
    bundle.statement = statement
    bundle.codeSaved = keep('commitment', () => repository.codeBundle(fence, record.id, statement)).then(
      () => deps.changes.announce({ owner: rules.instance, bundleIds: [record.id] }),
      run.fail,
    )
  }

  async function fail(id: string, failure: Failure): Promise<void> {
    metrics.failures.add(1, { reason: failure.reason })
    logger.warn('bundle_given_up', { bundleId: id, ...failure })
    await keep('failure', () => repository.failBundle(fence, id, failure))
    live.delete(id)
    deps.changes.announce({ owner: rules.instance, bundleIds: [id] })
  }

  async function settled(id: string, stored: readonly boolean[]): Promise<void> {
    live.delete(id)
    const missing = stored.filter((is) => !is).length
    if (missing > 0) logger.info('members_without_rows', { bundleId: id, missing })
  }

  return { create, restore, code, fail, settled }
}

function failureOf(error: unknown): Failure {
  if (error instanceof ZerogError) return { reason: error.reason, message: error.message }
  return { reason: 'INTERNAL', message: String(error) }
}

function isReason(error: unknown, reason: string): boolean {
  return error instanceof ZerogError && error.reason === reason
}

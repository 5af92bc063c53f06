import type { BlobStore, Leases, Meter, Traces } from '@zerog/ports'
import { FORGET_BATCH_MAX } from '../../core/disperser/limits.ts'
import { type AcceptRules, createAcceptor, type Hasher, type Upload } from './accept.ts'
import { blobBytes, storeName } from './blob-bytes.ts'
import { createBlobTraces } from './blob-traces.ts'
import { bundleBuilder } from './bundles.ts'
import { createDriver, type DriverDeps, type DriverRules } from './driver.ts'
import { createEpochKeeper, type EpochRegistry } from './epoch-keeper.ts'
import { disperserMetrics } from './metrics.ts'
import type { BlobView, DisperserCounts } from './repository.ts'
import { createSubmitter, type SubmitterDeps, type SubmitterOptions } from './submitter.ts'
import { createViews, type Views } from './views.ts'

/** One keeper for all installations that share leases; others that call too lose only the gas of a revert. */
const EPOCH_LEASE = 'da-epoch-keeper'

export type DisperserOptions = AcceptRules &
  DriverRules &
  SubmitterOptions & {
    /** Names this process in leases. */
    readonly holder: string
    readonly leaseTtlMs: number
    /** How long bytes are kept after a blob became final, to refill members. */
    readonly hotMs: number
    readonly forgetIntervalMs: number
    /** Whether this process may begin epochs. */
    readonly epochKeeper: boolean
    readonly epochCheckMs: number
  }

export type DisperserDeps = Omit<DriverDeps, 'bytes' | 'builder' | 'metrics' | 'blobTraces' | 'onSubmittable'> &
  Omit<SubmitterDeps, 'metrics' | 'epochs'> & {
    readonly registry: EpochRegistry
    readonly store: BlobStore
    readonly leases: Leases
    readonly meter: Meter
    readonly traces: Traces
    readonly hasher: Hasher
  }

export type Disperser = {
  accept(upload: Upload, face: 'zerog' | 'disperser'): Promise<BlobView>
  readonly views: Views
  /** Before anything is accepted. */
  prepare(): Promise<void>
  /** Drives what this instance accepted, and the transactions of all, as far as it has the leases; until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Waits until everything that was accepted here is certified. */
  drain(): Promise<void>
  /** Whether this process drives its blobs now. */
  isDriving(): boolean
  followedHeight(): bigint
}

export function createDisperser(options: DisperserOptions, deps: DisperserDeps): Disperser {
  const { repository, clock, logger, leases } = deps
  const bytes = blobBytes(deps.store)
  const builder = bundleBuilder({ repository, bytes, hasher: deps.hasher })
  let counts: DisperserCounts | undefined
  const metrics = disperserMetrics(deps.meter, () => counts)
  const epochs = createEpochKeeper(options, deps)
  const submitter = createSubmitter(options, { ...deps, metrics, epochs })
  const blobTraces = createBlobTraces(deps.traces)
  const driver = createDriver(options, { ...deps, bytes, builder, metrics, blobTraces, onSubmittable: submitter.poke })
  const views = createViews(options, deps)
  const acceptor = createAcceptor(options, { ...deps, bytes, onAccepted: driver.accepted, onDoubt: driver.doubt })
  let driving = false
  deps.meter.gauge({ name: 'zerog_da_upload_waiting_count', help: 'Uploads that wait for room.', read: acceptor.waiting })
  deps.meter.gauge({ name: 'zerog_da_watchers_count', help: 'Streams of WatchBlob.', read: views.watchers })

  /** Works while it holds the lease, and asks for it again when it was lost or the work failed. */
  async function underLease(
    name: string,
    signal: AbortSignal,
    work: (token: bigint, stop: AbortSignal) => Promise<void>,
  ): Promise<void> {
    while (!signal.aborted) {
      const lease = await leases.tryAcquire({ name, holder: options.holder, ttlMs: options.leaseTtlMs }).catch(() => undefined)
      if (lease === undefined) {
        await clock.sleep(options.leaseTtlMs / 4, signal).catch(() => {})
        continue
      }
      const stop = AbortSignal.any([signal, lease.lost])
      try {
        await work(lease.token, stop)
      } catch (error) {
        if (!stop.aborted) {
          logger.warn('work_interrupted', { lease: name, error: String(error) })
          await clock.sleep(200, signal).catch(() => {})
        }
      } finally {
        await lease.release().catch(() => {})
      }
    }
  }

  const driverLease = `da-disperser-${options.instance}`
  const submitterLease = `da-submitter-${deps.account.address}`

  /** Transactions of the account and, for one account of all, the epochs. */
  async function submit(token: bigint, stop: AbortSignal): Promise<void> {
    const ended = new AbortController()
    const signal = AbortSignal.any([stop, ended.signal])
    const keeping = options.epochKeeper && underLease(EPOCH_LEASE, signal, (_, held) => epochs.hold(submitter.poke, held))
    try {
      await submitter.run({ name: submitterLease, token }, stop)
    } finally {
      ended.abort()
      await keeping
    }
  }

  async function housekeeping(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        counts = await repository.counts()
        await forget()
      } catch (error) {
        if (!signal.aborted) logger.warn('job_failed', { job: 'da_forget', error: String(error) })
      }
      await clock.sleep(options.forgetIntervalMs, signal).catch(() => {})
    }
  }

  /** Bytes of blobs that are final long enough, or given up. */
  async function forget(): Promise<void> {
    for (;;) {
      const ids = await repository.forgettable(options.instance, clock.nowMs() - options.hotMs, FORGET_BATCH_MAX)
      const blobs = await repository.blobs(ids)
      for (const blob of blobs) if (blob !== undefined) await bytes.forget(blob.id, blob.sizeBytes)
      await repository.bytesForgotten(ids)
      if (ids.length < FORGET_BATCH_MAX) return
    }
  }

  /** Before anything is accepted: whatever lies on disk without a row is the rest of an upload that a crash cut off. */
  async function sweep(): Promise<void> {
    const dropped = await bytes.sweep(async () => {
      const names = new Set<string>()
      for (const id of await repository.keptIds(options.instance)) names.add(storeName(id))
      return names
    })
    if (dropped > 0) logger.info('upload_rests_dropped', { count: dropped })
  }

  return {
    async accept(upload, face) {
      const blob = await acceptor.accept(upload)
      metrics.acceptedBlobs.add(1, { face })
      metrics.acceptedBytes.add(upload.sizeBytes)
      return blob
    },
    views,
    async prepare() {
      await sweep()
      // Before the first stream that watches another disperser's blob.
      await deps.changes.start()
      deps.changes.listen(submitter.poke)
    },
    async run(signal) {
      await Promise.all([
        underLease(driverLease, signal, async (token, stop) => {
          driving = true
          await driver.run({ name: driverLease, token }, stop).finally(() => {
            driving = false
          })
        }),
        underLease(submitterLease, signal, submit),
        housekeeping(signal),
      ])
      await deps.changes.close()
    },
    drain: () => driver.drain(),
    isDriving: () => driving,
    followedHeight: submitter.followedHeight,
  }
}

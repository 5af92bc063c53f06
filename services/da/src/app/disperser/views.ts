import { hashStatement, type Statement, windowPath } from '@zerog/availability'
import type { Clock } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { blobState } from '../../core/disperser/blob-state.ts'
import { SQL_BATCH_MAX, SQL_WAITING_MAX, WATCH_LOOK_MS, WATCHERS_MAX } from '../../core/disperser/limits.ts'
import { batcher } from './batcher.ts'
import type { Changes } from './changes.ts'
import type { BlobView, DisperserRepository } from './repository.ts'

export type CertifiedBundle = {
  readonly statement: Statement
  readonly certificate: Uint8Array
  readonly index: number
  readonly path: readonly Uint8Array[]
  readonly transactionHash: Uint8Array | undefined
}

/** What anybody may know of blobs and bundles. Any disperser answers for all. */
export function createViews(
  options: { readonly chainId: bigint },
  deps: { readonly repository: DisperserRepository; readonly changes: Changes; readonly clock: Clock },
) {
  const { repository, changes, clock } = deps
  const read = batcher(repository.blobs, { batchMax: SQL_BATCH_MAX, waitingMax: SQL_WAITING_MAX })
  let watchers = 0

  /** NOT_FOUND for an id that nobody gave out. */
  async function blob(id: string): Promise<BlobView> {
    const found = await read(id)
    if (found === undefined)
      throw new ZerogError('NOT_FOUND', { message: `no disperser of this network has accepted a blob ${id.slice(0, 80)}` })
    return found
  }

  async function* watch(id: string, signal: AbortSignal): AsyncGenerator<BlobView> {
    if (watchers >= WATCHERS_MAX) {
      throw new ZerogError('QUEUE_FULL', {
        message: 'too many streams watch blobs already; ask with GetBlob',
        retryAfterMs: 5000,
      })
    }
    watchers++
    let view: BlobView | undefined
    let changed = false
    let wake = () => {}
    const stop = changes.listen(({ owner, bundleIds }) => {
      if (view !== undefined && !concerns(view, owner, bundleIds)) return
      changed = true
      wake()
    })
    const onAbort = () => wake()
    signal.addEventListener('abort', onAbort)
    try {
      for (let shown: string | undefined; !signal.aborted; ) {
        changed = false
        view = await blob(id)
        const state = blobState(view)
        const mark = `${state} ${view.parts.filter(({ statement }) => statement !== undefined).length}`
        if (mark !== shown) yield view
        shown = mark
        if (state === 'finalized' || state === 'failed') return
        // What was announced may have got lost with a process or the bus.
        const cancel = clock.after(WATCH_LOOK_MS, () => {
          changed = true
          wake()
        })
        while (!changed && !signal.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
        cancel()
      }
    } finally {
      watchers--
      stop()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** NOT_FOUND until two thirds of the stake signed. */
  async function certificate(commitment: Uint8Array, epoch: bigint): Promise<CertifiedBundle> {
    const found = await repository.certificate(commitment, epoch)
    const statement = found?.statements[found.index]
    if (found === undefined || statement === undefined) {
      throw new ZerogError('NOT_FOUND', { message: 'no certificate of this commitment and epoch is known here, or not yet' })
    }
    const hashes = found.statements.map((each) => hashStatement(each, options.chainId))
    const { index, transactionHash } = found
    return { statement, certificate: found.certificate, index, path: windowPath(hashes, index), transactionHash }
  }

  return { blob, find: read, watch, certificate, watchers: () => watchers }
}
export type Views = ReturnType<typeof createViews>

/** A blob without a bundle may get one by any change of its owner. */
function concerns(view: BlobView, owner: number, bundleIds: readonly string[]): boolean {
  return view.parts.some(({ bundleId }) => (bundleId === undefined ? view.owner === owner : bundleIds.includes(bundleId)))
}

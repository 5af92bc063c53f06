import type { Statement } from '@zerog/availability'
import { equalBytes, toHex, ZerogError } from '@zerog/primitives'
import type {
  BlobRecord,
  BlobView,
  BundleRecord,
  DisperserRepository,
  Failure,
  Fence,
  FinalBundle,
  PendingTransaction,
} from '../../app/disperser/repository.ts'
import { blobState } from '../../core/disperser/blob-state.ts'

type Part = { readonly lengthBytes: number; bundleId: string | undefined; index: number }
type Blob = { readonly record: BlobRecord; failure: Failure | undefined; bytesKept: boolean; readonly parts: Part[] }
type Bundle = {
  record: BundleRecord
  statement: Statement | undefined
  stored: readonly number[]
  windowId: string | undefined
  finalizedAtMs: number | undefined
  transactionHash: Uint8Array | undefined
  failed: boolean
}
type Window = {
  readonly epoch: bigint
  readonly committee: number
  readonly root: Uint8Array
  certificate: Uint8Array
  readonly bundleIds: readonly string[]
  readonly certifiedAtMs: number
  closed: boolean
  nonce: number | undefined
  transactionHash: Uint8Array | undefined
  attempts: number
  retryAtMs: number
  /** In a finalized block, or abandoned: nothing is to be done for it any more. */
  final: boolean
}

/** The model: tests, and what the PostgreSQL repository is compared with. */
export function memoryDisperserRepository(): DisperserRepository {
  const fences = new Map<string, bigint>()
  const blobs = new Map<string, Blob>()
  const byKey = new Map<string, string>()
  const bundles = new Map<string, Bundle>()
  const windows = new Map<string, Window>()
  let pending: PendingTransaction | undefined
  let nextHeight: bigint | undefined

  const keyOf = (account: Uint8Array, idempotencyKey: string) => `${toHex(account)}/${idempotencyKey}`
  const requireFence = ({ name, token }: Fence) => {
    if ((fences.get(name) ?? 0n) !== token) throw fenced(name)
  }
  const bundleOf = (id: string): Bundle => {
    const bundle = bundles.get(id)
    if (bundle === undefined) throw wrongState(`bundle ${id} is not known`)
    return bundle
  }
  const uncertified = (id: string): Bundle => {
    const bundle = bundleOf(id)
    if (bundle.windowId !== undefined) throw wrongState(`bundle ${id} is certified`)
    return bundle
  }
  const partsOf = (bundleId: string) =>
    [...blobs.values()]
      .flatMap((blob) => blob.parts.map((part, number) => ({ blob, part, number })))
      .filter(({ part }) => part.bundleId === bundleId)
      .sort((a, b) => a.part.index - b.part.index)

  const view = (blob: Blob): BlobView => {
    const { partLengths: _, ...record } = blob.record
    const parts = blob.parts.map(({ lengthBytes, bundleId, index }) => {
      const bundle = bundleId === undefined ? undefined : bundles.get(bundleId)
      const window = bundle?.windowId === undefined ? undefined : windows.get(bundle.windowId)
      return {
        lengthBytes,
        bundleId,
        index,
        statement: bundle?.statement,
        certifiedAtMs: window?.certifiedAtMs,
        finalizedAtMs: bundle?.finalizedAtMs,
        transactionHash: bundle?.transactionHash,
      }
    })
    return { ...record, failure: blob.failure, parts }
  }
  const found = (id: string | undefined): BlobView | undefined => {
    const blob = id === undefined ? undefined : blobs.get(id)
    return blob === undefined ? undefined : view(blob)
  }
  const windowRecord = (id: string, window: Window) => {
    const { certificate, attempts, transactionHash } = window
    return { id, certificate, statements: statementsOf(window), attempts, transactionHash }
  }
  const finalize = (window: Window, transactionHash: Uint8Array, atMs: number): FinalBundle[] => {
    if (window.final) return []
    window.final = true
    return window.bundleIds.map((id) => {
      const bundle = bundleOf(id)
      bundle.finalizedAtMs = atMs
      bundle.transactionHash = transactionHash
      return { id, owner: bundle.record.owner, certifiedAtMs: window.certifiedAtMs }
    })
  }
  const statementsOf = (window: Window) => window.bundleIds.flatMap((id) => bundles.get(id)?.statement ?? [])

  return {
    async takeFence({ name, token }) {
      if ((fences.get(name) ?? 0n) > token) throw fenced(name)
      fences.set(name, token)
    },
    async acceptBlobs(records) {
      return records.map((record) => {
        const key = record.idempotencyKey === undefined ? undefined : keyOf(record.account, record.idempotencyKey)
        const present = key === undefined ? undefined : byKey.get(key)
        if (present !== undefined) return found(present)
        if (blobs.has(record.id)) throw wrongState(`blob ${record.id} exists`)
        const parts = record.partLengths.map((lengthBytes) => ({ lengthBytes, bundleId: undefined, index: 0 }))
        blobs.set(record.id, { record, failure: undefined, bytesKept: true, parts })
        if (key !== undefined) byKey.set(key, record.id)
        return undefined
      })
    },
    blobs: async (ids) => ids.map(found),
    blobByKey: async (account, idempotencyKey) => found(byKey.get(keyOf(account, idempotencyKey))),
    async queuedParts(owner) {
      const queued = [...blobs.values()].filter(({ record, failure }) => record.owner === owner && failure === undefined)
      queued.sort((a, b) => a.record.acceptedAtMs - b.record.acceptedAtMs || (a.record.id < b.record.id ? -1 : 1))
      return queued.flatMap(({ record, parts }) =>
        parts.flatMap(({ lengthBytes, bundleId }, part) =>
          bundleId === undefined ? [{ blobId: record.id, part, lengthBytes, retentionSeconds: record.retentionSeconds }] : [],
        ),
      )
    },

    async createBundle(fence, record, parts) {
      requireFence(fence)
      const places = parts.map(({ blobId, part }) => {
        const blob = blobs.get(blobId)
        const place = blob?.parts[part]
        if (
          blob === undefined ||
          place === undefined ||
          blob.failure !== undefined ||
          (place.bundleId ?? record.id) !== record.id
        ) {
          throw wrongState(`part ${part} of blob ${blobId} does not wait for a bundle`)
        }
        return place
      })
      if (bundles.has(record.id)) return
      bundles.set(record.id, {
        record,
        statement: undefined,
        stored: [],
        windowId: undefined,
        finalizedAtMs: undefined,
        transactionHash: undefined,
        failed: false,
      })
      for (const [index, place] of places.entries()) {
        place.bundleId = record.id
        place.index = index
      }
    },
    async bundleParts(bundleId) {
      return partsOf(bundleId).map(({ blob, part, number }) => ({
        blobId: blob.record.id,
        part: number,
        offset: blob.record.partLengths.slice(0, number).reduce((sum, length) => sum + length, 0),
        lengthBytes: part.lengthBytes,
        account: blob.record.account,
      }))
    },
    async openBundles(owner) {
      const open = [...bundles.values()].filter(
        (bundle) => bundle.record.owner === owner && bundle.finalizedAtMs === undefined && !bundle.failed,
      )
      open.sort((a, b) => a.record.createdAtMs - b.record.createdAtMs || (a.record.id < b.record.id ? -1 : 1))
      return open.map(({ record, statement, stored, windowId }) => ({
        ...record,
        statement,
        stored,
        certified: windowId !== undefined,
      }))
    },
    async codeBundle(fence, bundleId, statement) {
      requireFence(fence)
      bundleOf(bundleId).statement = statement
    },
    async renewBundle(fence, { id, epoch, committee, expiry }) {
      requireFence(fence)
      const bundle = uncertified(id)
      bundle.record = { ...bundle.record, epoch, committee, expiry }
      bundle.statement = undefined
      bundle.stored = []
    },
    async storedBy(fence, bundleId, members) {
      requireFence(fence)
      bundleOf(bundleId).stored = [...members]
    },
    async failBundle(fence, bundleId, failure) {
      requireFence(fence)
      uncertified(bundleId).failed = true
      for (const { blob } of partsOf(bundleId)) blob.failure = failure
    },

    async saveWindow(fence, { id, certificate, bundleIds, certifiedAtMs, epoch, committee, root }) {
      requireFence(fence)
      const present = windows.get(id)
      if (present?.closed === true) throw wrongState(`window ${id} is closed`)
      for (const bundleId of bundleIds) {
        const { windowId, failed } = bundleOf(bundleId)
        if (failed || (windowId !== undefined && windowId !== id))
          throw wrongState(`bundle ${bundleId} belongs to another window`)
      }
      if (present !== undefined) present.certificate = certificate
      else {
        const rest = { closed: false, nonce: undefined, transactionHash: undefined, attempts: 0, retryAtMs: 0, final: false }
        windows.set(id, { epoch, committee, root, certificate, bundleIds, certifiedAtMs, ...rest })
      }
      for (const bundleId of bundleIds) bundleOf(bundleId).windowId = id
    },
    async closeWindow(fence, windowId) {
      requireFence(fence)
      const window = windows.get(windowId)
      if (window !== undefined) window.closed = true
    },
    async closeWindows(fence, owner) {
      requireFence(fence)
      const open = [...windows.values()].filter(
        (window) => !window.closed && window.bundleIds.some((id) => bundles.get(id)?.record.owner === owner),
      )
      for (const window of open) window.closed = true
      return open.length
    },
    async certificate(commitment, epoch) {
      for (const bundle of bundles.values()) {
        const { statement, windowId, transactionHash } = bundle
        if (statement === undefined || windowId === undefined || statement.epoch !== epoch) continue
        if (!equalBytes(statement.commitment, commitment)) continue
        const window = windows.get(windowId) as Window // set together with the bundle's window id
        const index = window.bundleIds.indexOf(bundle.record.id)
        return { certificate: window.certificate, statements: statementsOf(window), index, transactionHash }
      }
      return undefined
    },

    async submittable(nowMs, limit) {
      const closed = [...windows].filter(([, window]) => window.closed && !window.final && window.nonce === undefined)
      closed.sort(([a, first], [b, second]) => first.certifiedAtMs - second.certifiedAtMs || (a < b ? -1 : 1))
      const due = closed.filter(([, window]) => window.retryAtMs <= nowMs).slice(0, limit)
      const later = closed.filter(([, window]) => window.retryAtMs > nowMs).map(([, window]) => window.retryAtMs)
      return {
        windows: due.map(([id, window]) => windowRecord(id, window)),
        nextAtMs: later.length === 0 ? undefined : Math.min(...later),
      }
    },
    async windowsOf(windowIds) {
      const open = [...windows].filter(([id, window]) => !window.final && windowIds.includes(id))
      open.sort(([a, first], [b, second]) => first.certifiedAtMs - second.certifiedAtMs || (a < b ? -1 : 1))
      return open.map(([id, window]) => windowRecord(id, window))
    },
    pendingTransaction: async () => pending,
    async saveTransaction(fence, transaction) {
      requireFence(fence)
      pending = transaction
      for (const id of transaction.windowIds) {
        const window = windows.get(id)
        if (window === undefined) continue
        window.nonce = transaction.nonce
        window.transactionHash = transaction.hash
      }
    },
    async settleTransaction(fence, { nonce, retryAtMs }) {
      requireFence(fence)
      if (pending?.nonce === nonce) pending = undefined
      for (const window of windows.values()) {
        if (window.nonce !== nonce || window.final) continue
        window.nonce = undefined
        window.attempts++
        window.retryAtMs = retryAtMs
      }
    },
    async postponeWindow(fence, windowId, retryAtMs) {
      requireFence(fence)
      const window = windows.get(windowId)
      if (window === undefined) return
      window.attempts++
      window.retryAtMs = retryAtMs
    },

    async abandonWindow(fence, windowId, failure) {
      requireFence(fence)
      const window = windows.get(windowId)
      if (window === undefined || window.final) return []
      window.final = true
      return window.bundleIds.map((id) => {
        const bundle = bundleOf(id)
        bundle.failed = true
        for (const { blob } of partsOf(id)) blob.failure ??= failure
        return { id, owner: bundle.record.owner }
      })
    },

    nextHeight: async () => nextHeight,
    async applyBlock(fence, block) {
      requireFence(fence)
      nextHeight = block.nextHeight
      return block.windows.flatMap(({ epoch, committee, root, transactionHash }) =>
        [...windows.values()]
          .filter((window) => window.epoch === epoch && window.committee === committee && equalBytes(window.root, root))
          .flatMap((window) => finalize(window, transactionHash, block.atMs)),
      )
    },
    async finalizeWindow(fence, { windowId, transactionHash, atMs }) {
      requireFence(fence)
      const window = windows.get(windowId)
      return window === undefined ? [] : finalize(window, transactionHash, atMs)
    },

    async forgettable(owner, beforeMs, limit) {
      return [...blobs.values()]
        .filter(({ record, bytesKept }) => record.owner === owner && bytesKept && record.acceptedAtMs < beforeMs)
        .filter((blob) => {
          const { failure, parts } = view(blob)
          return (
            failure !== undefined || parts.every(({ finalizedAtMs }) => finalizedAtMs !== undefined && finalizedAtMs < beforeMs)
          )
        })
        .slice(0, limit)
        .map(({ record }) => record.id)
    },
    async bytesForgotten(blobIds) {
      for (const id of blobIds) {
        const blob = blobs.get(id)
        if (blob !== undefined) blob.bytesKept = false
      }
    },
    keptIds: async (owner) =>
      [...blobs.values()].filter(({ record, bytesKept }) => record.owner === owner && bytesKept).map(({ record }) => record.id),
    async counts() {
      const counts = { queued: 0, dispersing: 0, certified: 0, finalized: 0, failed: 0 }
      for (const blob of blobs.values()) counts[blobState(view(blob))]++
      return counts
    },
  }
}

export function fenced(name: string): ZerogError {
  return new ZerogError('FENCED', { message: `another process took over ${name}`, metadata: { name } })
}

export function wrongState(message: string): ZerogError {
  return new ZerogError('WRONG_STATE', { message })
}

/** A part of a blob that waits for its bundle; a blob that fits into one bundle has one. */
export type Part = { readonly blobId: string; readonly part: number; readonly lengthBytes: number }

export type FlushReason = 'size' | 'time' | 'idle' | 'drain'

export type PackLimits = {
  /** A bundle leaves when it has so many bytes with its list. */
  readonly flushBytes: number
  readonly bundleBytesMax: number
  readonly partsMax: number
  /** A part waits no longer than this, and while the encoders are busy five times as long: more would only queue for them. */
  readonly flushMs: number
  /** With nothing else under way, it leaves when so long nothing came after it. */
  readonly idleMs: number
}

/** What else goes on. idle: no bundle is being coded; busy: so many that another one would wait. */
export type Load = 'idle' | 'some' | 'busy'

const BUSY_FACTOR = 5

export type Batch = { readonly retentionSeconds: number; readonly parts: readonly Part[]; readonly reason: FlushReason }

type Queue = { parts: Part[]; bytes: number; readonly firstMs: number; lastMs: number }

/** Parts by retention: one bundle has one expiry, and nobody pays for another one's longer term. Changed in place. */
export type Packer = { readonly open: Map<number, Queue>; readonly full: Batch[] }

/** Version and count, then one entry per part (docs/spec/data-availability.md, Bundle). */
export const LIST_BYTES = 5
export const ENTRY_BYTES = 60

export function createPacker(): Packer {
  return { open: new Map(), full: [] }
}

/** Bytes of a bundle of these parts. */
export function bundleBytes(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + ENTRY_BYTES + part.lengthBytes, LIST_BYTES)
}

/** The largest part that a bundle can hold. */
export function partBytesMax(bundleBytesMax: number): number {
  return bundleBytesMax - LIST_BYTES - ENTRY_BYTES
}

/** Lengths of the parts of a blob: equal to a byte, so that none is a small remainder. */
export function partLengths(sizeBytes: number, bundleBytesMax: number): number[] {
  const count = Math.ceil(sizeBytes / partBytesMax(bundleBytesMax))
  const short = Math.floor(sizeBytes / count)
  return Array.from({ length: count }, (_, part) => short + (part < sizeBytes - short * count ? 1 : 0))
}

export function addPart(
  packer: Packer,
  given: { readonly part: Part; readonly retentionSeconds: number; readonly nowMs: number },
  limits: PackLimits,
): void {
  const { part, retentionSeconds, nowMs } = given
  const bytes = ENTRY_BYTES + part.lengthBytes
  const present = packer.open.get(retentionSeconds)
  if (present !== undefined && (present.bytes + bytes > limits.bundleBytesMax || present.parts.length >= limits.partsMax)) {
    close(packer, retentionSeconds, 'size')
  }
  const queue = packer.open.get(retentionSeconds) ?? { parts: [], bytes: LIST_BYTES, firstMs: nowMs, lastMs: nowMs }
  queue.parts.push(part)
  queue.bytes += bytes
  queue.lastMs = nowMs
  packer.open.set(retentionSeconds, queue)
  if (queue.bytes >= limits.flushBytes || queue.parts.length >= limits.partsMax) close(packer, retentionSeconds, 'size')
}

/** Batches whose time has come. */
export function takeBatches(
  packer: Packer,
  now: { readonly nowMs: number; readonly load: Load; readonly draining?: boolean },
  limits: PackLimits,
): Batch[] {
  for (const [retentionSeconds, queue] of [...packer.open]) {
    const reason = now.draining === true ? 'drain' : dueReason(queue, now, limits)
    if (reason !== undefined) close(packer, retentionSeconds, reason)
  }
  return packer.full.splice(0)
}

/** When to look again, on the clock of `nowMs`. */
export function nextFlushMs(packer: Packer, now: { readonly load: Load }, limits: PackLimits): number | undefined {
  const times = [...packer.open.values()].map((queue) => dueMs(queue, now.load, limits))
  return packer.full.length > 0 ? 0 : times.length === 0 ? undefined : Math.min(...times)
}

function dueReason(
  queue: Queue,
  { nowMs, load }: { readonly nowMs: number; readonly load: Load },
  limits: PackLimits,
): FlushReason | undefined {
  if (nowMs < dueMs(queue, load, limits)) return undefined
  return nowMs - queue.firstMs >= limits.flushMs ? 'time' : 'idle'
}

function dueMs(queue: Queue, load: Load, limits: PackLimits): number {
  const latestMs = queue.firstMs + limits.flushMs * (load === 'busy' ? BUSY_FACTOR : 1)
  return load === 'idle' ? Math.min(latestMs, queue.lastMs + limits.idleMs) : latestMs
}

function close(packer: Packer, retentionSeconds: number, reason: FlushReason): void {
  const queue = packer.open.get(retentionSeconds)
  if (queue === undefined) return
  packer.open.delete(retentionSeconds)
  packer.full.push({ retentionSeconds, parts: queue.parts, reason })
}

import { crc32 } from 'node:zlib'
import { assertBlob, assertBlobKey, checkBlobRange, fromSortKey, otherBytesUnderKey, toSortKey } from '@zerog/adapters/memory'
import type { BlobStore } from '@zerog/ports'
import { assert, equalBytes, toHex } from '@zerog/primitives'
import { type DiskPort, diskFull, ioError, recordCorrupt } from './disk-port.ts'
import type { Incarnation } from './incarnation.ts'
import type { Prng } from './prng.ts'
import { SyncGroup } from './sync-group.ts'
import { never } from './world.ts'

const BLOCK_BYTES = 64 * 1_024

type Blob = { value: Uint8Array; readonly sums: readonly number[]; durable: boolean; deleting: boolean }

/** The platters of one BlobStore: every blob says whether it was synced yet. */
export class BlobDisk {
  readonly name: string
  readonly blobs = new Map<string, Blob>()

  constructor(name: string) {
    this.name = name
  }

  get size(): number {
    return this.blobs.size
  }

  /** The port's contract: of what was not synced any part survives. A torn blob is gone, or is there and refuses to be read. */
  powerCut({ prng, world }: DiskPort): void {
    for (const [key, blob] of this.blobs) {
      if (blob.durable) {
        if (blob.deleting && prng.chance(0.5)) this.blobs.delete(key)
        blob.deleting = false
        continue
      }
      const fate = prng.below(4)
      if (fate === 0) blob.durable = true
      else if (fate === 1) this.#tear(blob, { prng, world })
      else this.#lose(key, world)
    }
  }

  /** What was put is safe from now on; deletes that were not done are forgotten. */
  commit(): void {
    for (const blob of this.blobs.values()) {
      blob.durable = true
      blob.deleting = false
    }
  }

  #lose(key: string, world: DiskPort['world']): void {
    this.blobs.delete(key)
    world.faults.note('disk.lost_write')
  }

  #tear(blob: Blob, { prng, world }: Pick<DiskPort, 'prng' | 'world'>): void {
    const end = prng.below(blob.value.length)
    // The lost part reads as something else than what was written, or the blob would be whole.
    blob.value = blob.value.map((byte, index) => (index < end ? byte : byte ^ 0xff))
    blob.durable = true
    world.faults.note('disk.torn_write')
  }

  flipBit(prng: Prng): boolean {
    const blob = prng.pick([...this.blobs.values()])
    const index = prng.below(blob.value.length)
    blob.value = blob.value.slice()
    blob.value[index] = (blob.value[index] as number) ^ (1 << prng.below(8))
    return true
  }
}

/** A process's view of a `BlobDisk`. */
export function openSimBlobStore(disk: BlobDisk, life: Incarnation, port: DiskPort): BlobStore {
  // The port leaves open whether a blob shows before its put resolves; each life does it one way or the other.
  const showsEarly = port.prng.chance(0.5)
  let closed = false
  const assertOpen = () => assert(!closed, 'the store is closed')
  const group = new SyncGroup(disk.name, { life, port, begin: () => beginSync(disk) })

  const find = (sortKey: string): Blob | undefined => {
    const blob = disk.blobs.get(sortKey)
    return blob && (blob.durable || showsEarly) ? blob : undefined
  }
  const visibleKeys = (prefix: Uint8Array = new Uint8Array()) => {
    const start = toSortKey(prefix)
    return [...disk.blobs.keys()].filter((key) => key.startsWith(start) && find(key)).sort()
  }
  const read = <T>(detail: string, effect: () => T) =>
    life.perform({ delayUs: port.readUs(), kind: 'disk.read', detail: `${disk.name} ${detail}` }, effect)

  return {
    async put(key, value) {
      assertOpen()
      assertBlob(key, value)
      if (!life.alive) return never()
      const sortKey = toSortKey(key)
      const present = disk.blobs.get(sortKey)
      if (present && !isDamaged(present)) {
        if (!equalBytes(present.value, value)) throw otherBytesUnderKey(toHex(key))
        // A put that overtakes the delete of its key takes it back.
        present.deleting = false
        return group.sync()
      }
      if (group.failed) throw ioError(disk.name)
      if (port.world.faults.roll('disk.full')) throw diskFull(disk.name)
      if (port.crashesHere(life)) return never()
      disk.blobs.set(sortKey, { value: value.slice(), sums: blockSums(value), durable: false, deleting: false })
      port.world.record(life.name, 'disk.put', `${disk.name} ${toHex(key)} ${value.length}:${crc32(value).toString(16)}`)
      if (port.crashesHere(life)) return never()
      return group.sync()
    },
    has(key) {
      assertOpen()
      assertBlobKey(key)
      return find(toSortKey(key)) !== undefined
    },
    async get(key, range) {
      assertOpen()
      assertBlobKey(key)
      return read(toHex(key), () => {
        const blob = find(toSortKey(key))
        if (blob === undefined) return undefined
        if (range) checkBlobRange(range, blob.value.length)
        const { offset, length } = range ?? { offset: 0, length: blob.value.length }
        if (isDamaged(blob, offset, length)) throw recordCorrupt(disk.name, { key: toHex(key) })
        return blob.value.slice(offset, offset + length)
      })
    },
    async delete(key) {
      assertOpen()
      assertBlobKey(key)
      if (!life.alive) return never()
      const blob = disk.blobs.get(toSortKey(key))
      if (blob === undefined) return
      if (group.failed) throw ioError(disk.name)
      blob.deleting = true
      return group.sync()
    },
    keys(prefix) {
      assertOpen()
      return visibleKeys(prefix).map(fromSortKey)
    },
    async *scrub(signal) {
      assertOpen()
      for (const sortKey of visibleKeys()) {
        signal?.throwIfAborted()
        const problem = await read('scrub', () => {
          const blob = find(sortKey)
          return blob && isDamaged(blob) ? 'a block does not match its checksum' : undefined
        })
        if (problem) yield { key: fromSortKey(sortKey), problem }
      }
    },
    stats() {
      const visible = visibleKeys().map((key) => find(key)?.value.length ?? 0)
      return { count: visible.length, sizeBytes: visible.reduce((sum, length) => sum + length, 0) }
    },
    async close() {
      closed = true
    },
  }
}

/** What is written and deleted by now becomes so for good when the sync ends. */
function beginSync(disk: BlobDisk): () => void {
  const written = [...disk.blobs].filter(([, blob]) => !blob.durable || blob.deleting)
  return () => {
    for (const [key, blob] of written) {
      blob.durable = true
      if (blob.deleting && disk.blobs.get(key) === blob) disk.blobs.delete(key)
    }
  }
}

function blockSums(value: Uint8Array): number[] {
  const sums: number[] = []
  for (let offset = 0; offset < value.length; offset += BLOCK_BYTES)
    sums.push(crc32(value.subarray(offset, offset + BLOCK_BYTES)))
  return sums
}

/** Whether a block that the range touches does not match its checksum. */
function isDamaged(blob: Blob, offset = 0, length = blob.value.length): boolean {
  const first = Math.floor(offset / BLOCK_BYTES)
  const end = Math.max(first + 1, Math.ceil((offset + length) / BLOCK_BYTES))
  for (let index = first; index < end; index++) {
    const block = blob.value.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)
    if (crc32(block) !== blob.sums[index]) return true
  }
  return false
}

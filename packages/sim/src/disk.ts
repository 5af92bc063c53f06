import type { BlobStore, Kv } from '@zerog/ports'
import { BlobDisk, openSimBlobStore } from './blob-store.ts'
import type { DiskPort } from './disk-port.ts'
import type { Incarnation } from './incarnation.ts'
import { KvDisk, openSimKv } from './kv.ts'
import type { Prng } from './prng.ts'
import type { World } from './world.ts'

export type DiskOptions = {
  /** Mean of a sync. Default 2. */
  readonly syncMs?: number
  /** Mean of a blob's read. Default 0.2. */
  readonly readMs?: number
}

/** What one node keeps over its lives. Opening a store again in the same life gives the same one. */
export class Disk {
  readonly #kvs = new Map<string, KvDisk>()
  readonly #blobs = new Map<string, BlobDisk>()
  readonly #opened = new Map<string, { readonly life: Incarnation; readonly store: Promise<unknown> }>()
  readonly #port: DiskPort

  constructor(options: {
    readonly world: World
    readonly prng: Prng
    readonly disk: DiskOptions
    readonly crashesHere: DiskPort['crashesHere']
  }) {
    const { world, prng, disk, crashesHere } = options
    const slow = () => (world.faults.roll('disk.slow') ? world.faults.stream('disk.slow').between(10, 100) : 1)
    const around = (meanMs: number) => Math.ceil(meanMs * 250 + prng.exponential(meanMs * 750))
    this.#port = {
      world,
      prng,
      syncUs: () => around(disk.syncMs ?? 2) * slow(),
      readUs: () => around(disk.readMs ?? 0.2),
      crashesHere,
    }
  }

  openKv(name: string, life: Incarnation): Promise<Kv> {
    return this.#open(`kv ${name}`, life, () => {
      const disk = this.#kvs.get(name) ?? new KvDisk(`${life.name}/${name}`)
      this.#kvs.set(name, disk)
      disk.commit(disk.unsynced.length)
      return openSimKv(disk, life, this.#port)
    })
  }

  openBlobs(name: string, life: Incarnation): Promise<BlobStore> {
    return this.#open(`blobs ${name}`, life, () => {
      const disk = this.#blobs.get(name) ?? new BlobDisk(`${life.name}/${name}`)
      this.#blobs.set(name, disk)
      disk.commit()
      return openSimBlobStore(disk, life, this.#port)
    })
  }

  /** The port's contract: what a store shows when it was opened is durable, so opening syncs what a killed process left. */
  #open<T>(what: string, life: Incarnation, open: () => T): Promise<T> {
    const known = this.#opened.get(what)
    if (known?.life === life) return known.store as Promise<T>
    const delayUs = this.#port.readUs() + this.#port.syncUs()
    const store = life.perform({ delayUs, kind: 'disk.open', detail: what }, open)
    this.#opened.set(what, { life, store })
    return store
  }

  /** What was not synced survives in part, as each store's contract allows. */
  powerCut(): void {
    for (const store of [...this.#kvs.values(), ...this.#blobs.values()]) store.powerCut(this.#port)
  }

  /** Turns one bit of one stored record; false if nothing is stored. */
  flipBit(): boolean {
    const stores = [...this.#kvs.values(), ...this.#blobs.values()].filter(({ size }) => size > 0)
    if (stores.length === 0) return false
    const { prng } = this.#port
    return prng.pick(stores).flipBit(prng)
  }
}

import { assertWrite } from '@zerog/adapters/memory'
import type { Kv } from '@zerog/ports'
import { assert, toHex } from '@zerog/primitives'
import { type DiskPort, diskFull, ioError, recordCorrupt } from './disk-port.ts'
import type { Incarnation } from './incarnation.ts'
import { type KvRecord, KvView, kvChecksum, kvRecord } from './kv-view.ts'
import type { Prng } from './prng.ts'
import { SyncGroup } from './sync-group.ts'

type Change = KvRecord | { readonly table: string; readonly key: Uint8Array; readonly value: null }

/** The platters of one Kv: records that are safe, and batches that are still in the page cache, oldest first. */
export class KvDisk {
  readonly name: string
  readonly durable = new KvView()
  unsynced: (readonly Change[])[] = []
  /** Shows damage to the process that has the store open. */
  onDamage: (record: KvRecord) => void = () => {}

  constructor(name: string) {
    this.name = name
  }

  get size(): number {
    return this.durable.size
  }

  /** The `count` oldest batches are safe from now on. */
  commit(count: number): void {
    for (const batch of this.unsynced.splice(0, count)) apply(this.durable, batch)
  }

  /** The port's contract: a prefix of the writes survives, each of them whole. */
  powerCut({ prng, world }: DiskPort): void {
    this.commit(prng.between(0, this.unsynced.length))
    if (this.unsynced.length > 0) world.faults.note('disk.lost_write')
    this.unsynced = []
  }

  /** The checksum stays what it was, so every later read sees it. */
  flipBit(prng: Prng): boolean {
    const record = prng.pick([...this.durable.all()])
    if (record.value.length === 0) return false
    const value = record.value.slice()
    const index = prng.below(value.length)
    value[index] = (value[index] as number) ^ (1 << prng.below(8))
    const damaged = { ...record, value }
    this.durable.set(damaged)
    this.onDamage(damaged)
    return true
  }
}

/** A process's view of a `KvDisk`. A process that has died keeps a view of its own that reaches no disk. */
export function openSimKv(disk: KvDisk, life: Incarnation, port: DiskPort): Kv {
  const view = new KvView()
  for (const record of disk.durable.all()) view.set(record)
  for (const batch of disk.unsynced) apply(view, batch)
  let closed = false

  disk.onDamage = (damaged) => {
    // A newer value of the key lies in memory, where this damage is not.
    const current = view.get(damaged.table, damaged.key)
    if (current?.sum === damaged.sum) view.set(damaged)
  }
  const group = new SyncGroup(disk.name, {
    life,
    port,
    begin: () => {
      const count = disk.unsynced.length
      return () => disk.commit(count)
    },
  })
  const assertOpen = () => assert(!closed, 'the store is closed')

  return {
    get(table, key) {
      assertOpen()
      const record = view.get(table, key)
      return record && verified(disk.name, record)
    },
    range(table, range) {
      assertOpen()
      return verifiedAll(disk.name, view.range(table, range))
    },
    write(writes) {
      assertOpen()
      for (const write of writes) assertWrite(write)
      if (group.failed) throw ioError(disk.name)
      if (life.alive && port.world.faults.roll('disk.full')) throw diskFull(disk.name)
      if (life.alive) port.crashesHere(life)
      const batch = writes.map(({ table, key, value }) =>
        value === null ? { table, key: key.slice(), value } : kvRecord(table, key, value),
      )
      apply(view, batch)
      if (!life.alive || batch.length === 0) return
      disk.unsynced.push(batch)
      port.world.record(life.name, 'disk.write', `${disk.name} ${batch.map((change) => describe(change)).join(' ')}`)
      port.crashesHere(life)
    },
    flush() {
      assertOpen()
      return group.sync()
    },
    async close() {
      if (closed) return
      closed = true
      if (disk.unsynced.length > 0 && !group.failed) await group.sync()
    },
  }
}

function apply(view: KvView, batch: readonly Change[]): void {
  for (const change of batch) {
    if (change.value === null) view.delete(change.table, change.key)
    else view.set(change)
  }
}

function verified(store: string, { table, key, value, sum }: KvRecord): Uint8Array {
  if (kvChecksum(table, key, value) !== sum) throw recordCorrupt(store, { table, key: toHex(key) })
  return value.slice()
}

function* verifiedAll(store: string, records: readonly KvRecord[]): Iterable<readonly [Uint8Array, Uint8Array]> {
  for (const record of records) yield [record.key.slice(), verified(store, record)]
}

/** For the audit hash: which bytes, without printing them. */
function describe(change: Change): string {
  return change.value === null ? `${change.table}-` : `${change.table}:${change.value.length}:${change.sum.toString(16)}`
}

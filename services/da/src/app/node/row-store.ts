import type { Statement } from '@zerog/availability'
import type { RowProof } from '@zerog/erasure'
import type { BlobStore, Logger } from '@zerog/ports'
import { toHex, ZerogError } from '@zerog/primitives'
import { decodeStoreKey, type Holding, holdingText, manifestKey, packKey } from '../../core/node/holding-key.ts'
import { createHoldings, type Held, type Holdings } from '../../core/node/holdings.ts'
import { decodeManifest, encodeManifest, type Manifest, packLayout } from '../../core/node/manifest.ts'
import { runsOf } from '../../core/node/runs.ts'
import { unpackRows } from '../../core/row-check.ts'
import { MANIFESTS_KEPT_MAX, READ_ALONG_BYTES, ROWS_MESSAGE_BYTES } from '../../limits.ts'

type LoadedManifest = Manifest & {
  /** Row index to its place in the packs. */
  readonly places: ReadonlyMap<number, number>
}

/** Rows of one bundle on their way to the disk. */
export type RowWriter = {
  /** A full pack; durable when it resolves. Not the last one. */
  add(pack: Uint8Array): Promise<void>
  /** The last pack and the manifest, in one write and one sync. The bundle is held when it resolves. */
  finish(pack: Uint8Array, manifest: Manifest): Promise<void>
  /** Takes back what was written. */
  abandon(): Promise<void>
}

/** Rows with their paths in packs of up to 4 MiB; a manifest beside them makes them count. */
export type RowStore = {
  readonly holdings: Holdings
  /** Whatever stood under these keys is replaced. */
  writer(bundle: Statement): RowWriter
  /** Another promise for rows that are held. */
  promise(bundle: Statement, held: Held): Promise<void>
  manifest(held: Held): Promise<Manifest>
  /** Those of `indexes` (absent: all) that are here, in batches of about 1 MiB. What cannot be read is marked damaged and left out. */
  rows(commitment: Uint8Array, indexes: readonly number[] | undefined, signal: AbortSignal): AsyncGenerator<readonly RowProof[]>
  /** Takes one promise away, and the rows with the last one. */
  release(bundle: Statement): Promise<void>
  /** Reads everything back and marks what is damaged; returns how many damages it found. */
  scrub(signal: AbortSignal): Promise<number>
  usedBytes(): number
}

/** Reads the keys of the store; packs without a manifest are what a crash left behind and are deleted. */
export async function openRowStore(deps: { readonly blobs: BlobStore; readonly logger: Logger }): Promise<RowStore> {
  const { blobs, logger } = deps
  const holdings = createHoldings()
  await loadIndex(blobs, holdings, logger)
  const manifests = new Map<string, LoadedManifest>()

  function markDamaged(held: Held, problem: string): void {
    manifests.delete(holdingText(held.bundle))
    if (held.damaged) return
    held.damaged = true
    logger.warn('rows_damaged', { commitment: toHex(held.bundle.commitment), epoch: held.bundle.epoch, problem })
  }

  async function load(held: Held): Promise<LoadedManifest> {
    const text = holdingText(held.bundle)
    const known = manifests.get(text)
    if (known !== undefined) return known
    const manifest = await readManifest(blobs, held)
    const loaded = { ...manifest, places: new Map(manifest.indexes.map((index, place) => [index, place])) }
    manifests.set(text, loaded)
    if (manifests.size > MANIFESTS_KEPT_MAX) manifests.delete(manifests.keys().next().value as string) // the oldest; not empty
    return loaded
  }

  /** Rows at `places` of one holding; neighbours are read together. */
  async function* readPlaces(held: Held, manifest: Manifest, places: readonly number[]): AsyncGenerator<readonly RowProof[]> {
    const { strideBytes, rowsPerPack } = packLayout(held.bundle)
    const rowsMax = Math.max(1, Math.floor(ROWS_MESSAGE_BYTES / strideBytes))
    const gapRowsMax = Math.floor(READ_ALONG_BYTES / strideBytes)
    const { generation } = held
    let batch: RowProof[] = []
    for (const run of runsOf(places, { rowsPerPack, rowsMax, gapRowsMax })) {
      const key = packKey(held.bundle, Math.floor(run.first / rowsPerPack))
      const range = { offset: (run.first % rowsPerPack) * strideBytes, length: run.count * strideBytes }
      try {
        const bytes = await blobs.get(key, range)
        // Refilled meanwhile: the new rows may lie in another order.
        if (held.generation !== generation) return
        if (bytes === undefined) throw missing(held, 'a pack is not there')
        const rows = unpackRows({ indexes: manifest.indexes.slice(run.first, run.first + run.count), bytes }, held.bundle)
        const asked = run.places.map((place) => rows[place - run.first] as RowProof) // within the run
        if (batch.length + asked.length > rowsMax && batch.length > 0) {
          yield batch
          batch = []
        }
        batch.push(...asked)
      } catch (error) {
        if (!isDamage(error)) throw error
        // Pruned or refilled between two reads: then nothing is damaged.
        if (holdings.find(held.bundle) === held) markDamaged(held, String(error))
      }
    }
    if (batch.length > 0) yield batch
  }

  return {
    holdings,
    writer: (bundle) =>
      rowWriter(bundle, {
        blobs,
        finished(has) {
          const held = holdings.add(bundle, has)
          held.damaged = false
          held.packs = has.packs
          held.generation++
          manifests.delete(holdingText(bundle))
        },
        expiries: () => [...(holdings.find(bundle)?.expiries ?? [])],
      }),
    async promise(bundle, held) {
      await blobs.put(manifestKey(bundle, held.rows), encodeManifest(await load(held)))
      holdings.add(bundle, held)
    },
    async manifest(held) {
      try {
        return await load(held)
      } catch (error) {
        if (isDamage(error)) markDamaged(held, String(error))
        throw error
      }
    },
    async *rows(commitment, indexes, signal) {
      const wanted = indexes === undefined ? undefined : new Set(indexes)
      for (const held of [...holdings.ofCommitment(commitment)]) {
        signal.throwIfAborted()
        const manifest = await load(held).catch((error) => {
          if (!isDamage(error)) throw error
          markDamaged(held, String(error))
        })
        if (manifest === undefined) continue
        const places = placesOf(manifest, wanted)
        for await (const rows of readPlaces(held, manifest, places)) {
          signal.throwIfAborted()
          for (const { index } of rows) wanted?.delete(index)
          yield rows
        }
      }
    },
    async release(bundle) {
      const rows = holdings.find(bundle)?.rows ?? 0
      await blobs.delete(manifestKey(bundle, rows))
      const gone = holdings.dropPromise(bundle)
      if (gone === undefined) return
      manifests.delete(holdingText(bundle))
      for (let ordinal = 0; ordinal < gone.packs; ordinal++) await blobs.delete(packKey(bundle, ordinal))
    },
    async scrub(signal) {
      let found = 0
      const report = (held: Held | undefined, problem: string) => {
        found++
        if (held !== undefined) markDamaged(held, problem)
        else logger.warn('rows_damaged', { problem })
      }
      for await (const { key, problem } of blobs.scrub(signal)) {
        const named = decodeStoreKey(key)
        report(named && holdings.find(named.kind === 'pack' ? named.holding : named.bundle), problem)
      }
      for (const held of [...holdings.all()]) {
        signal.throwIfAborted()
        if (held.damaged) continue
        const problem = await incompleteness(blobs, held).catch((error) => {
          if (!isDamage(error)) throw error
          return String(error)
        })
        if (problem !== undefined && holdings.find(held.bundle) === held) report(held, problem)
      }
      return found
    },
    usedBytes: () => blobs.stats().sizeBytes,
  }
}

function rowWriter(
  bundle: Statement,
  deps: {
    readonly blobs: BlobStore
    /** Other promises for the same rows, whose manifests must tell of the same places. */
    readonly expiries: () => readonly bigint[]
    readonly finished: (has: { readonly rows: number; readonly packs: number }) => void
  },
): RowWriter {
  const { blobs } = deps
  let packs = 0
  let rows = 0
  const put = (key: Uint8Array, value: Uint8Array) => replace(blobs, key, value)
  return {
    add: (pack) => put(packKey(bundle, packs++), pack),
    async finish(pack, manifest) {
      const last = put(packKey(bundle, packs++), pack)
      const value = encodeManifest(manifest)
      rows = manifest.indexes.length
      const expiries = new Set([bundle.expiry, ...deps.expiries()])
      // Behind the pack in the same turn: one sync takes all, and no crash leaves a manifest without its rows.
      const manifests = [...expiries].map((expiry) => put(manifestKey({ ...bundle, expiry }, rows), value))
      const results = await Promise.allSettled([last, ...manifests])
      for (const result of results) if (result.status === 'rejected') throw result.reason
      deps.finished({ rows, packs })
    },
    async abandon() {
      await blobs.delete(manifestKey(bundle, rows))
      for (let ordinal = 0; ordinal < packs; ordinal++) await blobs.delete(packKey(bundle, ordinal))
    },
  }
}

/** Rows are a function of their key but for their order: other bytes are an earlier attempt or damaged, and verified ones are in our hands. */
async function replace(blobs: BlobStore, key: Uint8Array, value: Uint8Array): Promise<void> {
  try {
    await blobs.put(key, value)
  } catch (error) {
    if (!(error instanceof ZerogError) || error.reason !== 'ALREADY_EXISTS') throw error
    await blobs.delete(key)
    await blobs.put(key, value)
  }
}

async function loadIndex(blobs: BlobStore, holdings: Holdings, logger: Logger): Promise<void> {
  const packs = new Map<string, { readonly holding: Holding; count: number; readonly keys: Uint8Array[] }>()
  const bundles: { readonly bundle: Statement; readonly rows: number }[] = []
  for (const key of blobs.keys()) {
    const named = decodeStoreKey(key)
    if (named === undefined) logger.warn('row_key_unknown', { key: toHex(key) })
    else if (named.kind === 'manifest') bundles.push(named)
    else {
      const text = holdingText(named.holding)
      const found = packs.get(text) ?? { holding: named.holding, count: 0, keys: [] }
      packs.set(text, { ...found, count: Math.max(found.count, named.ordinal + 1), keys: [...found.keys, key] })
    }
  }
  for (const { bundle, rows } of bundles) {
    const count = packs.get(holdingText(bundle))?.count ?? 0
    const held = holdings.add(bundle, { rows, packs: count })
    // A manifest without any pack: a refill was cut off.
    held.damaged ||= count === 0
  }
  for (const { holding, keys } of packs.values()) {
    if (holdings.find(holding) !== undefined) continue
    for (const key of keys) await blobs.delete(key)
  }
}

async function readManifest(blobs: BlobStore, held: Held): Promise<Manifest> {
  let damage: unknown
  for (const expiry of held.expiries) {
    try {
      const bytes = await blobs.get(manifestKey({ ...held.bundle, expiry }, held.rows))
      const manifest = bytes && decodeManifest(bytes, held.bundle.k)
      if (manifest !== undefined) return manifest
    } catch (error) {
      if (!isDamage(error)) throw error
      damage = error
    }
  }
  throw damage ?? missing(held, 'its manifest is not there')
}

/** What blobs.scrub cannot see: records that are not there at all. */
async function incompleteness(blobs: BlobStore, held: Held): Promise<string | undefined> {
  const manifest = await readManifest(blobs, held)
  const packs = Math.ceil(manifest.indexes.length / packLayout(held.bundle).rowsPerPack)
  for (let ordinal = 0; ordinal < packs; ordinal++) {
    if (!blobs.has(packKey(held.bundle, ordinal))) return `pack ${ordinal} of ${packs} is not there`
  }
  return undefined
}

function placesOf(manifest: LoadedManifest, wanted: ReadonlySet<number> | undefined): readonly number[] {
  if (wanted === undefined) return manifest.indexes.map((_, place) => place)
  const places = [...wanted].flatMap((index) => manifest.places.get(index) ?? [])
  return places.sort((a, b) => a - b)
}

function missing(held: Held, problem: string): ZerogError {
  return new ZerogError('RECORD_CORRUPT', {
    message: `rows of ${toHex(held.bundle.commitment)} cannot be read (${problem}); they are refilled from other members`,
    metadata: { store: 'rows', commitment: toHex(held.bundle.commitment) },
  })
}

function isDamage(error: unknown): boolean {
  return error instanceof ZerogError && error.reason === 'RECORD_CORRUPT'
}

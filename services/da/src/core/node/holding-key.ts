import type { Statement } from '@zerog/availability'
import { equalBytes, toHex } from '@zerog/primitives'

/**
 * Keys of a node's row store, integers big-endian:
 *
 *   'm' ‖ u64 expiry ‖ commitment ‖ u64 epoch ‖ u32 committee ‖ u32 k ‖ u32 n ‖ u32 row bytes ‖ u32 payload bytes
 *       ‖ u32 rows                                                                                                   the manifest
 *   'p' ‖ commitment ‖ u64 epoch ‖ u32 committee ‖ u32 ordinal                                                        a pack of rows
 *
 * A manifest's key alone tells everything that is signed, so the index of a node is rebuilt without reading a value, and prefixes of
 * the expiry are the buckets that pruning walks. Packs have no expiry: a longer promise for the same rows writes a manifest only.
 */
const MANIFEST = 0x6d
const PACK = 0x70
const MANIFEST_KEY_BYTES = 73
const PACK_KEY_BYTES = 49

/** Rows of one commitment that one assignment gave to this node. */
export type Holding = Pick<Statement, 'commitment' | 'epoch' | 'committee'>

export type StoreKey =
  | { readonly kind: 'manifest'; readonly bundle: Statement; readonly rows: number }
  | { readonly kind: 'pack'; readonly holding: Holding; readonly ordinal: number }

/** @param rows how many rows of the bundle this member has */
export function manifestKey(bundle: Statement, rows: number): Uint8Array {
  const key = new Uint8Array(MANIFEST_KEY_BYTES)
  const view = new DataView(key.buffer)
  key[0] = MANIFEST
  view.setBigUint64(1, bundle.expiry)
  key.set(bundle.commitment, 9)
  view.setBigUint64(41, bundle.epoch)
  view.setUint32(49, bundle.committee)
  view.setUint32(53, bundle.k)
  view.setUint32(57, bundle.n)
  view.setUint32(61, bundle.rowBytes)
  view.setUint32(65, bundle.payloadBytes)
  view.setUint32(69, rows)
  return key
}

export function packKey(holding: Holding, ordinal: number): Uint8Array {
  const key = new Uint8Array(PACK_KEY_BYTES)
  const view = new DataView(key.buffer)
  key[0] = PACK
  key.set(holding.commitment, 1)
  view.setBigUint64(33, holding.epoch)
  view.setUint32(41, holding.committee)
  view.setUint32(45, ordinal)
  return key
}

/** Returns undefined for what is no key of this store, as a damaged log may name. */
export function decodeStoreKey(key: Uint8Array): StoreKey | undefined {
  const view = new DataView(key.buffer, key.byteOffset, key.length)
  if (key.length === MANIFEST_KEY_BYTES && key[0] === MANIFEST) {
    const bundle = {
      commitment: new Uint8Array(key.subarray(9, 41)),
      k: view.getUint32(53),
      n: view.getUint32(57),
      rowBytes: view.getUint32(61),
      payloadBytes: view.getUint32(65),
      epoch: view.getBigUint64(41),
      committee: view.getUint32(49),
      expiry: view.getBigUint64(1),
    }
    return { kind: 'manifest', bundle, rows: view.getUint32(69) }
  }
  if (key.length === PACK_KEY_BYTES && key[0] === PACK) {
    const holding = {
      commitment: new Uint8Array(key.subarray(1, 33)),
      epoch: view.getBigUint64(33),
      committee: view.getUint32(41),
    }
    return { kind: 'pack', holding, ordinal: view.getUint32(45) }
  }
  return undefined
}

export function holdingText({ commitment, epoch, committee }: Holding): string {
  return `${toHex(commitment)}/${epoch}/${committee}`
}

/** Whether two bundles claim the same code of the same payload; what a commitment can have only one of. */
export function sameContent(a: Statement, b: Statement): boolean {
  return (
    equalBytes(a.commitment, b.commitment) &&
    a.k === b.k &&
    a.n === b.n &&
    a.rowBytes === b.rowBytes &&
    a.payloadBytes === b.payloadBytes
  )
}

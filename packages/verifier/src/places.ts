import { listBytesOf } from '@zerog/availability'
import { cutRange, type Layout, type Range, spanOf } from '@zerog/erasure'
import { bytesToBigint, ZerogError } from '@zerog/primitives'

// Where in a DA bundle the bytes of one claim stand (docs/spec/receipt.md, docs/spec/data-availability.md).

/** `u8 version ‖ u64 chain id ‖ provider ‖ u32 users`. */
export const BATCH_HEAD_BYTES = 33
/** `user ‖ u32 claims`. */
export const USER_HEAD_BYTES = 24
/** `u8 kind ‖ commitment ‖ u128 amount`. */
export const CLAIM_BYTES = 49
/** `u8 version ‖ u32 count` at the head of a bundle, then `u32 offset ‖ u32 length ‖ sha256 ‖ account` for each blob. */
export const LIST_HEAD_BYTES = 5
export const ENTRY_BYTES = 60

export type ClaimPlace = {
  readonly blobIndex: number
  /** First byte of the blob in its bundle. */
  readonly blobOffset: number
  /** First byte of the user's part in the blob. */
  readonly userOffset: number
  readonly claimIndex: number
}

/** The five ranges of a bundle that evidence shows: heads of the bundle, of the blob and of the user's part, the entry, the claim. */
export function claimRanges({ blobIndex, blobOffset, userOffset, claimIndex }: ClaimPlace): Range[] {
  const user = blobOffset + userOffset
  return [
    { offset: 0, lengthBytes: LIST_HEAD_BYTES },
    { offset: listBytesOf(blobIndex), lengthBytes: ENTRY_BYTES },
    { offset: blobOffset, lengthBytes: BATCH_HEAD_BYTES },
    { offset: user, lengthBytes: USER_HEAD_BYTES },
    { offset: user + USER_HEAD_BYTES + claimIndex * CLAIM_BYTES, lengthBytes: CLAIM_BYTES },
  ]
}

/** What tells where a blob stands in its bundle: read first, by whoever fetches the rows of a batch. */
export function listRanges(blobIndex: number): Range[] {
  return [
    { offset: 0, lengthBytes: LIST_HEAD_BYTES },
    { offset: listBytesOf(blobIndex), lengthBytes: ENTRY_BYTES },
  ]
}

/** Everything of a bundle that evidence of any claim of a batch can show: the list up to the blob's entry, and the blob. */
export function batchRanges(blobIndex: number, place: { readonly offset: number; readonly lengthBytes: number }): Range[] {
  return [...listRanges(blobIndex), place]
}

/** Where a blob stands, out of verified rows. @throws ZerogError INVALID_ARGUMENT, NOT_FOUND where the row of its entry is missing */
export function placeOfBlob(
  rows: readonly { readonly index: number; readonly row: Uint8Array }[],
  { blobIndex, k, rowBytes }: { readonly blobIndex: number } & Pick<Layout, 'k' | 'rowBytes'>,
): Range {
  const range = { offset: listBytesOf(blobIndex), lengthBytes: ENTRY_BYTES }
  const { rowFirst, rowCount } = spanOf(range, { k, rowBytes })
  const held = Array.from({ length: rowCount }, (_, step) => {
    const found = rows.find(({ index }) => index === rowFirst + step)
    if (found === undefined) throw new ZerogError('NOT_FOUND', { message: `row ${rowFirst + step} of the bundle is missing` })
    return found.row
  })
  const entry = cutRange(held, range, { k, rowBytes })
  return { offset: Number(bytesToBigint(entry.subarray(0, 4))), lengthBytes: Number(bytesToBigint(entry.subarray(4, 8))) }
}

/** Original rows that hold the ranges and the bundle's own header (row 0), rising: those that a bundle of evidence carries. */
export function rowsOf(ranges: readonly Range[], layout: Pick<Layout, 'k' | 'rowBytes'>): number[] {
  const rows = new Set([0])
  for (const range of ranges) {
    const { rowFirst, rowCount } = spanOf(range, layout)
    for (let index = 0; index < rowCount; index++) rows.add(rowFirst + index)
  }
  return [...rows].sort((a, b) => a - b)
}

import { sha256 } from '@zerog/kernels'
import { assert, concatBytes, equalBytes } from '@zerog/primitives'
import { ADDRESS_BYTES, BLOBS_MAX, BUNDLE_PAYLOAD_BYTES_MAX, HASH_BYTES, LIST_ENTRY_BYTES, LIST_HEAD_BYTES } from './limits.ts'
import { malformed, refused } from './refusal.ts'

/** One blob of a bundle. */
export type BlobEntry = {
  /** From the first byte of the bundle. */
  readonly offset: number
  readonly length: number
  readonly sha256: Uint8Array
  /** 20 bytes; zero where nobody signed. */
  readonly account: Uint8Array
}

export type BundledBlob = { readonly bytes: Uint8Array; readonly account?: Uint8Array }

const VERSION = 1

/** A blob of which only the hash is at hand. */
export type ListedBlob = { readonly lengthBytes: number; readonly sha256: Uint8Array; readonly account?: Uint8Array }

/**
 * `bundleList`, then the blobs without gaps.
 * @param blobs 1 to 65,536, none empty, which together fit: see `bundleBytesOf`
 */
export function buildBundle(blobs: readonly BundledBlob[]): Uint8Array {
  const list = bundleList(blobs.map(({ bytes, ...rest }) => ({ ...rest, lengthBytes: bytes.length, sha256: sha256(bytes) })))
  return concatBytes(list, ...blobs.map(({ bytes }) => bytes))
}

/**
 * The head of a bundle: `u8 version ‖ u32 count ‖ count entries of u32 offset ‖ u32 length ‖ sha256 ‖ account`
 * (docs/spec/data-availability.md, Bundle). The blobs follow without gaps.
 * @param blobs as of `buildBundle`
 */
export function bundleList(blobs: readonly ListedBlob[]): Uint8Array {
  assert(blobs.length >= 1 && blobs.length <= BLOBS_MAX, 'a bundle has 1 to 65,536 blobs')
  assert(bundleBytesOf(blobs.map(({ lengthBytes }) => lengthBytes)) <= BUNDLE_PAYLOAD_BYTES_MAX, 'the blobs fit into one bundle')
  const list = new Uint8Array(listBytesOf(blobs.length))
  const view = new DataView(list.buffer)
  list[0] = VERSION
  view.setUint32(1, blobs.length)
  let offset = list.length
  for (const [index, { lengthBytes, sha256: hash, account }] of blobs.entries()) {
    assert(lengthBytes >= 1, 'a blob has a byte')
    assert(hash.length === HASH_BYTES, 'a hash has 32 bytes')
    assert(account === undefined || account.length === ADDRESS_BYTES, 'an account has 20 bytes')
    const at = listBytesOf(index)
    view.setUint32(at, offset)
    view.setUint32(at + 4, lengthBytes)
    list.set(hash, at + 8)
    if (account !== undefined) list.set(account, at + 8 + HASH_BYTES)
    offset += lengthBytes
  }
  return list
}

/** Size of the bundle that holds blobs of these sizes. */
export function bundleBytesOf(blobSizes: readonly number[]): number {
  return blobSizes.reduce((sum, size) => sum + size, listBytesOf(blobSizes.length))
}

/** Size of the list at the head of a bundle; also the place of entry `count`. */
export function listBytesOf(count: number): number {
  return LIST_HEAD_BYTES + count * LIST_ENTRY_BYTES
}

/**
 * How many blobs a bundle has, from its first 5 bytes: `listBytesOf` of it says how much must be fetched to read the list.
 * @throws ZerogError INVALID_ARGUMENT
 */
export function readBlobCount(head: Uint8Array, bundleBytes: number): number {
  if (head.length < LIST_HEAD_BYTES) throw malformed('bundle', `it ends at ${head.length}, within its head`)
  if (head[0] !== VERSION) throw malformed('bundle', `version ${head[0]} is unknown`)
  const count = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(1)
  if (count < 1 || count > BLOBS_MAX) throw malformed('bundle', `a bundle has 1 to ${BLOBS_MAX} blobs, not ${count}`)
  if (listBytesOf(count) + count > bundleBytes) throw malformed('bundle', `${count} blobs do not fit into ${bundleBytes} bytes`)
  return count
}

/**
 * The list of a bundle. There is exactly one list for given blobs: they lie without gaps and end with the bundle.
 * @param head the first bytes of the bundle, at least its whole list
 * @param bundleBytes size of the whole bundle
 * @returns entries whose hashes and accounts are views
 * @throws ZerogError INVALID_ARGUMENT
 */
export function parseBundleList(head: Uint8Array, bundleBytes: number): BlobEntry[] {
  const count = readBlobCount(head, bundleBytes)
  if (head.length < listBytesOf(count)) throw malformed('bundle', `it ends at ${head.length}, within its list of ${count} blobs`)
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const entries: BlobEntry[] = []
  let offset = listBytesOf(count)
  for (let index = 0; index < count; index++) {
    const at = listBytesOf(index)
    const length = view.getUint32(at + 4)
    if (view.getUint32(at) !== offset)
      throw malformed('bundle', `blob ${index} begins at ${view.getUint32(at)}, not at ${offset}`)
    if (length < 1 || length > bundleBytes - offset) {
      throw malformed('bundle', `blob ${index} at ${offset} cannot have ${length} of ${bundleBytes} bytes`)
    }
    const hashEnd = at + 8 + HASH_BYTES
    entries.push({
      offset,
      length,
      sha256: head.subarray(at + 8, hashEnd),
      account: head.subarray(hashEnd, hashEnd + ADDRESS_BYTES),
    })
    offset += length
  }
  if (offset !== bundleBytes) throw malformed('bundle', `${bundleBytes - offset} bytes follow the last blob`)
  return entries
}

/** As `parseBundleList` of a whole bundle. @throws ZerogError INVALID_ARGUMENT */
export function parseBundle(bundle: Uint8Array): BlobEntry[] {
  return parseBundleList(bundle, bundle.length)
}

/**
 * The bytes of one blob, a view, checked against its hash.
 * @throws ZerogError PROOF_INVALID (`sha256`): whoever made the bundle wrote another hash
 */
export function cutBlob(bundle: Uint8Array, entry: BlobEntry): Uint8Array {
  const bytes = bundle.subarray(entry.offset, entry.offset + entry.length)
  checkBlob(bytes, entry)
  return bytes
}

/** The same for bytes that were fetched alone. @throws ZerogError PROOF_INVALID (`sha256`) */
export function checkBlob(bytes: Uint8Array, entry: BlobEntry): void {
  if (bytes.length === entry.length && equalBytes(sha256(bytes), entry.sha256)) return
  throw refused('sha256', 'the blob is not the one of its entry: the bundle was made wrongly')
}

// Nodes are read where they lie, as RLP: decoding each into objects took more time and memory than everything else about them. These
// functions trust their bytes; `checkNode` is how bytes come to be trusted.

/** First byte of an absent child, and of the hash of a stored one. An embedded node begins with its list. */
export const ABSENT = 0x80
export const HASH = 0xa0
/** Bytes of a child that is named by its hash. */
export const HASH_ITEM_BYTES = 33

/** Where the payload of the list or string at `at` begins. */
export function payloadAt(bytes: Uint8Array, at: number): number {
  const head = bytes[at] as number
  if (head < 0x80) return at
  if (head < 0xb8) return at + 1
  if (head < 0xc0) return at + 1 + head - 0xb7
  return head < 0xf8 ? at + 1 : at + 1 + head - 0xf7
}

/** Behind the item at `at`. */
export function endAt(bytes: Uint8Array, at: number): number {
  const head = bytes[at] as number
  if (head < 0x80) return at + 1
  if (head < 0xb8) return at + 1 + head - 0x80
  if (head < 0xc0) return longEnd(bytes, at + 1, head - 0xb7)
  return head < 0xf8 ? at + 1 + head - 0xc0 : longEnd(bytes, at + 1, head - 0xf7)
}

function longEnd(bytes: Uint8Array, at: number, lengthBytes: number): number {
  let length = 0
  for (let index = 0; index < lengthBytes; index++) length = length * 256 + (bytes[at + index] as number)
  return at + lengthBytes + length
}

/** Whether the node at `at` has 17 fields; leaves and extensions have two. */
export function isBranch(bytes: Uint8Array, at: number): boolean {
  return endAt(bytes, endAt(bytes, payloadAt(bytes, at))) !== endAt(bytes, at)
}

/**
 * A path as nodes hold it (hex-prefix encoding, yellow paper, appendix C): `count` nibbles, the first of them being nibble `first` of the bytes
 * from `at`, flags included.
 */
export type PackedPath = { leaf: boolean; at: number; first: number; count: number; end: number }

const read: PackedPath = { leaf: false, at: 0, first: 0, count: 0, end: 0 }

/** The path of the leaf or extension at `at`; `end` is where its second field begins. The result is overwritten by the next call. */
export function pathAt(bytes: Uint8Array, at: number): PackedPath {
  const item = payloadAt(bytes, at)
  const from = payloadAt(bytes, item)
  const end = endAt(bytes, item)
  const flags = (bytes[from] as number) >> 4
  read.leaf = flags >= 2
  read.at = from
  read.first = (flags & 1) === 1 ? 1 : 2
  read.count = 2 * (end - from) - read.first
  read.end = end
  return read
}

export function nibbleAt(bytes: Uint8Array, index: number): number {
  const byte = bytes[index >> 1] as number
  return (index & 1) === 0 ? byte >> 4 : byte & 15
}

/** How many nibbles of `key` from nibble `depth` on agree with the nibbles `first` to `first + count` of the bytes from `at`. */
export function sharedWithPath(
  key: Uint8Array,
  depth: number,
  bytes: Uint8Array,
  at: number,
  first: number,
  count: number,
): number {
  const most = Math.min(count, 2 * key.length - depth)
  let index = 0
  // Both stand at the same half of their bytes almost always: then whole bytes are compared.
  if (((depth ^ first) & 1) === 0) {
    if ((depth & 1) === 1 && most > 0) {
      if (((key[depth >> 1] as number) & 15) !== ((bytes[at + (first >> 1)] as number) & 15)) return 0
      index = 1
    }
    const keyFrom = (depth + index) >> 1
    const pathFrom = at + ((first + index) >> 1)
    let whole = 0
    const wholeMost = (most - index) >> 1
    while (whole < wholeMost && key[keyFrom + whole] === bytes[pathFrom + whole]) whole += 1
    index += 2 * whole
  }
  while (index < most) {
    const place = first + index
    const byte = bytes[at + (place >> 1)] as number
    if (nibbleAt(key, depth + index) !== ((place & 1) === 0 ? byte >> 4 : byte & 15)) return index
    index += 1
  }
  return most
}

/** The first `depth` nibbles of `key` and the path behind them; an odd last nibble stands in the upper half of its byte. */
export function joinPath(
  key: Uint8Array,
  depth: number,
  bytes: Uint8Array,
  path: Pick<PackedPath, 'at' | 'first' | 'count'>,
): Uint8Array {
  const { at, first, count } = path
  const joined = new Uint8Array((depth + count + 1) >> 1)
  joined.set(key.subarray(0, (depth + 1) >> 1))
  for (let index = 0; index < count; index++) {
    const place = first + index
    const byte = bytes[at + (place >> 1)] as number
    setNibble(joined, depth + index, (place & 1) === 0 ? byte >> 4 : byte & 15)
  }
  return joined
}

export function setNibble(bytes: Uint8Array, index: number, nibble: number): void {
  const at = index >> 1
  const byte = bytes[at] as number
  bytes[at] = (index & 1) === 0 ? (byte & 0x0f) | (nibble << 4) : (byte & 0xf0) | nibble
}

/** Whether `bytes[from .. to]` is exactly one node of the form that the functions above expect. */
export function isNode(bytes: Uint8Array, from = 0, to = bytes.length): boolean {
  if (to - from < 3 || !isItem(bytes, from, to) || (bytes[from] as number) < 0xc0 || endAt(bytes, from) !== to) return false
  const starts: number[] = []
  let at = payloadAt(bytes, from)
  while (at < to) {
    if (starts.length === 17 || !isItem(bytes, at, to)) return false
    starts.push(at)
    at = endAt(bytes, at)
  }
  if (at !== to) return false
  if (starts.length === 17) {
    if ((bytes[starts[16] as number] as number) >= 0xc0) return false
    return starts.every((start, index) => index === 16 || bytes[start] === ABSENT || isChild(bytes, start))
  }
  const [path, second] = starts
  if (starts.length !== 2 || path === undefined || second === undefined || (bytes[path] as number) >= 0xc0) return false
  const { leaf, at: flagsAt, end } = pathAt(bytes, from)
  const flags = bytes[flagsAt] as number
  // An even path begins with a whole byte of flags.
  if (flagsAt === end || flags >= 0x40 || ((flags & 0x10) === 0 && (flags & 0x0f) !== 0)) return false
  return leaf ? (bytes[second] as number) < 0xc0 : isChild(bytes, second)
}

function isChild(bytes: Uint8Array, at: number): boolean {
  const head = bytes[at] as number
  return head === HASH || (head >= 0xc0 && endAt(bytes, at) - at < 32 && isNode(bytes, at, endAt(bytes, at)))
}

/** Whether a canonical RLP head stands at `at` and its item ends at `to` or before. Lengths beyond four bytes do not occur. */
function isItem(bytes: Uint8Array, at: number, to: number): boolean {
  const head = bytes[at] as number
  const long = head >= 0xf8 ? head - 0xf7 : head >= 0xb8 && head < 0xc0 ? head - 0xb7 : 0
  if (long > 4 || at + 1 + long > to || (long > 0 && bytes[at + 1] === 0)) return false
  const end = endAt(bytes, at)
  if (end > to) return false
  if (long > 0) return end - at - 1 - long >= 56
  return head !== 0x81 || (bytes[at + 1] as number) >= 0x80
}

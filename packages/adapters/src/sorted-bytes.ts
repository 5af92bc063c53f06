/** Bytes as a string of code units 0 to 255: strings compare in the same order as the bytes do, and hash natively. */
export function toSortKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Always a fresh copy that owns its memory. */
export function fromSortKey(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  return bytes
}

/** First position in ascending `items` that is not below `target`. */
export function lowerBound(items: readonly string[], target: string): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((items[middle] as string) < target) low = middle + 1
    else high = middle
  }
  return low
}

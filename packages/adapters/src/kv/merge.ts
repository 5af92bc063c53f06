type Stored = { readonly key: Uint8Array; readonly value: Uint8Array }
type Pending = readonly [key: string, value: Uint8Array | null]

export type Merged =
  | { readonly kind: 'stored'; readonly record: Uint8Array }
  | { readonly kind: 'pending'; readonly value: Uint8Array }

/** Two runs in the same key order as one; a pending entry hides the stored one of its key, a pending deletion both. */
export function* mergeSorted(
  stored: Iterator<Stored>,
  pending: readonly Pending[],
  reverse: boolean,
): Generator<readonly [key: Uint8Array, found: Merged]> {
  let index = 0
  let left = stored.next()
  while (!left.done || index < pending.length) {
    const right = pending[index]
    const order = left.done ? 1 : right === undefined ? -1 : compare(left.value.key, right[0], reverse)
    if (order < 0 && !left.done) {
      // lmdb reuses its buffers on the next step: the consumer copies before it asks for more.
      yield [left.value.key, { kind: 'stored', record: left.value.value }]
      left = stored.next()
    } else if (right !== undefined) {
      if (order === 0) left = stored.next()
      index++
      const [key, value] = right
      if (value !== null) yield [Buffer.from(key, 'latin1'), { kind: 'pending', value }]
    }
  }
}

function compare(stored: Uint8Array, pending: string, reverse: boolean): number {
  const order = Buffer.compare(stored, Buffer.from(pending, 'latin1'))
  return reverse ? -order : order
}

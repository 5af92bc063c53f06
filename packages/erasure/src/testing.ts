import { ZerogError } from '@zerog/primitives'

/** Bytes that look random and depend only on `seed`. */
export function bytesOf(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length)
  for (let index = 0, state = seed; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    out[index] = state >>> 24
  }
  return out
}

/** The first `count` indices of 0 to `total` - 1 in an order that depends only on `seed`. */
export function pick(total: number, count: number, seed: number): number[] {
  const order = Array.from({ length: total }, (_, index) => index)
  let state = seed
  for (let index = total - 1; index > 0; index--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    const other = (state >>> 8) % (index + 1)
    const kept = order[index] as number
    order[index] = order[other] as number
    order[other] = kept
  }
  return order.slice(0, count)
}

/** `bytes` with one bit turned over. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const out = bytes.slice()
  out[bit >> 3] = (out[bit >> 3] as number) ^ (1 << (bit & 7))
  return out
}

/** `REASON` or `REASON check` of the error that `action` throws, 'nothing' if it does not throw. */
export function refusal(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (!(error instanceof ZerogError)) throw error
    return error.metadata.check === undefined ? error.reason : `${error.reason} ${error.metadata.check}`
  }
  return 'nothing'
}

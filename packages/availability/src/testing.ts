import { sha256 } from '@zerog/kernels'
import { toHex, ZerogError } from '@zerog/primitives'
import type { Member } from './committee.ts'

/** For tests: members with these stakes whose keys are no points. */
export function keylessMembers(stakes: readonly bigint[]): Member[] {
  return stakes.map((stake, index) => {
    const key = new Uint8Array(96)
    key.set(sha256(Uint8Array.of(index, index >> 8)), 16)
    key.set(sha256(Uint8Array.of(index, index >> 8, 1)), 64)
    return { address: toHex(key.slice(16, 36)), stake, key, socket: String(index) }
  })
}

/** `REASON check` of what `action` throws, or undefined where it does not throw a refusal. */
export function refusal(action: () => unknown): string | undefined {
  try {
    action()
  } catch (error) {
    if (!(error instanceof ZerogError)) throw error
    return error.metadata.check === undefined ? error.reason : `${error.reason} ${error.metadata.check}`
  }
  return undefined
}

/** A generator of numbers below 2^32 that replays from its seed (splitmix32). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let value = state
    value = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
    value = Math.imul(value ^ (value >>> 15), 0x735a2d97)
    return (value ^ (value >>> 15)) >>> 0
  }
}

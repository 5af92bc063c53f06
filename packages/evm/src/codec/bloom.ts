import { fromHex } from '@zerog/primitives'
import type { Log } from '../executor.ts'
import { keccak256 } from './keccak.ts'

/** 2,048 bits (yellow paper 4.3.1). */
export function emptyBloom(): Uint8Array {
  return new Uint8Array(256)
}

/** Sets the bits of one address or topic. */
export function addToBloom(bloom: Uint8Array, entry: Uint8Array): void {
  const hash = keccak256(entry)
  for (let pair = 0; pair < 6; pair += 2) {
    const bit = (((hash[pair] as number) << 8) | (hash[pair + 1] as number)) & 2047
    const index = 255 - (bit >> 3)
    bloom[index] = (bloom[index] as number) | (1 << (bit & 7))
  }
}

export function logsBloom(logs: readonly Log[]): Uint8Array {
  const bloom = emptyBloom()
  for (const log of logs) {
    addToBloom(bloom, fromHex(log.address))
    for (const topic of log.topics) addToBloom(bloom, fromHex(topic))
  }
  return bloom
}

/** Whether an address or topic may be in the logs behind a bloom (false positives, never false negatives). */
export function bloomMayContain(bloom: Uint8Array, entry: Uint8Array): boolean {
  const wanted = emptyBloom()
  addToBloom(wanted, entry)
  return wanted.every((byte, index) => ((bloom[index] as number) & byte) === byte)
}

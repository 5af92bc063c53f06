import type { Hex } from '@zerog/primitives'
import { stateKey } from '../state/world-state.ts'

/** State keys of addresses that came before: a transaction asks for its own several times. */
const keys = new Map<Hex, string>()
const KEYS_MAX = 10_000

export function keyOf(address: Hex): string {
  const known = keys.get(address)
  if (known !== undefined) return known
  const key = stateKey(address)
  if (keys.size >= KEYS_MAX) keys.clear()
  keys.set(address, key)
  return key
}

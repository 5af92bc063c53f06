import { fromHex, type Hex, toHex } from '@zerog/primitives'
import type { Log, Receipt } from '../executor.ts'
import { keccak256 } from './keccak.ts'

export const EMPTY_BLOOM: Hex = toHex(new Uint8Array(256))

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
    addPlaces(bloom, placesOf(log.address))
    for (const topic of log.topics) addPlaces(bloom, placesOf(topic))
  }
  return bloom
}

/** The three bits of addresses and topics that came before: events, tokens and holders repeat. Three numbers of 11 bits in one. */
const places = new Map<Hex, number>()
const PLACES_MAX = 20_000

function placesOf(entry: Hex): number {
  const known = places.get(entry)
  if (known !== undefined) return known
  const hash = keccak256(fromHex(entry))
  let packed = 0
  for (let pair = 0; pair < 6; pair += 2) {
    packed = packed * 2048 + ((((hash[pair] as number) << 8) | (hash[pair + 1] as number)) & 2047)
  }
  if (places.size >= PLACES_MAX) places.clear()
  places.set(entry, packed)
  return packed
}

function addPlaces(bloom: Uint8Array, packed: number): void {
  for (let rest = packed, count = 0; count < 3; count++) {
    const bit = rest % 2048
    rest = (rest - bit) / 2048
    const index = 255 - (bit >> 3)
    bloom[index] = (bloom[index] as number) | (1 << (bit & 7))
  }
}

/** Bits of the blooms that were made here, by the logs they were made of: a block needs a receipt's several times. */
const made = new WeakMap<readonly Log[], { readonly text: Hex; readonly bits: Uint8Array }>()

/** The text of the bloom of one receipt's logs. */
export function receiptBloom(logs: readonly Log[]): Hex {
  if (logs.length === 0) return EMPTY_BLOOM
  const bits = logsBloom(logs)
  const text = toHex(bits)
  made.set(logs, { text, bits })
  return text
}

/** Nobody changes them. */
export function bloomBytes({ logs, logsBloom: text }: Pick<Receipt, 'logs' | 'logsBloom'>): Uint8Array {
  const known = made.get(logs)
  return known !== undefined && known.text === text ? known.bits : fromHex(text, 256)
}

/** Whether an address or topic may be in the logs behind a bloom (false positives, never false negatives). */
export function bloomMayContain(bloom: Uint8Array, entry: Uint8Array): boolean {
  const wanted = emptyBloom()
  addToBloom(wanted, entry)
  return wanted.every((byte, index) => ((bloom[index] as number) & byte) === byte)
}

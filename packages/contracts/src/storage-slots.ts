import { assert, concatBytes, fromHex, type Hex, keccak256, toHex, ZerogError } from '@zerog/primitives'

export type StorageLayout = Readonly<Record<string, { readonly slot: number; readonly offset: number; readonly bytes: number }>>

/** Packs values into 32-byte slots as solc lays them out; keys and values are 32 bytes, zero slots are left out. */
export function storageSlots<Layout extends StorageLayout>(
  layout: Layout,
  values: Readonly<Partial<Record<keyof Layout & string, bigint>>>,
): Record<Hex, Hex> {
  const slots = new Map<number, bigint>()
  for (const [name, value] of Object.entries<bigint | undefined>(values)) {
    const place = layout[name]
    assert(place !== undefined && value !== undefined, `no storage variable ${name}`)
    if (value < 0n || value >= 1n << BigInt(8 * place.bytes)) {
      throw new ZerogError('CONFIG_INVALID', { message: `${name} must fit into ${place.bytes} bytes, ${value} does not` })
    }
    slots.set(place.slot, (slots.get(place.slot) ?? 0n) | (value << BigInt(8 * place.offset)))
  }
  return Object.fromEntries(
    [...slots].filter(([, value]) => value !== 0n).map(([slot, value]) => [word(BigInt(slot)), word(value)]),
  )
}

/** Every 32-byte element of a fixed array. */
export function filledArray({ slot, bytes }: StorageLayout[string], value: bigint): Record<Hex, Hex> {
  return Object.fromEntries(Array.from({ length: bytes / 32 }, (_, index) => [word(BigInt(slot + index)), word(value)]))
}

export function word(value: bigint): Hex {
  return `0x${value.toString(16).padStart(64, '0')}`
}

/** Consecutive slots; zeros are left out. */
export function values(first: bigint, words: readonly bigint[]): Record<Hex, Hex> {
  const pairs = words.map((value, index): [Hex, bigint] => [word(first + BigInt(index)), value])
  return Object.fromEntries(pairs.filter(([, value]) => value !== 0n).map(([slot, value]) => [slot, word(value)]))
}

/** A string as solc lays it out: up to 31 bytes in its slot, longer ones behind the slot's hash. */
export function textAt(slot: bigint, text: string): Record<Hex, Hex> {
  const bytes = new TextEncoder().encode(text)
  const padded = new Uint8Array(32 * Math.ceil(bytes.length / 32))
  padded.set(bytes)
  const words = Array.from({ length: padded.length / 32 }, (_, index) =>
    BigInt(toHex(padded.subarray(32 * index, 32 * index + 32))),
  )
  if (bytes.length < 32) return values(slot, [(words[0] ?? 0n) | BigInt(2 * bytes.length)])
  return { ...values(slot, [BigInt(2 * bytes.length + 1)]), ...values(arraySlot(slot), words) }
}

/** The slot of a mapping's value. Of a key that is a text the hash is over its bytes. */
export function mappingSlot(slot: number | bigint, key: bigint | string): bigint {
  const keyBytes = typeof key === 'string' ? new TextEncoder().encode(key) : fromHex(word(key), 32)
  return hashOf(concatBytes(keyBytes, fromHex(word(BigInt(slot)), 32)))
}

/** The slot of the first element of a dynamic array. */
export function arraySlot(slot: bigint): bigint {
  return hashOf(fromHex(word(slot), 32))
}

function hashOf(bytes: Uint8Array): bigint {
  return BigInt(toHex(keccak256(bytes)))
}

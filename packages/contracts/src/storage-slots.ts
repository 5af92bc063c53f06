import { assert, type Hex, ZerogError } from '@zerog/primitives'

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

import { sha256 } from '@zerog/kernels'
import { assert } from '@zerog/primitives'

// Swap-or-not (Hoang, Morris, Rogaway 2012) as Ethereum's consensus specification has it in compute_shuffled_index: each round pairs every
// place with its mirror about a pivot, and a hashed bit per pair says whether they swap. One place costs 2 hashes a round; the whole
// permutation one hash per 256 places, since a hash has 256 bits.

const ROUNDS = 90
const SEED_BYTES = 32
const PLACES_PER_HASH = 256

/** Where place `index` of 0..count goes. @param seed 32 bytes */
export function permute(index: number, count: number, seed: Uint8Array): number {
  checkArguments(count, seed)
  assert(index >= 0 && index < count, 'a place of the permutation')
  const source = hashSource(seed)
  let place = index
  for (let round = 0; round < ROUNDS; round++) {
    const mirror = (source.pivot(round, count) + count - place) % count
    const higher = Math.max(place, mirror)
    const bits = source.bits(round, Math.floor(higher / PLACES_PER_HASH))
    if (bitOf(bits, higher % PLACES_PER_HASH)) place = mirror
  }
  return place
}

/** All of it: element i is `permute(i, count, seed)`. @param seed 32 bytes */
export function permutation(count: number, seed: Uint8Array): Uint32Array {
  checkArguments(count, seed)
  const source = hashSource(seed)
  const places = Uint32Array.from({ length: count }, (_, index) => index)
  const blocks = Math.ceil(count / PLACES_PER_HASH)
  const bits = new Uint8Array(blocks * SEED_BYTES)
  // Each round is its own inverse; composed from the last to the first, they act on the list as `permute` acts on a place.
  for (let round = ROUNDS - 1; round >= 0; round--) {
    for (let block = 0; block < blocks; block++) bits.set(source.bits(round, block), block * SEED_BYTES)
    const pivot = source.pivot(round, count)
    swapMirrored(places, bits, 0, pivot)
    swapMirrored(places, bits, pivot + 1, count - 1)
  }
  return places
}

/** Swaps each pair first + i, last - i whose bit is set; the bit is that of the higher place. */
function swapMirrored(places: Uint32Array, bits: Uint8Array, first: number, last: number): void {
  for (let low = first, high = last; low < high; low++, high--) {
    if (((bits[high >> 3] as number) >> (high & 7)) & 1) {
      const value = places[low] as number
      places[low] = places[high] as number
      places[high] = value
    }
  }
}

function hashSource(seed: Uint8Array) {
  const forPivot = new Uint8Array(SEED_BYTES + 1)
  forPivot.set(seed)
  const forBits = new Uint8Array(SEED_BYTES + 5)
  forBits.set(seed)
  const block = new DataView(forBits.buffer, SEED_BYTES + 1)
  return {
    /** The first 8 bytes, little-endian, modulo `count`. */
    pivot(round: number, count: number): number {
      forPivot[SEED_BYTES] = round
      const hash = sha256(forPivot)
      return Number(new DataView(hash.buffer, hash.byteOffset).getBigUint64(0, true) % BigInt(count))
    },
    bits(round: number, index: number): Uint8Array {
      forBits[SEED_BYTES] = round
      block.setUint32(0, index, true)
      return sha256(forBits)
    },
  }
}

function bitOf(bits: Uint8Array, index: number): boolean {
  return (((bits[index >> 3] as number) >> (index & 7)) & 1) === 1
}

function checkArguments(count: number, seed: Uint8Array): void {
  assert(Number.isInteger(count) && count >= 1 && count <= 65_536, 'a permutation of 1 to 65,536 places')
  assert(seed.length === SEED_BYTES, 'a seed has 32 bytes')
}

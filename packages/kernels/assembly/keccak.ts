// Keccak-256 for Merkle trees: leaves of 256 bytes, inner nodes of 64. The SIMD form computes two hashes at once, one in each half of
// a v128; `permute` is written once for both forms.

/** Memory above the static data: state, hash input, node hashes, roots of zero subtrees. */
const STATE: usize = (__heap_base + 15) & ~15
const STATE_BYTES: usize = 25 * 16
export const ZEROS: usize = STATE + STATE_BYTES
export const NODES: usize = ZEROS + 16 * 32
export const INPUT: usize = NODES + 1024 * 32

const RATE_BYTES: usize = 136
const ENTRY_BYTES: usize = 256

const ROUND_CONSTANTS = memory.data<u64>([
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
  0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
  0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
])

/**
 * Root of the perfect tree of `height` whose first `count` entries lie at INPUT; the others are zero entries. Hashes lie at NODES
 * afterwards, the root first. `count` >= 1; ZEROS holds the roots of zero subtrees by height.
 */
export function subtreeRoot(count: u32, height: u32): void {
  for (let i: u32 = 0; i < count; i += 2) {
    // An odd last entry is hashed in both halves.
    const other: u32 = i + 1 < count ? i + 1 : i
    hashEntries(INPUT + <usize>i * ENTRY_BYTES, INPUT + <usize>other * ENTRY_BYTES)
    squeeze(NODES + <usize>i * 32, NODES + <usize>other * 32)
  }
  for (let level: u32 = 0; level < height; level++) {
    if (count & 1) {
      memory.copy(NODES + <usize>count * 32, ZEROS + <usize>level * 32, 32)
      count++
    }
    count >>= 1
    for (let i: u32 = 0; i < count; i += 2) {
      const other: u32 = i + 1 < count ? i + 1 : i
      hashPairs(NODES + <usize>i * 64, NODES + <usize>other * 64)
      squeeze(NODES + <usize>i * 32, NODES + <usize>other * 32)
    }
  }
}

/** Starts a message. */
export function init(): void {
  memory.fill(STATE, 0, STATE_BYTES)
}

/** Absorbs `blocks` full blocks of 136 bytes at INPUT. */
export function absorb(blocks: u32): void {
  for (let block: usize = 0; block < <usize>blocks; block++) absorbBlock(INPUT + block * RATE_BYTES)
}

/** Absorbs the last `length` < 136 bytes at INPUT; the hash lies at NODES. */
export function finish(length: u32): void {
  memory.fill(INPUT + <usize>length, 0, RATE_BYTES - <usize>length)
  store<u8>(INPUT + <usize>length, 0x01)
  const last = INPUT + RATE_BYTES - 1
  store<u8>(last, load<u8>(last) | 0x80)
  absorbBlock(INPUT)
  memory.copy(NODES, STATE, 32)
}

/** Keccak-256 of `length` bytes at INPUT, in one call; bytes behind them, up to a whole block, are overwritten. The hash lies at NODES. */
export function digest(length: u32): void {
  init()
  let at = INPUT
  let rest = <usize>length
  while (rest >= RATE_BYTES) {
    absorbBlock(at)
    at += RATE_BYTES
    rest -= RATE_BYTES
  }
  memory.fill(at + rest, 0, RATE_BYTES - rest)
  store<u8>(at + rest, 0x01)
  const last = at + RATE_BYTES - 1
  store<u8>(last, load<u8>(last) | 0x80)
  absorbBlock(at)
  memory.copy(NODES, STATE, 32)
}

function absorbBlock(block: usize): void {
  for (let offset: usize = 0; offset < RATE_BYTES; offset += 8) {
    store<u64>(STATE + offset, load<u64>(STATE + offset) ^ load<u64>(block + offset))
  }
  permute<u64>()
}

/** 256 bytes are one block, then 120 bytes with the padding in lanes 15 and 16. */
function hashEntries(a: usize, b: usize): void {
  for (let i: usize = 0; i < 17; i++) store<v128>(STATE + i * 16, both(a + i * 8, b + i * 8))
  memory.fill(STATE + 17 * 16, 0, 8 * 16)
  permute<v128>()
  for (let i: usize = 0; i < 15; i++) {
    const lane = STATE + i * 16
    store<v128>(lane, v128.xor(load<v128>(lane), both(a + RATE_BYTES + i * 8, b + RATE_BYTES + i * 8)))
  }
  xorLane(15, 1)
  xorLane(16, 0x8000000000000000)
  permute<v128>()
}

/** 64 bytes and the padding are one block. */
function hashPairs(a: usize, b: usize): void {
  memory.fill(STATE, 0, STATE_BYTES)
  for (let i: usize = 0; i < 8; i++) store<v128>(STATE + i * 16, both(a + i * 8, b + i * 8))
  xorLane(8, 1)
  xorLane(16, 0x8000000000000000)
  permute<v128>()
}

/** The first 32 bytes of both states; if both go to one place, they are equal. */
function squeeze(a: usize, b: usize): void {
  for (let i: usize = 0; i < 4; i++) {
    const lanes = load<v128>(STATE + i * 16)
    store<u64>(a + i * 8, i64x2.extract_lane(lanes, 0))
    store<u64>(b + i * 8, i64x2.extract_lane(lanes, 1))
  }
}

// @ts-ignore: decorator
@inline
function both(a: usize, b: usize): v128 {
  return v128.load64_lane(b, v128.load64_zero(a), 1)
}

// @ts-ignore: decorator
@inline
function xorLane(index: usize, value: u64): void {
  const lane = STATE + index * 16
  store<v128>(lane, v128.xor(load<v128>(lane), i64x2.splat(value)))
}

// @ts-ignore: decorator
@inline
function xor<T>(a: T, b: T): T {
  if (isVector<T>()) return v128.xor(a, b)
  return a ^ b
}

// @ts-ignore: decorator
@inline
function xor5<T>(a: T, b: T, c: T, d: T, e: T): T {
  return xor<T>(xor<T>(xor<T>(a, b), xor<T>(c, d)), e)
}

/** a ^ (~b & c) */
// @ts-ignore: decorator
@inline
function chi<T>(a: T, b: T, c: T): T {
  if (isVector<T>()) return v128.xor(a, v128.andnot(c, b))
  return a ^ (~b & c)
}

// @ts-ignore: decorator
@inline
function rotate<T>(x: T, bits: i32): T {
  if (isVector<T>()) return v128.or(i64x2.shl(x, bits), i64x2.shr_u(x, 64 - bits))
  return rotl<T>(x, bits)
}

// @ts-ignore: decorator
@inline
function constant<T>(address: usize): T {
  if (isVector<T>()) return v128.load64_splat(address)
  return load<T>(address)
}

/** Keccak-f[1600] (FIPS 202, 3.3) on the 25 lanes at STATE. Names: row then column; b = rho and pi applied. */
function permute<T>(): void {
  const size = sizeof<T>()
  let a00 = load<T>(STATE), a01 = load<T>(STATE + size), a02 = load<T>(STATE + 2 * size), a03 = load<T>(STATE + 3 * size), a04 = load<T>(STATE + 4 * size)
  let a10 = load<T>(STATE + 5 * size), a11 = load<T>(STATE + 6 * size), a12 = load<T>(STATE + 7 * size), a13 = load<T>(STATE + 8 * size), a14 = load<T>(STATE + 9 * size)
  let a20 = load<T>(STATE + 10 * size), a21 = load<T>(STATE + 11 * size), a22 = load<T>(STATE + 12 * size), a23 = load<T>(STATE + 13 * size), a24 = load<T>(STATE + 14 * size)
  let a30 = load<T>(STATE + 15 * size), a31 = load<T>(STATE + 16 * size), a32 = load<T>(STATE + 17 * size), a33 = load<T>(STATE + 18 * size), a34 = load<T>(STATE + 19 * size)
  let a40 = load<T>(STATE + 20 * size), a41 = load<T>(STATE + 21 * size), a42 = load<T>(STATE + 22 * size), a43 = load<T>(STATE + 23 * size), a44 = load<T>(STATE + 24 * size)

  for (let round: usize = 0; round < 24 * 8; round += 8) {
    const c0 = xor5<T>(a00, a10, a20, a30, a40)
    const c1 = xor5<T>(a01, a11, a21, a31, a41)
    const c2 = xor5<T>(a02, a12, a22, a32, a42)
    const c3 = xor5<T>(a03, a13, a23, a33, a43)
    const c4 = xor5<T>(a04, a14, a24, a34, a44)
    const d0 = xor<T>(c4, rotate<T>(c1, 1))
    const d1 = xor<T>(c0, rotate<T>(c2, 1))
    const d2 = xor<T>(c1, rotate<T>(c3, 1))
    const d3 = xor<T>(c2, rotate<T>(c4, 1))
    const d4 = xor<T>(c3, rotate<T>(c0, 1))

    const b00 = xor<T>(a00, d0)
    const b01 = rotate<T>(xor<T>(a11, d1), 44)
    const b02 = rotate<T>(xor<T>(a22, d2), 43)
    const b03 = rotate<T>(xor<T>(a33, d3), 21)
    const b04 = rotate<T>(xor<T>(a44, d4), 14)
    const b10 = rotate<T>(xor<T>(a03, d3), 28)
    const b11 = rotate<T>(xor<T>(a14, d4), 20)
    const b12 = rotate<T>(xor<T>(a20, d0), 3)
    const b13 = rotate<T>(xor<T>(a31, d1), 45)
    const b14 = rotate<T>(xor<T>(a42, d2), 61)
    const b20 = rotate<T>(xor<T>(a01, d1), 1)
    const b21 = rotate<T>(xor<T>(a12, d2), 6)
    const b22 = rotate<T>(xor<T>(a23, d3), 25)
    const b23 = rotate<T>(xor<T>(a34, d4), 8)
    const b24 = rotate<T>(xor<T>(a40, d0), 18)
    const b30 = rotate<T>(xor<T>(a04, d4), 27)
    const b31 = rotate<T>(xor<T>(a10, d0), 36)
    const b32 = rotate<T>(xor<T>(a21, d1), 10)
    const b33 = rotate<T>(xor<T>(a32, d2), 15)
    const b34 = rotate<T>(xor<T>(a43, d3), 56)
    const b40 = rotate<T>(xor<T>(a02, d2), 62)
    const b41 = rotate<T>(xor<T>(a13, d3), 55)
    const b42 = rotate<T>(xor<T>(a24, d4), 39)
    const b43 = rotate<T>(xor<T>(a30, d0), 41)
    const b44 = rotate<T>(xor<T>(a41, d1), 2)

    a00 = xor<T>(chi<T>(b00, b01, b02), constant<T>(ROUND_CONSTANTS + round))
    a01 = chi<T>(b01, b02, b03)
    a02 = chi<T>(b02, b03, b04)
    a03 = chi<T>(b03, b04, b00)
    a04 = chi<T>(b04, b00, b01)
    a10 = chi<T>(b10, b11, b12)
    a11 = chi<T>(b11, b12, b13)
    a12 = chi<T>(b12, b13, b14)
    a13 = chi<T>(b13, b14, b10)
    a14 = chi<T>(b14, b10, b11)
    a20 = chi<T>(b20, b21, b22)
    a21 = chi<T>(b21, b22, b23)
    a22 = chi<T>(b22, b23, b24)
    a23 = chi<T>(b23, b24, b20)
    a24 = chi<T>(b24, b20, b21)
    a30 = chi<T>(b30, b31, b32)
    a31 = chi<T>(b31, b32, b33)
    a32 = chi<T>(b32, b33, b34)
    a33 = chi<T>(b33, b34, b30)
    a34 = chi<T>(b34, b30, b31)
    a40 = chi<T>(b40, b41, b42)
    a41 = chi<T>(b41, b42, b43)
    a42 = chi<T>(b42, b43, b44)
    a43 = chi<T>(b43, b44, b40)
    a44 = chi<T>(b44, b40, b41)
  }

  store<T>(STATE, a00), store<T>(STATE + size, a01), store<T>(STATE + 2 * size, a02), store<T>(STATE + 3 * size, a03), store<T>(STATE + 4 * size, a04)
  store<T>(STATE + 5 * size, a10), store<T>(STATE + 6 * size, a11), store<T>(STATE + 7 * size, a12), store<T>(STATE + 8 * size, a13), store<T>(STATE + 9 * size, a14)
  store<T>(STATE + 10 * size, a20), store<T>(STATE + 11 * size, a21), store<T>(STATE + 12 * size, a22), store<T>(STATE + 13 * size, a23), store<T>(STATE + 14 * size, a24)
  store<T>(STATE + 15 * size, a30), store<T>(STATE + 16 * size, a31), store<T>(STATE + 17 * size, a32), store<T>(STATE + 18 * size, a33), store<T>(STATE + 19 * size, a34)
  store<T>(STATE + 20 * size, a40), store<T>(STATE + 21 * size, a41), store<T>(STATE + 22 * size, a42), store<T>(STATE + 23 * size, a43), store<T>(STATE + 24 * size, a44)
}

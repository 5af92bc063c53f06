// SHA-256 of many short messages of one form, four at once: a word of each in a v128. For long messages the host's own is faster.

const LANES: usize = 4

/** Digests in (leaves) and out. Nodes of a tree: node i has children 2i and 2i + 1, 32 bytes each. */
export const NODES: usize = (__heap_base + 63) & ~63
/** Leaves of a tree at most. */
export const LEAVES_MAX: usize = 16384
/** Seed in, 32 bytes. */
export const SEED: usize = NODES + LEAVES_MAX * 64
const SCHEDULE: usize = SEED + 32
const STATE: usize = SCHEDULE + 64 * 16

const ROUND_CONSTANTS = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
  0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
  0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
  0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
  0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
  0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
])
const START = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
])

/** Inner nodes of a tree of `count` leaves, a power of two, which lie at NODES + count * 32: node = H(1 ‖ left ‖ right). */
export function hashTree(count: usize): void {
  for (let width = count >> 1; width >= 1; width >>= 1) {
    for (let first = width; first < 2 * width; first += LANES) hashNodes(first, min(LANES, 2 * width - first))
  }
}

/**
 * For each counter from `first`: both halves of H(SEED ‖ counter as u32 little-endian) added as bits, 16 bytes, at NODES.
 * `count` is a multiple of 4, at most 65536.
 */
export function hashCounters(first: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i += 4) {
    start()
    for (let word: usize = 0; word < 8; word++) store<v128>(SCHEDULE + word * 16, i32x4.splat(bswap(load<u32>(SEED + word * 4))))
    const at = first + i
    store<v128>(SCHEDULE, lanes(bswap(at), bswap(at + 1), bswap(at + 2), bswap(at + 3)), 8 * 16)
    store<v128>(SCHEDULE, i32x4.splat(<i32>0x80000000), 9 * 16)
    for (let word: usize = 10; word < 15; word++) store<v128>(SCHEDULE + word * 16, i32x4.splat(0))
    store<v128>(SCHEDULE, i32x4.splat(36 * 8), 15 * 16)
    compress()
    const out = NODES + <usize>i * 16
    for (let word: usize = 0; word < 4; word++) {
      const sum = STATE + word * 16
      store<v128>(sum, v128.xor(load<v128>(sum), load<v128>(sum, 64)))
      for (let lane: usize = 0; lane < LANES; lane++) store<u32>(out + lane * 16 + word * 4, bswap(load<u32>(sum + lane * 4)))
    }
  }
}

/** Nodes `first` to `first + count`, count <= 4; the other lanes repeat the last. A message is a block and a byte of a second. */
function hashNodes(first: usize, count: usize): void {
  start()
  for (let lane: usize = 0; lane < LANES; lane++) {
    const pair = NODES + 2 * (first + min(lane, count - 1)) * 32
    const to = SCHEDULE + lane * 4
    store<u32>(to, 0x01000000 | (bswap(load<u32>(pair)) >> 8))
    for (let word: usize = 1; word < 16; word++) store<u32>(to + word * 16, bswap(load<u32>(pair + word * 4 - 1)))
  }
  compress()
  for (let lane: usize = 0; lane < LANES; lane++) {
    const last: u32 = load<u8>(NODES + 2 * (first + min(lane, count - 1)) * 32 + 63)
    store<u32>(SCHEDULE + lane * 4, (last << 24) | 0x00800000)
  }
  for (let word: usize = 1; word < 15; word++) store<v128>(SCHEDULE + word * 16, i32x4.splat(0))
  store<v128>(SCHEDULE, i32x4.splat(65 * 8), 15 * 16)
  compress()
  for (let lane: usize = 0; lane < count; lane++) {
    const out = NODES + (first + lane) * 32
    for (let word: usize = 0; word < 8; word++) store<u32>(out + word * 4, bswap(load<u32>(STATE + word * 16 + lane * 4)))
  }
}

function start(): void {
  for (let word: usize = 0; word < 8; word++) store<v128>(STATE + word * 16, v128.load32_splat(START + word * 4))
}

/** One block of each lane, whose words lie in SCHEDULE, into STATE. */
function compress(): void {
  for (let at = SCHEDULE + 16 * 16; at < SCHEDULE + 64 * 16; at += 16) {
    const early = load<v128>(at - 15 * 16)
    const late = load<v128>(at - 2 * 16)
    const s0 = v128.xor(v128.xor(rotate(early, 7), rotate(early, 18)), i32x4.shr_u(early, 3))
    const s1 = v128.xor(v128.xor(rotate(late, 17), rotate(late, 19)), i32x4.shr_u(late, 10))
    store<v128>(at, i32x4.add(i32x4.add(load<v128>(at - 16 * 16), s0), i32x4.add(load<v128>(at - 7 * 16), s1)))
  }
  let a = load<v128>(STATE), b = load<v128>(STATE, 16), c = load<v128>(STATE, 32), d = load<v128>(STATE, 48)
  let e = load<v128>(STATE, 64), f = load<v128>(STATE, 80), g = load<v128>(STATE, 96), h = load<v128>(STATE, 112)
  for (let round: usize = 0; round < 64; round++) {
    const s1 = v128.xor(v128.xor(rotate(e, 6), rotate(e, 11)), rotate(e, 25))
    const choice = v128.xor(g, v128.and(e, v128.xor(f, g)))
    const input = i32x4.add(load<v128>(SCHEDULE + round * 16), v128.load32_splat(ROUND_CONSTANTS + round * 4))
    const t1 = i32x4.add(i32x4.add(h, s1), i32x4.add(choice, input))
    const s0 = v128.xor(v128.xor(rotate(a, 2), rotate(a, 13)), rotate(a, 22))
    const majority = v128.or(v128.and(a, b), v128.and(c, v128.or(a, b)))
    h = g
    g = f
    f = e
    e = i32x4.add(d, t1)
    d = c
    c = b
    b = a
    a = i32x4.add(t1, i32x4.add(s0, majority))
  }
  store<v128>(STATE, i32x4.add(load<v128>(STATE), a))
  store<v128>(STATE, i32x4.add(load<v128>(STATE, 16), b), 16)
  store<v128>(STATE, i32x4.add(load<v128>(STATE, 32), c), 32)
  store<v128>(STATE, i32x4.add(load<v128>(STATE, 48), d), 48)
  store<v128>(STATE, i32x4.add(load<v128>(STATE, 64), e), 64)
  store<v128>(STATE, i32x4.add(load<v128>(STATE, 80), f), 80)
  store<v128>(STATE, i32x4.add(load<v128>(STATE, 96), g), 96)
  store<v128>(STATE, i32x4.add(load<v128>(STATE, 112), h), 112)
}

// @ts-ignore: decorator
@inline
function rotate(x: v128, by: i32): v128 {
  return v128.or(i32x4.shr_u(x, by), i32x4.shl(x, 32 - by))
}

// @ts-ignore: decorator
@inline
function lanes(a: u32, b: u32, c: u32, d: u32): v128 {
  return i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(a), 1, b), 2, c), 3, d)
}

// GF(2^16) of Leopard by split tables: a symbol's four nibbles look up their products by byte shuffles, 16 symbols at once. Transforms
// work on a block of columns at a time, so that all rows of the block stay in the cache. With RELAXED the shuffle needs no bound
// check; indices are nibbles, where both forms agree.

const FIELD: usize = 65536 * 2
const TABLE: usize = 128
const PLACES: usize = 32768

/** From so many places on, layers are cut in two, so that more columns fit: factors are as large as two columns of 64 bytes. */
const TALL_PLACES: usize = 4096
const TALL_BLOCK: usize = 512
/** Places of which the lower layers are made at once. */
const TREE: usize = 512
/** Between trees, because the same place of all of them would share cache sets. */
const TREE_GAP: usize = 512
/** Bytes of each tree of which the upper layers are made at once: of 32 trees they stay in the first cache. */
const STRIP: usize = 512

/** Filled by the caller: logarithms, powers, factors (u16 each). */
export const LOG: usize = (__heap_base + 63) & ~63
export const EXP: usize = LOG + FIELD
export const SKEW: usize = EXP + FIELD
/** Filled by the caller: per input or output row its place (u32) and the logarithm it is scaled by (u16). */
export const ROW_PLACES: usize = SKEW + FIELD
export const ROW_LOGS: usize = ROW_PLACES + PLACES * 4
/** Filled by the caller: 8 coefficients (u16) per symbol of a row of at most 32 KiB. */
export const COEFFICIENTS: usize = ROW_LOGS + PLACES * 2
/** Results of `combine`, 16 bytes per row. */
export const SUMS: usize = COEFFICIENTS + 16384 * 16
const FACTORS: usize = SUMS + 4096 * 16
const SCALE: usize = FACTORS + PLACES * TABLE
/** Factors of the 16 bits of a symbol. */
const BITS: usize = SCALE + TABLE
/** Sums by low byte and by high byte, 256 each. */
const BUCKETS: usize = BITS + 16 * TABLE
const SIDE: usize = 256 * 16
const WORK: usize = BUCKETS + 2 * SIDE
/** A block of 64 bytes of every place that there can be, and one of TALL_BLOCK of half of them. */
const WORK_BYTES: usize = PLACES / 2 * TALL_BLOCK + PLACES / 2 / TREE * TREE_GAP
/** Rows in and out, one after the other. */
export const DATA: usize = WORK + WORK_BYTES
export const DATA_BYTES: usize = 32 << 20

/** Columns of a block in bytes: with 512 the two thousand rows of a usual bundle take 1 MiB. */
const BLOCK: usize = 512
/** What the rows of a block should take, so that they stay in the cache; 64 bytes are the least that a block can be. */
const BLOCK_BYTES: usize = 1 << 20

let prepared: usize = 0

/** Makes the tables of the first `count` factors. */
export function prepare(count: usize): void {
  for (; prepared < count; prepared++) makeTable(FACTORS + prepared * TABLE, load<u16>(SKEW + prepared * 2))
}

/**
 * Parity of the `k` rows of `width` bytes at DATA; the `n` parity rows follow them. `places` is the power of two that holds n;
 * 2 * places factors are prepared.
 */
export function encode(k: usize, n: usize, places: usize, width: usize): void {
  if (places >= TALL_PLACES && k >= TREE) return encodeTall(k, n, places, width)
  const step = blockOf(places)
  for (let column: usize = 0; column < width; column += step) {
    const bytes = min(step, width - column)
    for (let i: usize = 0; i < k; i++) move(WORK + i * bytes, DATA + i * width + column, bytes)
    inverse(WORK, places, places, k, bytes)
    forward(WORK, places, 0, 0, n, bytes)
    const out = DATA + k * width + column
    for (let i: usize = 0; i < n; i++) move(out + i * width, WORK + i * bytes, bytes)
  }
}

/** The same for many places, k a multiple of TREE: the lower layers tree by tree, the upper ones strip by strip over all trees. */
function encodeTall(k: usize, n: usize, places: usize, width: usize): void {
  for (let column: usize = 0; column < width; column += TALL_BLOCK) {
    const bytes = min(TALL_BLOCK, width - column)
    const gap = TREE * bytes + TREE_GAP
    for (let first: usize = 0, tree = WORK; first < k; first += TREE, tree += gap) {
      for (let i: usize = 0; i < TREE; i++) move(tree + i * bytes, DATA + (first + i) * width + column, bytes)
      inverse(tree, TREE, places + first, TREE, bytes)
    }
    for (let strip = WORK; strip < WORK + TREE * bytes; strip += STRIP) {
      upperInverse(strip, gap, places, k / TREE)
      upperForward(strip, gap, places, (n + TREE - 1) / TREE)
    }
    const out = DATA + k * width + column
    for (let first: usize = 0, tree = WORK; first < n; first += TREE, tree += gap) {
      const count = min(TREE, n - first)
      forward(tree, TREE, first, 0, count, bytes)
      for (let i: usize = 0; i < count; i++) move(out + (first + i) * width, tree + i * bytes, bytes)
    }
  }
}

/** The layers of `inverse` that join trees, for one strip of each; the first `filled` trees are written. */
function upperInverse(strip: usize, gap: usize, places: usize, filled: usize): void {
  const trees = places / TREE
  for (let distance: usize = 1; distance < trees; distance <<= 1) {
    for (let block: usize = 0; block < filled; block += 2 * distance) {
      const index = places + (block + distance) * TREE - 1
      const table = FACTORS + index * TABLE
      const noFactor = load<u16>(SKEW + index * 2) == 65535
      const isNew = block + distance >= filled
      const half = distance * gap
      for (let x = strip + block * gap; x < strip + (block + distance) * gap; x += gap) {
        if (isNew) {
          move(x + half, x, STRIP)
          if (!noFactor) multiplyAdd(x, x, STRIP, table)
        } else if (noFactor) add(x + half, x, STRIP)
        else inverseButterfly(x, x + half, STRIP, table)
      }
    }
    filled = (filled + 2 * distance - 1) & ~(2 * distance - 1)
  }
}

/** The layers of `forward` that part trees, for one strip of each; the first `end` trees are wanted. */
function upperForward(strip: usize, gap: usize, places: usize, end: usize): void {
  for (let distance = places / TREE / 2; distance >= 1; distance >>= 1) {
    for (let block: usize = 0; block < end; block += 2 * distance) {
      const index = (block + distance) * TREE - 1
      const table = FACTORS + index * TABLE
      const noFactor = load<u16>(SKEW + index * 2) == 65535
      const half = distance * gap
      for (let x = strip + block * gap; x < strip + (block + distance) * gap; x += gap) {
        if (noFactor) add(x + half, x, STRIP)
        else if (block + distance >= end) multiplyAdd(x, x + half, STRIP, table)
        else forwardButterfly(x, x + half, STRIP, table)
      }
    }
  }
}

/**
 * Restores rows. `given` rows of `width` bytes lie at DATA with their places and locator logarithms; `wanted` more entries of both
 * lists name the rows that are written behind them. Places from `first` to `used` are originals, those below are parity;
 * `count` is the power of two that holds all; `count` factors are prepared.
 */
export function restore(given: usize, wanted: usize, first: usize, used: usize, count: usize, width: usize): void {
  const step = blockOf(count)
  for (let column: usize = 0; column < width; column += step) {
    const bytes = min(step, width - column)
    memory.fill(WORK, 0, used * bytes)
    for (let i: usize = 0; i < given; i++) {
      makeTable(SCALE, load<u16>(ROW_LOGS + i * 2) % 65535)
      scale(WORK + <usize>load<u32>(ROW_PLACES + i * 4) * bytes, DATA + i * width + column, bytes)
    }
    const grown = inverse(WORK, count, 0, used, bytes)
    memory.fill(WORK + grown * bytes, 0, (count - grown) * bytes)
    derive(count, bytes)
    forward(WORK, count, 0, first, used, bytes)
    for (let i: usize = given; i < given + wanted; i++) {
      makeTable(SCALE, load<u16>(ROW_LOGS + i * 2) % 65535)
      scale(DATA + i * width + column, WORK + <usize>load<u32>(ROW_PLACES + i * 4) * bytes, bytes)
    }
  }
}

/**
 * For each of `count` <= 4096 rows at DATA, `stride` apart, the sum of its symbols times their coefficients, at SUMS. Each coefficient is added
 * to one of 256 buckets for the low and one for the high byte of its symbol; products are taken once per row, of the sums by bit.
 */
export function combine(count: usize, rowBytes: usize, stride: usize): void {
  for (let bit: usize = 0; bit < 16; bit++) makeTable(BITS + bit * TABLE, load<u16>(LOG + (<usize>2 << bit)))
  memory.fill(BUCKETS, 0, 2 * SIDE)
  for (let row: usize = 0; row < count; row++) {
    const from = DATA + row * stride
    let coefficient: usize = COEFFICIENTS
    for (let at = from; at < from + rowBytes; at += 64) {
      for (let i: usize = 0; i < 32; i += 8, coefficient += 128) {
        const low = load<u64>(at + i)
        const high = load<u64>(at + i + 32)
        spread(coefficient, low, high, 0)
        spread(coefficient, low, high, 1)
        spread(coefficient, low, high, 2)
        spread(coefficient, low, high, 3)
        spread(coefficient, low, high, 4)
        spread(coefficient, low, high, 5)
        spread(coefficient, low, high, 6)
        spread(coefficient, low, high, 7)
      }
    }
    store<v128>(SUMS + row * 16, v128.xor(gather(BUCKETS, BITS), gather(BUCKETS + SIDE, BITS + 8 * TABLE)))
  }
}

// @ts-ignore: decorator
@inline
function blockOf(count: usize): usize {
  return max(64, min(BLOCK, (BLOCK_BYTES / count) & ~63))
}

/** Inverse transform of `count` rows at `work`, of which only the first `filled` are not zero and are written. Returns how many are written now. */
function inverse(work: usize, count: usize, offset: usize, filled: usize, bytes: usize): usize {
  for (let distance: usize = 1; distance < count; distance <<= 1) {
    const half = distance * bytes
    for (let block: usize = 0; block < filled; block += 2 * distance) {
      const index = offset + block + distance - 1
      const x = work + block * bytes
      const noFactor = load<u16>(SKEW + index * 2) == 65535
      if (block + distance >= filled) {
        memory.copy(x + half, x, half)
        if (!noFactor) multiplyAdd(x, x, half, FACTORS + index * TABLE)
      } else if (noFactor) add(x + half, x, half)
      else inverseButterfly(x, x + half, half, FACTORS + index * TABLE)
    }
    filled = (filled + 2 * distance - 1) & ~(2 * distance - 1)
  }
  return filled
}

/** Transform of `count` rows at `work`, of which only `start` to `end` are wanted; `offset` into the factors. */
function forward(work: usize, count: usize, offset: usize, start: usize, end: usize, bytes: usize): void {
  for (let distance = count >> 1; distance >= 1; distance >>= 1) {
    const half = distance * bytes
    for (let block = start & ~(2 * distance - 1); block < end; block += 2 * distance) {
      const index = offset + block + distance - 1
      const x = work + block * bytes
      if (load<u16>(SKEW + index * 2) == 65535) add(x + half, x, half)
      else if (block + distance >= end) multiplyAdd(x, x + half, half, FACTORS + index * TABLE)
      else forwardButterfly(x, x + half, half, FACTORS + index * TABLE)
    }
  }
}

/** Formal derivative. */
function derive(count: usize, bytes: usize): void {
  for (let i: usize = 1; i < count; i++) {
    const width = ((i ^ (i - 1)) + 1) >> 1
    add(WORK + (i - width) * bytes, WORK + i * bytes, width * bytes)
  }
}

/** y += x; x += y * factor */
function inverseButterfly(x: usize, y: usize, length: usize, table: usize): void {
  const t0 = load<v128>(table), t1 = load<v128>(table, 16), t2 = load<v128>(table, 32), t3 = load<v128>(table, 48)
  const t4 = load<v128>(table, 64), t5 = load<v128>(table, 80), t6 = load<v128>(table, 96), t7 = load<v128>(table, 112)
  const nibble = i8x16.splat(15)
  const end = x + length
  while (x < end) {
    for (let side = 0; side < 2; side++) {
      const xLow = load<v128>(x)
      const xHigh = load<v128>(x, 32)
      const low = v128.xor(load<v128>(y), xLow)
      const high = v128.xor(load<v128>(y, 32), xHigh)
      const n0 = v128.and(low, nibble), n1 = v128.and(i16x8.shr_u(low, 4), nibble)
      const n2 = v128.and(high, nibble), n3 = v128.and(i16x8.shr_u(high, 4), nibble)
      store<v128>(y, low)
      store<v128>(y, high, 32)
      store<v128>(x, v128.xor(xLow, product(t0, t2, t4, t6, n0, n1, n2, n3)))
      store<v128>(x, v128.xor(xHigh, product(t1, t3, t5, t7, n0, n1, n2, n3)), 32)
      x += 16
      y += 16
    }
    x += 32
    y += 32
  }
}

/** x += y * factor; y += x */
function forwardButterfly(x: usize, y: usize, length: usize, table: usize): void {
  const t0 = load<v128>(table), t1 = load<v128>(table, 16), t2 = load<v128>(table, 32), t3 = load<v128>(table, 48)
  const t4 = load<v128>(table, 64), t5 = load<v128>(table, 80), t6 = load<v128>(table, 96), t7 = load<v128>(table, 112)
  const nibble = i8x16.splat(15)
  const end = x + length
  while (x < end) {
    for (let side = 0; side < 2; side++) {
      const low = load<v128>(y)
      const high = load<v128>(y, 32)
      const n0 = v128.and(low, nibble), n1 = v128.and(i16x8.shr_u(low, 4), nibble)
      const n2 = v128.and(high, nibble), n3 = v128.and(i16x8.shr_u(high, 4), nibble)
      const xLow = v128.xor(load<v128>(x), product(t0, t2, t4, t6, n0, n1, n2, n3))
      const xHigh = v128.xor(load<v128>(x, 32), product(t1, t3, t5, t7, n0, n1, n2, n3))
      store<v128>(x, xLow)
      store<v128>(x, xHigh, 32)
      store<v128>(y, v128.xor(low, xLow))
      store<v128>(y, v128.xor(high, xHigh), 32)
      x += 16
      y += 16
    }
    x += 32
    y += 32
  }
}

/** x += y * factor; x and y may be the same */
function multiplyAdd(x: usize, y: usize, length: usize, table: usize): void {
  const t0 = load<v128>(table), t1 = load<v128>(table, 16), t2 = load<v128>(table, 32), t3 = load<v128>(table, 48)
  const t4 = load<v128>(table, 64), t5 = load<v128>(table, 80), t6 = load<v128>(table, 96), t7 = load<v128>(table, 112)
  const nibble = i8x16.splat(15)
  const end = x + length
  while (x < end) {
    for (let side = 0; side < 2; side++) {
      const low = load<v128>(y)
      const high = load<v128>(y, 32)
      const n0 = v128.and(low, nibble), n1 = v128.and(i16x8.shr_u(low, 4), nibble)
      const n2 = v128.and(high, nibble), n3 = v128.and(i16x8.shr_u(high, 4), nibble)
      store<v128>(x, v128.xor(load<v128>(x), product(t0, t2, t4, t6, n0, n1, n2, n3)))
      store<v128>(x, v128.xor(load<v128>(x, 32), product(t1, t3, t5, t7, n0, n1, n2, n3)), 32)
      x += 16
      y += 16
    }
    x += 32
    y += 32
  }
}

/** x = y times the factor at SCALE */
function scale(x: usize, y: usize, length: usize): void {
  const t0 = load<v128>(SCALE), t1 = load<v128>(SCALE, 16), t2 = load<v128>(SCALE, 32), t3 = load<v128>(SCALE, 48)
  const t4 = load<v128>(SCALE, 64), t5 = load<v128>(SCALE, 80), t6 = load<v128>(SCALE, 96), t7 = load<v128>(SCALE, 112)
  const nibble = i8x16.splat(15)
  const end = x + length
  while (x < end) {
    for (let side = 0; side < 2; side++) {
      const low = load<v128>(y)
      const high = load<v128>(y, 32)
      const n0 = v128.and(low, nibble), n1 = v128.and(i16x8.shr_u(low, 4), nibble)
      const n2 = v128.and(high, nibble), n3 = v128.and(i16x8.shr_u(high, 4), nibble)
      store<v128>(x, product(t0, t2, t4, t6, n0, n1, n2, n3))
      store<v128>(x, product(t1, t3, t5, t7, n0, n1, n2, n3), 32)
      x += 16
      y += 16
    }
    x += 32
    y += 32
  }
}

/** x = y; a call of the host costs more than a block of a row. */
function move(x: usize, y: usize, length: usize): void {
  const end = x + length
  while (x < end) {
    store<v128>(x, load<v128>(y))
    store<v128>(x, load<v128>(y, 16), 16)
    store<v128>(x, load<v128>(y, 32), 32)
    store<v128>(x, load<v128>(y, 48), 48)
    x += 64
    y += 64
  }
}

/** x += y */
function add(x: usize, y: usize, length: usize): void {
  const end = x + length
  while (x < end) {
    store<v128>(x, v128.xor(load<v128>(x), load<v128>(y)))
    store<v128>(x, v128.xor(load<v128>(x, 16), load<v128>(y, 16)), 16)
    store<v128>(x, v128.xor(load<v128>(x, 32), load<v128>(y, 32)), 32)
    store<v128>(x, v128.xor(load<v128>(x, 48), load<v128>(y, 48)), 48)
    x += 64
    y += 64
  }
}

/** One byte of each of 16 products: `a` to `d` are the tables of the nibbles from the lowest. */
// @ts-ignore: decorator
@inline
function product(a: v128, b: v128, c: v128, d: v128, n0: v128, n1: v128, n2: v128, n3: v128): v128 {
  return v128.xor(v128.xor(lookup(a, n0), lookup(b, n1)), v128.xor(lookup(c, n2), lookup(d, n3)))
}

// @ts-ignore: decorator
@inline
function lookup(table: v128, index: v128): v128 {
  // @ts-ignore: given on the command line
  if (isDefined(RELAXED)) return i8x16.relaxed_swizzle(table, index)
  else return i8x16.swizzle(table, index)
}

/** Adds the coefficient of symbol `i` of eight to its two buckets. */
// @ts-ignore: decorator
@inline
function spread(coefficients: usize, low: u64, high: u64, i: usize): void {
  const value = load<v128>(coefficients + i * 16)
  const a = BUCKETS + ((<usize>(low >> (8 * i)) & 255) << 4)
  const b = BUCKETS + SIDE + ((<usize>(high >> (8 * i)) & 255) << 4)
  store<v128>(a, v128.xor(load<v128>(a), value))
  store<v128>(b, v128.xor(load<v128>(b), value))
}

/** The sum of the 256 buckets, each times its number, of which `tables` has the products of the eight bits. Leaves zeros. */
function gather(buckets: usize, tables: usize): v128 {
  let total = i64x2.splat(0)
  for (let bit: usize = 8; bit > 0; bit--) {
    // Buckets with this bit are folded onto those without it.
    const half: usize = 16 << (bit - 1)
    let sum = i64x2.splat(0)
    for (let at = buckets; at < buckets + half; at += 16) {
      const upper = load<v128>(at + half)
      sum = v128.xor(sum, upper)
      store<v128>(at, v128.xor(load<v128>(at), upper))
      store<v128>(at + half, i64x2.splat(0))
    }
    total = v128.xor(total, multiply(sum, tables + (bit - 1) * TABLE))
  }
  store<v128>(buckets, i64x2.splat(0))
  return total
}

/** Eight symbols, each of which lies with its low byte first, times the factor at `table`. */
// @ts-ignore: decorator
@inline
function multiply(x: v128, table: usize): v128 {
  const nibble = i8x16.splat(15)
  const low = i8x16.narrow_i16x8_u(v128.and(x, i16x8.splat(255)), v128.and(x, i16x8.splat(255)))
  const high = i8x16.narrow_i16x8_u(i16x8.shr_u(x, 8), i16x8.shr_u(x, 8))
  const n0 = v128.and(low, nibble), n1 = v128.and(i16x8.shr_u(low, 4), nibble)
  const n2 = v128.and(high, nibble), n3 = v128.and(i16x8.shr_u(high, 4), nibble)
  const t0 = load<v128>(table), t1 = load<v128>(table, 16), t2 = load<v128>(table, 32), t3 = load<v128>(table, 48)
  const t4 = load<v128>(table, 64), t5 = load<v128>(table, 80), t6 = load<v128>(table, 96), t7 = load<v128>(table, 112)
  const lows = product(t0, t2, t4, t6, n0, n1, n2, n3)
  const highs = product(t1, t3, t5, t7, n0, n1, n2, n3)
  return i8x16.shuffle(lows, highs, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

/** Products of all nibbles with the element of logarithm `log`: per nibble 16 low bytes, then 16 high bytes. */
function makeTable(to: usize, log: u32): void {
  for (let position: u32 = 0; position < 4; position++, to += 32) {
    store<u8>(to, 0)
    store<u8>(to + 16, 0)
    for (let bit: u32 = 0; bit < 4; bit++) {
      const value = times(<u16>(<u32>1 << (4 * position + bit)), log)
      const width: usize = 1 << bit
      for (let j: usize = 0; j < width; j++) {
        store<u8>(to + width + j, load<u8>(to + j) ^ <u8>value)
        store<u8>(to + 16 + width + j, load<u8>(to + 16 + j) ^ <u8>(value >> 8))
      }
    }
  }
}

/** `value` times the element of logarithm `log`, 0 to 65534. */
// @ts-ignore: decorator
@inline
function times(value: u16, log: u32): u16 {
  if (value == 0) return 0
  const sum = <u32>load<u16>(LOG + ((<usize>value) << 1)) + log
  return load<u16>(EXP + (((sum + (sum >> 16)) & 65535) << 1))
}

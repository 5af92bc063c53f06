// The integer transformer (docs/spec/integer-model.md): u8 activations are kept as i16 with their zero point taken off, weights as i8 with
// 128 taken off. Sums are exact in 32 bits, scaling in 64. Addresses are bytes, lengths are numbers of elements.

/** The caller's buffers begin here. */
export const DATA: usize = (__heap_base + 63) & ~63

// @ts-ignore: decorator
@inline
function roundShift(value: i64, shift: i64): i64 {
  const half: i64 = shift == 0 ? 0 : (<i64>1) << (shift - 1)
  const magnitude = ((value < 0 ? -value : value) + half) >> shift
  return value < 0 ? -magnitude : magnitude
}

// @ts-ignore: decorator
@inline
function scale(sum: i32, multiplier: u32, shift: i64): i32 {
  const scaled = roundShift(<i64>sum * <i64>multiplier, shift)
  return <i32>max<i64>(-0x80000000, min<i64>(0x7fffffff, scaled))
}

// @ts-ignore: decorator
@inline
function sum4(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3)
}

// @ts-ignore: decorator
@inline
function weights8(at: usize): v128 {
  return v128.load_ext<i8>(at)
}

/**
 * out[row][j] = input[row] . weights[j], scaled. `correction` is 128 minus the zero point of the weights. columns is a multiple of 8.
 * Four rows share each load of weights; a single row takes four outputs at once.
 */
export function linear(
  out: usize, input: usize, rows: usize, columns: usize,
  weights: usize, outputs: usize, correction: i32, multipliers: usize, shift: i64,
): void {
  const bytes = columns << 1
  let row: usize = 0
  for (; row + 4 <= rows; row += 4) {
    const a0 = input + row * bytes
    const t0 = correction == 0 ? 0 : correction * total(a0, columns)
    const t1 = correction == 0 ? 0 : correction * total(a0 + bytes, columns)
    const t2 = correction == 0 ? 0 : correction * total(a0 + 2 * bytes, columns)
    const t3 = correction == 0 ? 0 : correction * total(a0 + 3 * bytes, columns)
    for (let j: usize = 0; j < outputs; j++) {
      let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0)
      let a = a0
      let w = weights + j * columns
      const end = w + columns
      for (; w < end; w += 8) {
        const v = weights8(w)
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v, v128.load(a)))
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v, v128.load(a + bytes)))
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v, v128.load(a + 2 * bytes)))
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v, v128.load(a + 3 * bytes)))
        a += 16
      }
      const m = load<u32>(multipliers + (j << 2))
      const to = out + ((row * outputs + j) << 2)
      store<i32>(to, scale(sum4(s0) + t0, m, shift))
      store<i32>(to + (outputs << 2), scale(sum4(s1) + t1, m, shift))
      store<i32>(to + (outputs << 3), scale(sum4(s2) + t2, m, shift))
      store<i32>(to + (outputs << 2) + (outputs << 3), scale(sum4(s3) + t3, m, shift))
    }
  }
  for (; row < rows; row++) {
    const start = input + row * bytes
    const t = correction == 0 ? 0 : correction * total(start, columns)
    let j: usize = 0
    for (; j + 4 <= outputs; j += 4) {
      let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0)
      let a = start
      let w = weights + j * columns
      const end = w + columns
      for (; w < end; w += 8) {
        const v = v128.load(a)
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(weights8(w), v))
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(weights8(w + columns), v))
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(weights8(w + 2 * columns), v))
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(weights8(w + 3 * columns), v))
        a += 16
      }
      const to = out + ((row * outputs + j) << 2)
      const m = multipliers + (j << 2)
      store<i32>(to, scale(sum4(s0) + t, load<u32>(m), shift))
      store<i32>(to, scale(sum4(s1) + t, load<u32>(m, 4), shift), 4)
      store<i32>(to, scale(sum4(s2) + t, load<u32>(m, 8), shift), 8)
      store<i32>(to, scale(sum4(s3) + t, load<u32>(m, 12), shift), 12)
    }
    for (; j < outputs; j++) {
      let s = i32x4.splat(0)
      let a = start
      const w = weights + j * columns
      for (let i: usize = 0; i < columns; i += 8) {
        s = i32x4.add(s, i32x4.dot_i16x8_s(weights8(w + i), v128.load(a)))
        a += 16
      }
      store<i32>(out + ((row * outputs + j) << 2), scale(sum4(s) + t, load<u32>(multipliers + (j << 2)), shift))
    }
  }
}

function total(a: usize, columns: usize): i32 {
  let s = i32x4.splat(0)
  for (let i: usize = 0; i < columns; i += 8) s = i32x4.add(s, i32x4.extadd_pairwise_i16x8_s(v128.load(a + (i << 1))))
  return sum4(s)
}

/** x = row of `columns` weights, scaled to the residual stream. */
export function embed(x: usize, row: usize, columns: usize, correction: i32, multiplier: u32, shift: i64, limit: i32): void {
  for (let i: usize = 0; i < columns; i++) {
    const value = scale(<i32>load<i8>(row + i) + correction, multiplier, shift)
    store<i32>(x + (i << 2), max<i32>(-limit, min<i32>(limit, value)))
  }
}

/** x += delta, kept within the limit. */
export function accumulate(x: usize, delta: usize, count: usize, limit: i32): void {
  for (let i: usize = 0; i < count; i++) {
    const at = x + (i << 2)
    const value = <i64>load<i32>(at) + <i64>load<i32>(delta + (i << 2))
    store<i32>(at, <i32>max<i64>(-limit, min<i64>(limit, value)))
  }
}

/** out (i16, zero point taken off) = x / |x|, scaled. */
export function normalise(out: usize, x: usize, columns: usize, multiplier: u32, shift: i64, zero: i32): void {
  let sum: u64 = 0
  for (let i: usize = 0; i < columns; i++) {
    const value = <i64>load<i32>(x + (i << 2))
    sum += <u64>(value * value)
  }
  const target = sum << 10
  let root = <u64>(Math.sqrt(<f64>sum) * 32)
  while (root * root > target) root--
  while ((root + 1) * (root + 1) <= target) root++
  const inverse = <i64>(((<u64>1) << 46) / max<u64>(1, root))
  for (let i: usize = 0; i < columns; i++) {
    const unit = roundShift(<i64>load<i32>(x + (i << 2)) * inverse, 26)
    const value = roundShift(unit * <i64>multiplier, shift) + <i64>zero
    store<i16>(out + (i << 1), <i16>(max<i64>(0, min<i64>(255, value)) - <i64>zero))
  }
}

/** out (i16) = values as u8 with the zero point, which is taken off again. */
export function toBytes(out: usize, values: usize, count: usize, zero: i32): void {
  for (let i: usize = 0; i < count; i++) {
    const value = <i64>load<i32>(values + (i << 2)) + <i64>zero
    store<i16>(out + (i << 1), <i16>(max<i64>(0, min<i64>(255, value)) - <i64>zero))
  }
}

/** out (i16) = table[values as u8], its zero point taken off. */
export function activate(out: usize, values: usize, count: usize, zero: i32, table: usize, outZero: i32): void {
  for (let i: usize = 0; i < count; i++) {
    const value = <i64>load<i32>(values + (i << 2)) + <i64>zero
    const index = <usize>max<i64>(0, min<i64>(255, value))
    store<i16>(out + (i << 1), <i16>(<i32>load<u8>(table + index) - outZero))
  }
}

/**
 * out (i16) = values mixed by the shares of the positions up to `position`. query, keys and values are i16; rows of keys and values are
 * `width` apart. `scores` holds position + 1 numbers of 32 bits, `powers` the 256 of the format.
 */
export function attend(
  out: usize, query: usize, keys: usize, values: usize, position: i32, heads: usize, headWidth: usize,
  scoreMultiplier: u32, scoreShift: i64, scoreLimit: i32, slopes: usize,
  mixedMultiplier: u32, mixedShift: i64, mixedZero: i32, powers: usize, scores: usize,
): void {
  const stride = (heads * headWidth) << 1
  for (let head: usize = 0; head < heads; head++) {
    const at = (head * headWidth) << 1
    const slope = <i32>load<u16>(slopes + (head << 1))
    let top = i32.MIN_VALUE
    for (let j: i32 = 0; j <= position; j++) {
      let s = i32x4.splat(0)
      const key = keys + <usize>j * stride + at
      for (let i: usize = 0; i < headWidth << 1; i += 16) {
        s = i32x4.add(s, i32x4.dot_i16x8_s(v128.load(query + at + i), v128.load(key + i)))
      }
      const scaled = max<i32>(-scoreLimit, min<i32>(scoreLimit, scale(sum4(s), scoreMultiplier, scoreShift)))
      const score = scaled - slope * (position - j)
      store<i32>(scores + (<usize>j << 2), score)
      top = max<i32>(top, score)
    }
    let sum: u32 = 0
    for (let j: i32 = 0; j <= position; j++) {
      const place = scores + (<usize>j << 2)
      const distance = <u32>(top - load<i32>(place))
      const power: u32 = distance >= 17 * 256 ? 0 : load<u32>(powers + ((<usize>distance & 255) << 2)) >> (distance >> 8)
      store<u32>(place, power)
      sum += power
    }
    const half = sum >> 1
    for (let j: i32 = 0; j <= position; j++) {
      const place = scores + (<usize>j << 2)
      const power = load<u32>(place)
      store<u32>(place, power == 0 ? 0 : ((power << 14) + half) / sum)
    }
    for (let i: usize = 0; i < headWidth << 1; i += 16) {
      let low = i32x4.splat(0)
      let high = i32x4.splat(0)
      let from = values + at + i
      for (let j: i32 = 0; j <= position; j++) {
        const share = load<i32>(scores + (<usize>j << 2))
        if (share != 0) {
          const factor = i16x8.splat(<i16>share)
          const v = v128.load(from)
          low = i32x4.add(low, i32x4.extmul_low_i16x8_s(v, factor))
          high = i32x4.add(high, i32x4.extmul_high_i16x8_s(v, factor))
        }
        from += stride
      }
      const to = out + at + i
      for (let lane: usize = 0; lane < 8; lane++) {
        const mixed = lane4(lane < 4 ? low : high, lane & 3)
        const value = <i64>scale(mixed, mixedMultiplier, mixedShift) + <i64>mixedZero
        store<i16>(to + (lane << 1), <i16>(max<i64>(0, min<i64>(255, value)) - <i64>mixedZero))
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function lane4(v: v128, lane: usize): i32 {
  if (lane == 0) return i32x4.extract_lane(v, 0)
  if (lane == 1) return i32x4.extract_lane(v, 1)
  if (lane == 2) return i32x4.extract_lane(v, 2)
  return i32x4.extract_lane(v, 3)
}

// Single-precision arithmetic of the trainer: only IEEE additions, multiplications, divisions and square roots in a fixed order, no
// fused operations, so that a seed gives the same weights on every machine. Addresses are bytes, lengths are numbers of floats.

/** Panel of `multiply`, first bytes of free memory; the caller's buffers begin at DATA. */
const PANEL: usize = (__heap_base + 63) & ~63
const DEPTH: usize = 256
export const DATA: usize = PANEL + DEPTH * 8 * 4

/**
 * c[m][n] = a[m][k] b[k][n], or added to c. Element (i, j) of a lies at a + 4 (i * aRow + j * aColumn), b alike; rows of c are `cRow` apart.
 * m is a multiple of 4, n of 8.
 */
export function multiply(
  a: usize, aRow: usize, aColumn: usize,
  b: usize, bRow: usize, bColumn: usize,
  c: usize, cRow: usize,
  m: usize, n: usize, k: usize, add: bool,
): void {
  const r1 = aRow << 2
  const r2 = aRow << 3
  const r3 = r1 + r2
  const step = aColumn << 2
  for (let k0: usize = 0; k0 < k; k0 += DEPTH) {
    const depth = min(DEPTH, k - k0)
    const accumulate = add || k0 > 0
    for (let j: usize = 0; j < n; j += 8) {
      pack(b + ((k0 * bRow + j * bColumn) << 2), bRow, bColumn, depth)
      for (let i: usize = 0; i < m; i += 4) {
        let x = a + ((i * aRow + k0 * aColumn) << 2)
        const y = c + ((i * cRow + j) << 2)
        const y1 = y + (cRow << 2)
        const y2 = y1 + (cRow << 2)
        const y3 = y2 + (cRow << 2)
        let s00 = accumulate ? load<v128>(y) : f32x4.splat(0)
        let s01 = accumulate ? load<v128>(y, 16) : f32x4.splat(0)
        let s10 = accumulate ? load<v128>(y1) : f32x4.splat(0)
        let s11 = accumulate ? load<v128>(y1, 16) : f32x4.splat(0)
        let s20 = accumulate ? load<v128>(y2) : f32x4.splat(0)
        let s21 = accumulate ? load<v128>(y2, 16) : f32x4.splat(0)
        let s30 = accumulate ? load<v128>(y3) : f32x4.splat(0)
        let s31 = accumulate ? load<v128>(y3, 16) : f32x4.splat(0)
        let p = PANEL
        const end = PANEL + (depth << 5)
        for (; p < end; p += 32) {
          const b0 = load<v128>(p)
          const b1 = load<v128>(p, 16)
          let v = v128.load_splat<f32>(x)
          s00 = f32x4.add(s00, f32x4.mul(v, b0))
          s01 = f32x4.add(s01, f32x4.mul(v, b1))
          v = v128.load_splat<f32>(x + r1)
          s10 = f32x4.add(s10, f32x4.mul(v, b0))
          s11 = f32x4.add(s11, f32x4.mul(v, b1))
          v = v128.load_splat<f32>(x + r2)
          s20 = f32x4.add(s20, f32x4.mul(v, b0))
          s21 = f32x4.add(s21, f32x4.mul(v, b1))
          v = v128.load_splat<f32>(x + r3)
          s30 = f32x4.add(s30, f32x4.mul(v, b0))
          s31 = f32x4.add(s31, f32x4.mul(v, b1))
          x += step
        }
        store<v128>(y, s00)
        store<v128>(y, s01, 16)
        store<v128>(y1, s10)
        store<v128>(y1, s11, 16)
        store<v128>(y2, s20)
        store<v128>(y2, s21, 16)
        store<v128>(y3, s30)
        store<v128>(y3, s31, 16)
      }
    }
  }
}

function pack(b: usize, row: usize, column: usize, depth: usize): void {
  if (column == 1) {
    for (let k: usize = 0; k < depth; k++) {
      const from = b + ((k * row) << 2)
      store<v128>(PANEL + (k << 5), load<v128>(from))
      store<v128>(PANEL + (k << 5), load<v128>(from, 16), 16)
    }
  } else {
    for (let j: usize = 0; j < 8; j++) {
      const from = b + ((j * column) << 2)
      for (let k: usize = 0; k < depth; k++) store<f32>(PANEL + (k << 5) + (j << 2), load<f32>(from + ((k * row) << 2)))
    }
  }
}

// @ts-ignore: decorator
@inline
function sum4(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
}

// @ts-ignore: decorator
@inline
function dot(a: usize, b: usize, n: usize): f32 {
  let s = f32x4.splat(0)
  for (let i: usize = 0; i < n; i += 4) s = f32x4.add(s, f32x4.mul(load<v128>(a + (i << 2)), load<v128>(b + (i << 2))))
  return sum4(s)
}

/** y += f x */
// @ts-ignore: decorator
@inline
function addScaled(y: usize, x: usize, f: f32, n: usize): void {
  const factor = f32x4.splat(f)
  for (let i: usize = 0; i < n; i += 4) {
    const at = y + (i << 2)
    store<v128>(at, f32x4.add(load<v128>(at), f32x4.mul(load<v128>(x + (i << 2)), factor)))
  }
}

/** 2^x for x <= 0, relative error below 3e-6; 0 below -120. */
// @ts-ignore: decorator
@inline
function exp2(x: f32): f32 {
  if (x < -120) return 0
  const whole = floor<f32>(x)
  const f = x - whole
  const p: f32 = 1 + f * (0.69314718 + f * (0.24022651 + f * (0.05550411 + f * (0.00961813 + f * (0.00133336 + f * 0.00015404)))))
  return p * reinterpret<f32>((<i32>whole + 127) << 23)
}

/** Natural logarithm of x > 0, absolute error below 1e-6. */
function ln(x: f32): f32 {
  const bits = reinterpret<i32>(x)
  let e = (bits >> 23) - 127
  let m = reinterpret<f32>((bits & 0x7fffff) | 0x3f800000)
  if (m > 1.41421356) {
    m *= 0.5
    e++
  }
  const t: f32 = (m - 1) / (m + 1)
  const t2: f32 = t * t
  const p: f32 = t * (2 + t2 * (0.66666667 + t2 * (0.4 + t2 * (0.28571429 + t2 * 0.22222222))))
  return <f32>e * 0.69314718 + p
}

/** y[i] = table[ids[i]] * factor */
export function gather(y: usize, table: usize, ids: usize, count: usize, width: usize, factor: f32): void {
  for (let i: usize = 0; i < count; i++) {
    const from = table + ((<usize>load<u32>(ids + (i << 2)) * width) << 2)
    const to = y + ((i * width) << 2)
    for (let j: usize = 0; j < width; j++) store<f32>(to + (j << 2), load<f32>(from + (j << 2)) * factor)
  }
}

/** table[ids[i]] += dy[i] * factor */
export function scatter(table: usize, dy: usize, ids: usize, count: usize, width: usize, factor: f32): void {
  for (let i: usize = 0; i < count; i++) {
    addScaled(table + ((<usize>load<u32>(ids + (i << 2)) * width) << 2), dy + ((i * width) << 2), factor, width)
  }
}

/** Picks rows: y[i] = x[ids[i]]. */
export function pick(y: usize, x: usize, ids: usize, count: usize, width: usize): void {
  for (let i: usize = 0; i < count; i++) {
    memory.copy(y + ((i * width) << 2), x + ((<usize>load<u32>(ids + (i << 2)) * width) << 2), width << 2)
  }
}

/** y = x / rms(x) per row; 1 / rms is kept in `inverse`. */
export function normalise(y: usize, x: usize, inverse: usize, count: usize, width: usize): void {
  for (let i: usize = 0; i < count; i++) {
    const row = x + ((i * width) << 2)
    const r: f32 = 1 / sqrt<f32>(dot(row, row, width) / <f32>width + 1e-6)
    store<f32>(inverse + (i << 2), r)
    const factor = f32x4.splat(r)
    const to = y + ((i * width) << 2)
    for (let j: usize = 0; j < width; j += 4) store<v128>(to + (j << 2), f32x4.mul(load<v128>(row + (j << 2)), factor))
  }
}

/** dx += gradient of `normalise` */
export function normaliseBack(dx: usize, dy: usize, x: usize, inverse: usize, count: usize, width: usize): void {
  for (let i: usize = 0; i < count; i++) {
    const at = (i * width) << 2
    const r = load<f32>(inverse + (i << 2))
    const f: f32 = -r * r * r * dot(dy + at, x + at, width) / <f32>width
    addScaled(dx + at, dy + at, r, width)
    addScaled(dx + at, x + at, f, width)
  }
}

/**
 * Causal attention of one segment. qkv rows hold queries, keys and values of `width` each; probabilities go to p, length * length per
 * head. `slopes` are octaves per token, `factor` turns a product into octaves.
 */
export function attend(
  out: usize, qkv: usize, p: usize, slopes: usize, length: usize, heads: usize, headWidth: usize, factor: f32,
): void {
  const width = heads * headWidth
  const stride = (3 * width) << 2
  for (let h: usize = 0; h < heads; h++) {
    const slope = load<f32>(slopes + (h << 2))
    const q = qkv + ((h * headWidth) << 2)
    const k = q + (width << 2)
    const v = k + (width << 2)
    for (let i: usize = 0; i < length; i++) {
      const row = p + (((h * length + i) * length) << 2)
      let top: f32 = -1e30
      for (let j: usize = 0; j <= i; j++) {
        const s: f32 = dot(q + i * stride, k + j * stride, headWidth) * factor - slope * <f32>(i - j)
        store<f32>(row + (j << 2), s)
        top = max<f32>(top, s)
      }
      let total: f32 = 0
      for (let j: usize = 0; j <= i; j++) {
        const e = exp2(load<f32>(row + (j << 2)) - top)
        store<f32>(row + (j << 2), e)
        total += e
      }
      const share: f32 = 1 / total
      const to = out + ((i * width + h * headWidth) << 2)
      memory.fill(to, 0, headWidth << 2)
      for (let j: usize = 0; j <= i; j++) {
        const w: f32 = load<f32>(row + (j << 2)) * share
        store<f32>(row + (j << 2), w)
        if (w > 1e-9) addScaled(to, v + j * stride, w, headWidth)
      }
    }
  }
}

/** dqkv += gradient of `attend`; `scratch` holds `length` floats. */
export function attendBack(
  dqkv: usize, dout: usize, qkv: usize, p: usize, scratch: usize, length: usize, heads: usize, headWidth: usize, factor: f32,
): void {
  const width = heads * headWidth
  const stride = (3 * width) << 2
  const scale: f32 = factor * 0.69314718
  for (let h: usize = 0; h < heads; h++) {
    const q = (h * headWidth) << 2
    const k = q + (width << 2)
    const v = k + (width << 2)
    for (let i: usize = 0; i < length; i++) {
      const row = p + (((h * length + i) * length) << 2)
      const dy = dout + ((i * width + h * headWidth) << 2)
      let mean: f32 = 0
      for (let j: usize = 0; j <= i; j++) {
        const w = load<f32>(row + (j << 2))
        const d = dot(dy, qkv + j * stride + v, headWidth)
        store<f32>(scratch + (j << 2), d)
        mean += w * d
        if (w > 1e-9) addScaled(dqkv + j * stride + v, dy, w, headWidth)
      }
      for (let j: usize = 0; j <= i; j++) {
        const g: f32 = load<f32>(row + (j << 2)) * (load<f32>(scratch + (j << 2)) - mean) * scale
        if (g != 0) {
          addScaled(dqkv + i * stride + q, qkv + j * stride + k, g, headWidth)
          addScaled(dqkv + j * stride + k, qkv + i * stride + q, g, headWidth)
        }
      }
    }
  }
}

export function rectify(x: usize, count: usize): void {
  const zero = f32x4.splat(0)
  for (let i: usize = 0; i < count; i += 4) store<v128>(x + (i << 2), f32x4.max(load<v128>(x + (i << 2)), zero))
}

/** dx = 0 where y <= 0 */
export function rectifyBack(dx: usize, y: usize, count: usize): void {
  const zero = f32x4.splat(0)
  for (let i: usize = 0; i < count; i += 4) {
    const at = dx + (i << 2)
    store<v128>(at, v128.and(load<v128>(at), f32x4.gt(load<v128>(y + (i << 2)), zero)))
  }
}

/** Sum of -ln p(target) over rows; x becomes (p - onehot) * factor. Row i is weighted by weights[i]. */
export function crossEntropy(x: usize, targets: usize, weights: usize, count: usize, width: usize, factor: f32): f64 {
  let loss: f64 = 0
  for (let i: usize = 0; i < count; i++) {
    const row = x + ((i * width) << 2)
    let top4 = load<v128>(row)
    for (let j: usize = 4; j < width; j += 4) top4 = f32x4.max(top4, load<v128>(row + (j << 2)))
    const top = max<f32>(max<f32>(f32x4.extract_lane(top4, 0), f32x4.extract_lane(top4, 1)), max<f32>(f32x4.extract_lane(top4, 2), f32x4.extract_lane(top4, 3)))
    let total: f32 = 0
    const target = <usize>load<u32>(targets + (i << 2))
    const weight = load<f32>(weights + (i << 2))
    const logit: f32 = load<f32>(row + (target << 2)) - top
    for (let j: usize = 0; j < width; j++) {
      const e = exp2((load<f32>(row + (j << 2)) - top) * 1.44269504)
      store<f32>(row + (j << 2), e)
      total += e
    }
    loss += <f64>((ln(total) - logit) * weight)
    const f: f32 = weight * factor / total
    const f4 = f32x4.splat(f)
    for (let j: usize = 0; j < width; j += 4) store<v128>(row + (j << 2), f32x4.mul(load<v128>(row + (j << 2)), f4))
    store<f32>(row + (target << 2), load<f32>(row + (target << 2)) - weight * factor)
  }
  return loss
}

/** Rows rounded to 127 steps of their largest value. */
export function quantiseRows(y: usize, x: usize, rows: usize, columns: usize): void {
  for (let i: usize = 0; i < rows; i++) {
    const from = x + ((i * columns) << 2)
    const to = y + ((i * columns) << 2)
    let top4 = f32x4.splat(0)
    for (let j: usize = 0; j < columns; j += 4) top4 = f32x4.max(top4, f32x4.abs(load<v128>(from + (j << 2))))
    const top = max<f32>(max<f32>(f32x4.extract_lane(top4, 0), f32x4.extract_lane(top4, 1)), max<f32>(f32x4.extract_lane(top4, 2), f32x4.extract_lane(top4, 3)))
    const scale = f32x4.splat(top > 0 ? top / 127 : 1)
    const inverse = f32x4.splat(top > 0 ? 127 / top : 1)
    for (let j: usize = 0; j < columns; j += 4) {
      store<v128>(to + (j << 2), f32x4.mul(f32x4.nearest(f32x4.mul(load<v128>(from + (j << 2)), inverse)), scale))
    }
  }
}

/** x to the nearest multiple of scale between low * scale and high * scale. */
export function quantise(x: usize, count: usize, scale: f32, low: f32, high: f32): void {
  const s = f32x4.splat(scale)
  const inverse = f32x4.splat(1 / scale)
  const lowest = f32x4.splat(low)
  const highest = f32x4.splat(high)
  for (let i: usize = 0; i < count; i += 4) {
    const at = x + (i << 2)
    const q = f32x4.min(highest, f32x4.max(lowest, f32x4.nearest(f32x4.mul(load<v128>(at), inverse))))
    store<v128>(at, f32x4.mul(q, s))
  }
}

export function largest(x: usize, count: usize): f32 {
  let top4 = f32x4.splat(0)
  for (let i: usize = 0; i < count; i += 4) top4 = f32x4.max(top4, f32x4.abs(load<v128>(x + (i << 2))))
  return max<f32>(max<f32>(f32x4.extract_lane(top4, 0), f32x4.extract_lane(top4, 1)), max<f32>(f32x4.extract_lane(top4, 2), f32x4.extract_lane(top4, 3)))
}

/** y += x */
export function addTo(y: usize, x: usize, count: usize): void {
  for (let i: usize = 0; i < count; i += 4) {
    const at = y + (i << 2)
    store<v128>(at, f32x4.add(load<v128>(at), load<v128>(x + (i << 2))))
  }
}

export function squares(x: usize, count: usize): f64 {
  let total: f64 = 0
  for (let i: usize = 0; i < count; i += 256) {
    const n = min<usize>(256, count - i)
    total += <f64>dot(x + (i << 2), x + (i << 2), n)
  }
  return total
}

/** AdamW. g is scaled by `clip`; m, v are the moments; rate1 is the learning rate over 1 - beta1^t, correction2 is 1 - beta2^t. */
export function adam(
  w: usize, g: usize, m: usize, v: usize, count: usize,
  clip: f32, beta1: f32, beta2: f32, rate1: f32, correction2: f32, decay: f32,
): void {
  const c4 = f32x4.splat(clip)
  const b1 = f32x4.splat(beta1)
  const n1 = f32x4.splat(1 - beta1)
  const b2 = f32x4.splat(beta2)
  const n2 = f32x4.splat(1 - beta2)
  const r = f32x4.splat(rate1)
  const k = f32x4.splat(1 / correction2)
  const e = f32x4.splat(1e-8)
  const d = f32x4.splat(1 - decay)
  for (let i: usize = 0; i < count; i += 4) {
    const at = i << 2
    const gradient = f32x4.mul(load<v128>(g + at), c4)
    const first = f32x4.add(f32x4.mul(load<v128>(m + at), b1), f32x4.mul(gradient, n1))
    const second = f32x4.add(f32x4.mul(load<v128>(v + at), b2), f32x4.mul(f32x4.mul(gradient, gradient), n2))
    store<v128>(m + at, first)
    store<v128>(v + at, second)
    const step = f32x4.div(f32x4.mul(first, r), f32x4.add(f32x4.sqrt(f32x4.mul(second, k)), e))
    store<v128>(w + at, f32x4.sub(f32x4.mul(load<v128>(w + at), d), step))
  }
}

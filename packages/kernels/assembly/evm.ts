// What the EVM's interpreter does on words beyond what pays in JavaScript: products, quotients, powers on 256 bits, and the compression
// function of BLAKE2b. Words are eight 32-bit digits, the least significant first; operands and results lie at fixed places.

const BASE: usize = (__heap_base + 15) & ~15
export const A: usize = BASE
export const B: usize = A + 32
export const M: usize = B + 32
export const OUT: usize = M + 32
/** 64 bytes for a product or a numerator and one digit more, the divisor, 64 bytes for a quotient. */
const WIDE: usize = OUT + 32
const DIVISOR: usize = WIDE + 80
const QUOTIENT: usize = DIVISOR + 32
const POWER: usize = QUOTIENT + 72
/** h (64), m (128), t (16), and the working vector (128). */
export const BLAKE: usize = POWER + 40
const V: usize = BLAKE + 208

const WORD: usize = 32

// @ts-ignore: decorator
@inline
function digit(at: usize, index: i32): u64 {
  return load<u32>(at + (<usize>index << 2))
}

// @ts-ignore: decorator
@inline
function put(at: usize, index: i32, value: u64): void {
  store<u32>(at + (<usize>index << 2), <u32>value)
}

/** Digits up to the highest that is not zero, of at most `max`. */
function significant(at: usize, max: i32): i32 {
  while (max > 0 && digit(at, max - 1) == 0) max--
  return max
}

/** The low 256 bits of a product; `out` is neither factor. */
function multiply(a: usize, b: usize, out: usize): void {
  memory.fill(out, 0, WORD)
  for (let i: i32 = 0; i < 8; i++) {
    const x = digit(a, i)
    if (x == 0) continue
    let carry: u64 = 0
    for (let j: i32 = 0; j < 8 - i; j++) {
      const sum = x * digit(b, j) + digit(out, i + j) + carry
      put(out, i + j, sum)
      carry = sum >> 32
    }
  }
}

/** All 512 bits of A times B, at WIDE. */
function multiplyWide(): void {
  memory.fill(WIDE, 0, 2 * WORD)
  for (let i: i32 = 0; i < 8; i++) {
    const x = digit(A, i)
    if (x == 0) continue
    let carry: u64 = 0
    for (let j: i32 = 0; j < 8; j++) {
      const sum = x * digit(B, j) + digit(WIDE, i + j) + carry
      put(WIDE, i + j, sum)
      carry = sum >> 32
    }
    put(WIDE, i + 8, carry)
  }
}

/**
 * Divides the `length` digits at WIDE by the word at `by`, which is not zero (Knuth, volume 2, 4.3.1, algorithm D). The quotient's low
 * digits lie at QUOTIENT, the remainder's eight at WIDE.
 */
function divide(length: i32, by: usize): void {
  memory.fill(QUOTIENT, 0, 72)
  const n = significant(by, 8)
  let m = significant(WIDE, length)
  if (m < n) {
    memory.fill(WIDE + (<usize>m << 2), 0, 80 - (<usize>m << 2))
    return
  }
  if (n == 1) {
    const d = digit(by, 0)
    let rest: u64 = 0
    for (let i: i32 = m - 1; i >= 0; i--) {
      const value = (rest << 32) | digit(WIDE, i)
      put(QUOTIENT, i, value / d)
      rest = value % d
    }
    memory.fill(WIDE, 0, 80)
    put(WIDE, 0, rest)
    return
  }
  const shift: u64 = clz<u32>(<u32>digit(by, n - 1))
  for (let i: i32 = n - 1; i >= 0; i--) {
    const low: u64 = i > 0 ? digit(by, i - 1) : 0
    put(DIVISOR, i, (digit(by, i) << shift) | ((low << shift) >> 32))
  }
  put(WIDE, m, (digit(WIDE, m - 1) << shift) >> 32)
  for (let i: i32 = m - 1; i >= 0; i--) {
    const low: u64 = i > 0 ? digit(WIDE, i - 1) : 0
    put(WIDE, i, (digit(WIDE, i) << shift) | ((low << shift) >> 32))
  }
  const high = digit(DIVISOR, n - 1)
  const next = digit(DIVISOR, n - 2)
  for (let j: i32 = m - n; j >= 0; j--) {
    const top = (digit(WIDE, j + n) << 32) | digit(WIDE, j + n - 1)
    let guess = top / high
    let rest = top % high
    while (guess >> 32 != 0 || guess * next > ((rest << 32) | digit(WIDE, j + n - 2))) {
      guess--
      rest += high
      if (rest >> 32 != 0) break
    }
    let borrow: i64 = 0
    let carry: u64 = 0
    for (let i: i32 = 0; i < n; i++) {
      const product = guess * digit(DIVISOR, i) + carry
      carry = product >> 32
      const difference = <i64>digit(WIDE, i + j) - borrow - <i64>(product & 0xffffffff)
      put(WIDE, i + j, <u64>difference)
      borrow = difference < 0 ? 1 : 0
    }
    const last = <i64>digit(WIDE, j + n) - borrow - <i64>carry
    put(WIDE, j + n, <u64>last)
    if (last < 0) {
      guess--
      let sum: u64 = 0
      for (let i: i32 = 0; i < n; i++) {
        sum += digit(WIDE, i + j) + digit(DIVISOR, i)
        put(WIDE, i + j, sum)
        sum >>= 32
      }
      put(WIDE, j + n, digit(WIDE, j + n) + sum)
    }
    put(QUOTIENT, j, guess)
  }
  for (let i: i32 = 0; i < n; i++) {
    put(WIDE, i, (digit(WIDE, i) >> shift) | ((digit(WIDE, i + 1) << 32) >> shift))
  }
  memory.fill(WIDE + (<usize>n << 2), 0, 80 - (<usize>n << 2))
}

// @ts-ignore: decorator
@inline
function isZero(at: usize): bool {
  return (load<u64>(at) | load<u64>(at + 8) | load<u64>(at + 16) | load<u64>(at + 24)) == 0
}

function negate(at: usize): void {
  let carry: u64 = 1
  for (let i: i32 = 0; i < 8; i++) {
    const sum = (digit(at, i) ^ 0xffffffff) + carry
    put(at, i, sum)
    carry = sum >> 32
  }
}

/** OUT = A * B. */
export function mul(): void {
  multiply(A, B, OUT)
}

/** OUT = A / B, 0 where B is 0. */
export function div(): void {
  if (isZero(B)) {
    memory.fill(OUT, 0, WORD)
    return
  }
  memory.copy(WIDE, A, WORD)
  divide(8, B)
  memory.copy(OUT, QUOTIENT, WORD)
}

/** OUT = A mod B, 0 where B is 0. */
export function mod(): void {
  if (isZero(B)) {
    memory.fill(OUT, 0, WORD)
    return
  }
  memory.copy(WIDE, A, WORD)
  divide(8, B)
  memory.copy(OUT, WIDE, WORD)
}

/** Of two's complement, rounding to zero. Changes A and B. */
export function sdiv(): void {
  const negative = (load<i32>(A + 28) ^ load<i32>(B + 28)) < 0
  if (load<i32>(A + 28) < 0) negate(A)
  if (load<i32>(B + 28) < 0) negate(B)
  div()
  if (negative) negate(OUT)
}

/** Of two's complement, with the sign of A. Changes A and B. */
export function smod(): void {
  const negative = load<i32>(A + 28) < 0
  if (negative) negate(A)
  if (load<i32>(B + 28) < 0) negate(B)
  mod()
  if (negative) negate(OUT)
}

/** OUT = (A + B) mod M, 0 where M is 0. */
export function addmod(): void {
  let carry: u64 = 0
  for (let i: i32 = 0; i < 8; i++) {
    carry += digit(A, i) + digit(B, i)
    put(WIDE, i, carry)
    carry >>= 32
  }
  put(WIDE, 8, carry)
  reduce(9)
}

/** OUT = A * B mod M, 0 where M is 0. */
export function mulmod(): void {
  multiplyWide()
  reduce(16)
}

function reduce(length: i32): void {
  if (isZero(M)) {
    memory.fill(OUT, 0, WORD)
    return
  }
  divide(length, M)
  memory.copy(OUT, WIDE, WORD)
}

/** OUT = A ** B. Changes A. */
export function exp(): void {
  memory.fill(OUT, 0, WORD)
  put(OUT, 0, 1)
  const digits = significant(B, 8)
  for (let i: i32 = 0; i < digits; i++) {
    let bits = <u32>digit(B, i)
    const last = i == digits - 1
    for (let bit: i32 = 0; bit < 32; bit++) {
      if (bits & 1) {
        multiply(OUT, A, POWER)
        memory.copy(OUT, POWER, WORD)
      }
      bits >>= 1
      if (last && bits == 0) return
      multiply(A, A, POWER)
      memory.copy(A, POWER, WORD)
    }
  }
}

// RFC 7693, 2.7: the message schedule, as offsets of words.
const SIGMA = memory.data<u8>([
  0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 112, 80, 32, 64, 72, 120, 104, 48, 8, 96, 0, 16, 88, 56, 40, 24, 88, 64,
  96, 0, 40, 16, 120, 104, 80, 112, 24, 48, 56, 8, 72, 32, 56, 72, 24, 8, 104, 96, 88, 112, 16, 48, 40, 80, 32, 0, 120, 64, 72, 0, 40, 56,
  16, 32, 80, 120, 112, 8, 88, 96, 48, 64, 24, 104, 16, 96, 48, 80, 0, 88, 64, 24, 32, 104, 56, 40, 120, 112, 8, 72, 96, 40, 8, 120, 112,
  104, 32, 80, 0, 56, 48, 24, 72, 16, 64, 88, 104, 88, 56, 112, 96, 8, 24, 72, 40, 0, 120, 32, 64, 48, 16, 80, 48, 120, 112, 72, 88, 24, 0,
  64, 96, 16, 104, 56, 8, 32, 80, 40, 80, 16, 64, 32, 56, 48, 8, 40, 120, 88, 72, 112, 24, 96, 104, 0,
])

// RFC 7693, 2.6.
const IV = memory.data<u64>([
  0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
  0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
])

// @ts-ignore: decorator
@inline
function mix(a: usize, b: usize, c: usize, d: usize, schedule: usize): void {
  const x = load<u64>(BLAKE + 64 + <usize>load<u8>(schedule))
  const y = load<u64>(BLAKE + 64 + <usize>load<u8>(schedule + 1))
  let va = load<u64>(V + a)
  let vb = load<u64>(V + b)
  let vc = load<u64>(V + c)
  let vd = load<u64>(V + d)
  va = va + vb + x
  vd = rotr<u64>(vd ^ va, 32)
  vc = vc + vd
  vb = rotr<u64>(vb ^ vc, 24)
  va = va + vb + y
  vd = rotr<u64>(vd ^ va, 16)
  vc = vc + vd
  vb = rotr<u64>(vb ^ vc, 63)
  store<u64>(V + a, va)
  store<u64>(V + b, vb)
  store<u64>(V + c, vc)
  store<u64>(V + d, vd)
}

/** RFC 7693, 3.2: `rounds` rounds over h, m and t at BLAKE; h is the result. */
export function blake2f(rounds: u32, isLast: bool): void {
  memory.copy(V, BLAKE, 64)
  memory.copy(V + 64, IV, 64)
  store<u64>(V + 96, load<u64>(V + 96) ^ load<u64>(BLAKE + 192))
  store<u64>(V + 104, load<u64>(V + 104) ^ load<u64>(BLAKE + 200))
  if (isLast) store<u64>(V + 112, ~load<u64>(V + 112))
  let row: u32 = 0
  for (let round: u32 = 0; round < rounds; round++) {
    const s = SIGMA + (<usize>row << 4)
    row = row == 9 ? 0 : row + 1
    mix(0, 32, 64, 96, s)
    mix(8, 40, 72, 104, s + 2)
    mix(16, 48, 80, 112, s + 4)
    mix(24, 56, 88, 120, s + 6)
    mix(0, 40, 80, 120, s + 8)
    mix(8, 48, 88, 96, s + 10)
    mix(16, 56, 64, 104, s + 12)
    mix(24, 32, 72, 112, s + 14)
  }
  for (let i: usize = 0; i < 64; i += 8) {
    store<u64>(BLAKE + i, load<u64>(BLAKE + i) ^ load<u64>(V + i) ^ load<u64>(V + 64 + i))
  }
}

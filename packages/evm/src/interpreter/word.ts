import { createEvmKernel } from '@zerog/kernels/evm'

// 256-bit arithmetic on the stack in place. A word is eight 32-bit limbs, the least significant first, in an Int32Array: no operation
// allocates, where a BigInt stack makes two objects for a sum (the value and its low 256 bits). `a` and `b` are limb indices of the top and of
// the item below it; the result replaces `b`.

export function add(s: Int32Array, a: number, b: number): void {
  let carry = 0
  for (let i = 0; i < 8; i++) {
    const x = s[a + i] as number
    const y = s[b + i] as number
    const sum = (x + y + carry) | 0
    s[b + i] = sum
    carry = ((x & y) | ((x | y) & ~sum)) >>> 31
  }
}

/** a - b. */
export function sub(s: Int32Array, a: number, b: number): void {
  let borrow = 0
  for (let i = 0; i < 8; i++) {
    const x = s[a + i] as number
    const y = s[b + i] as number
    const difference = (x - y - borrow) | 0
    s[b + i] = difference
    borrow = ((~x & y) | ((~x | y) & difference)) >>> 31
  }
}

const kernel = createEvmKernel()
const { words } = kernel

// What takes more than some ten nanoseconds is done in WebAssembly, copying included: a product of 256 bits takes 45 ns there and 150 in
// JavaScript, a quotient 100 ns for 200 to 650 (bench/evm.ts).

export function mul(s: Int32Array, a: number, b: number): void {
  load(s, a, b)
  kernel.mul()
  take(s, b)
}

/** a / b, 0 where b is 0. */
export function div(s: Int32Array, a: number, b: number): void {
  load(s, a, b)
  kernel.div()
  take(s, b)
}

/** a mod b, 0 where b is 0. */
export function mod(s: Int32Array, a: number, b: number): void {
  load(s, a, b)
  kernel.mod()
  take(s, b)
}

/** Signed; rounds to zero. The smallest number divided by -1 is itself. */
export function sdiv(s: Int32Array, a: number, b: number): void {
  load(s, a, b)
  kernel.sdiv()
  take(s, b)
}

/** Signed; the sign is that of a. */
export function smod(s: Int32Array, a: number, b: number): void {
  load(s, a, b)
  kernel.smod()
  take(s, b)
}

/** (a + b) mod m, at m; without overflow in between. */
export function addmod(s: Int32Array, a: number, b: number, m: number): void {
  load(s, a, b)
  loadModulus(s, m)
  kernel.addmod()
  take(s, m)
}

/** a * b mod m, at m; without overflow in between. */
export function mulmod(s: Int32Array, a: number, b: number, m: number): void {
  load(s, a, b)
  loadModulus(s, m)
  kernel.mulmod()
  take(s, m)
}

/** a ** b. */
export function exp(s: Int32Array, a: number, b: number): void {
  load(s, a, b)
  kernel.exp()
  take(s, b)
}

function load(s: Int32Array, a: number, b: number): void {
  for (let i = 0; i < 8; i++) {
    words[i] = s[a + i] as number
    words[8 + i] = s[b + i] as number
  }
}

function loadModulus(s: Int32Array, m: number): void {
  for (let i = 0; i < 8; i++) words[16 + i] = s[m + i] as number
}

function take(s: Int32Array, at: number): void {
  for (let i = 0; i < 8; i++) s[at + i] = words[24 + i] as number
}

/** Extends the sign of b, whose highest byte has index a. */
export function signextend(s: Int32Array, a: number, b: number): void {
  const index = small(s, a, 31)
  if (index >= 31) return
  const limb = index >> 2
  const shift = 24 - 8 * (index & 3)
  const extended = ((s[b + limb] as number) << shift) >> shift
  s[b + limb] = extended
  s.fill(extended >> 31, b + limb + 1, b + 8)
}

export function isLess(s: Int32Array, a: number, b: number): boolean {
  for (let i = 7; i >= 0; i--) {
    const x = s[a + i] as number
    const y = s[b + i] as number
    if (x !== y) return x >>> 0 < y >>> 0
  }
  return false
}

/** Two's complement. */
export function isLessSigned(s: Int32Array, a: number, b: number): boolean {
  const x = s[a + 7] as number
  const y = s[b + 7] as number
  return x >> 31 === y >> 31 ? isLess(s, a, b) : x < y
}

export function isEqual(s: Int32Array, a: number, b: number): boolean {
  return (
    s[a] === s[b] &&
    s[a + 1] === s[b + 1] &&
    s[a + 2] === s[b + 2] &&
    s[a + 3] === s[b + 3] &&
    s[a + 4] === s[b + 4] &&
    s[a + 5] === s[b + 5] &&
    s[a + 6] === s[b + 6] &&
    s[a + 7] === s[b + 7]
  )
}

export function isZero(s: Int32Array, a: number): boolean {
  return ((s[a] as number) | highLimbs(s, a)) === 0
}

export function highLimbs(s: Int32Array, a: number): number {
  return (
    (s[a + 1] as number) |
    (s[a + 2] as number) |
    (s[a + 3] as number) |
    (s[a + 4] as number) |
    (s[a + 5] as number) |
    (s[a + 6] as number) |
    (s[a + 7] as number)
  )
}

export function and(s: Int32Array, a: number, b: number): void {
  for (let i = 0; i < 8; i++) s[b + i] = (s[b + i] as number) & (s[a + i] as number)
}

export function or(s: Int32Array, a: number, b: number): void {
  for (let i = 0; i < 8; i++) s[b + i] = (s[b + i] as number) | (s[a + i] as number)
}

export function xor(s: Int32Array, a: number, b: number): void {
  for (let i = 0; i < 8; i++) s[b + i] = (s[b + i] as number) ^ (s[a + i] as number)
}

export function not(s: Int32Array, a: number): void {
  for (let i = 0; i < 8; i++) s[a + i] = ~(s[a + i] as number)
}

/** Byte a of b, the most significant is 0. */
export function byte(s: Int32Array, a: number, b: number): void {
  const index = 31 - small(s, a, 32)
  const value = index < 0 ? 0 : ((s[b + (index >> 2)] as number) >>> (8 * (index & 3))) & 0xff
  setNumber(s, b, value)
}

export function shl(s: Int32Array, a: number, b: number): void {
  const shift = small(s, a, 256)
  const limbs = shift >> 5
  const bits = shift & 31
  for (let i = 7; i >= 0; i--) {
    const high = i - limbs >= 0 ? (s[b + i - limbs] as number) : 0
    const low = i - limbs >= 1 ? (s[b + i - limbs - 1] as number) : 0
    s[b + i] = bits === 0 ? high : (high << bits) | (low >>> (32 - bits))
  }
}

export function shr(s: Int32Array, a: number, b: number): void {
  shiftRight(s, b, small(s, a, 256), 0)
}

/** Keeps the sign. */
export function sar(s: Int32Array, a: number, b: number): void {
  shiftRight(s, b, small(s, a, 256), (s[b + 7] as number) >> 31)
}

function shiftRight(s: Int32Array, b: number, shift: number, fill: number): void {
  if (shift > 0 && shift < 32) {
    const rest = 32 - shift
    for (let i = 0; i < 7; i++) s[b + i] = ((s[b + i] as number) >>> shift) | ((s[b + i + 1] as number) << rest)
    s[b + 7] = ((s[b + 7] as number) >>> shift) | (fill << rest)
    return
  }
  const limbs = shift >> 5
  const bits = shift & 31
  for (let i = 0; i < 8; i++) {
    const low = i + limbs < 8 ? (s[b + i + limbs] as number) : fill
    const high = i + limbs < 7 ? (s[b + i + limbs + 1] as number) : fill
    s[b + i] = bits === 0 ? low : (low >>> bits) | (high << (32 - bits))
  }
}

/** A word as a number, or `max` where it is larger. */
function small(s: Int32Array, at: number, max: number): number {
  const value = (s[at] as number) >>> 0
  return highLimbs(s, at) !== 0 || value > max ? max : value
}

/** Exact up to 2^53, Infinity above. */
export function toNumber(s: Int32Array, at: number): number {
  const low = (s[at] as number) >>> 0
  const high = s[at + 1] as number
  const rest =
    (s[at + 2] as number) |
    (s[at + 3] as number) |
    (s[at + 4] as number) |
    (s[at + 5] as number) |
    (s[at + 6] as number) |
    (s[at + 7] as number)
  if ((rest | high) === 0) return low
  return rest !== 0 || high >>> 0 > 0x1f_ffff ? Number.POSITIVE_INFINITY : (high >>> 0) * 4_294_967_296 + low
}

/** `value` is an integer from 0 to 2^53. */
export function setNumber(s: Int32Array, at: number, value: number): void {
  const high = Math.floor(value / 4_294_967_296)
  s[at] = value - high * 4_294_967_296
  s[at + 1] = high
  s[at + 2] = 0
  s[at + 3] = 0
  s[at + 4] = 0
  s[at + 5] = 0
  s[at + 6] = 0
  s[at + 7] = 0
}

/** `value` is from 0 to 2^31 - 1. */
export function setSmall(s: Int32Array, at: number, value: number): void {
  s[at] = value
  s[at + 1] = 0
  s[at + 2] = 0
  s[at + 3] = 0
  s[at + 4] = 0
  s[at + 5] = 0
  s[at + 6] = 0
  s[at + 7] = 0
}

export function setBoolean(s: Int32Array, at: number, value: boolean): void {
  s[at] = value ? 1 : 0
  s[at + 1] = 0
  s[at + 2] = 0
  s[at + 3] = 0
  s[at + 4] = 0
  s[at + 5] = 0
  s[at + 6] = 0
  s[at + 7] = 0
}

/** Bytes without leading zeros: 0 for zero. */
export function byteLength(s: Int32Array, at: number): number {
  for (let i = 7; i >= 0; i--) {
    const limb = s[at + i] as number
    if (limb !== 0) return 4 * i + 4 - (Math.clz32(limb) >> 3)
  }
  return 0
}

export function copy(s: Int32Array, from: number, to: number): void {
  s[to] = s[from] as number
  s[to + 1] = s[from + 1] as number
  s[to + 2] = s[from + 2] as number
  s[to + 3] = s[from + 3] as number
  s[to + 4] = s[from + 4] as number
  s[to + 5] = s[from + 5] as number
  s[to + 6] = s[from + 6] as number
  s[to + 7] = s[from + 7] as number
}

export function swap(s: Int32Array, a: number, b: number): void {
  for (let i = 0; i < 8; i++) {
    const limb = s[a + i] as number
    s[a + i] = s[b + i] as number
    s[b + i] = limb
  }
}

export function toBigint(s: Int32Array, at: number): bigint {
  let top = 7
  while (top > 0 && s[at + top] === 0) top -= 1
  let value = BigInt((s[at + top] as number) >>> 0)
  for (let i = top - 1; i >= 0; i--) value = (value << 32n) | BigInt((s[at + i] as number) >>> 0)
  return value
}

/** `value` is from 0 to 2^256 - 1. */
export function setBigint(s: Int32Array, at: number, value: bigint): void {
  if (value <= 0xffff_ffff_ffffn) {
    setNumber(s, at, Number(value))
    return
  }
  let rest = value
  for (let i = 0; i < 8; i++) {
    s[at + i] = Number(rest & 0xffff_ffffn)
    rest >>= 32n
  }
}

/** Up to 32 big-endian bytes from `offset`; short ones are a smaller number. */
export function setBytes(s: Int32Array, at: number, bytes: Uint8Array, offset = 0, length = bytes.length - offset): void {
  let end = offset + length
  for (let i = 0; i < 8; i++) {
    if (end - 4 >= offset) {
      s[at + i] =
        ((bytes[end - 4] as number) << 24) |
        ((bytes[end - 3] as number) << 16) |
        ((bytes[end - 2] as number) << 8) |
        (bytes[end - 1] as number)
    } else {
      let limb = 0
      for (let index = offset; index < end; index++) limb = (limb << 8) | (bytes[index] as number)
      s[at + i] = limb
    }
    end -= 4
  }
}

/** 32 big-endian bytes from `offset`, zeros behind the end of `bytes`. */
export function setPadded(s: Int32Array, at: number, bytes: Uint8Array, offset: number): void {
  scratch.fill(0)
  if (offset < bytes.length) scratch.set(bytes.subarray(offset, offset + 32))
  setBytes(s, at, scratch, 0, 32)
}

/** 32 big-endian bytes. */
export function writeBytes(s: Int32Array, at: number, out: Uint8Array, offset = 0): void {
  for (let i = 0; i < 8; i++) {
    const limb = s[at + 7 - i] as number
    const to = offset + 4 * i
    out[to] = limb >>> 24
    out[to + 1] = limb >>> 16
    out[to + 2] = limb >>> 8
    out[to + 3] = limb
  }
}

/** Big-endian without leading zeros: how the state keeps slots. */
export function toStripped(s: Int32Array, at: number): Uint8Array {
  const bytes = new Uint8Array(32)
  writeBytes(s, at, bytes)
  let start = 0
  while (start < 32 && bytes[start] === 0) start += 1
  return start === 0 ? bytes : bytes.slice(start)
}

/** The state key of an address: the low 20 bytes as a latin-1 string. */
export function addressKey(s: Int32Array, at: number): string {
  writeBytes(s, at, scratch)
  return scratch.latin1Slice(12, 32)
}

/** The state key of a slot. */
export function slotKey(s: Int32Array, at: number): string {
  writeBytes(s, at, scratch)
  return scratch.latin1Slice(0, 32)
}

// Node's own method behind toString('latin1'), without its checks.
const scratch = Buffer.alloc(32) as Buffer & { latin1Slice(start: number, end: number): string }

/** The number of bytes in a latin-1 key is 20 or 32. */
export function setKey(s: Int32Array, at: number, key: string): void {
  let end = key.length
  for (let i = 0; i < 8; i++) {
    s[at + i] =
      end < 4
        ? 0
        : (key.charCodeAt(end - 4) << 24) |
          (key.charCodeAt(end - 3) << 16) |
          (key.charCodeAt(end - 2) << 8) |
          key.charCodeAt(end - 1)
    end -= 4
  }
}

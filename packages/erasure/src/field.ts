/**
 * GF(2^16) as Leopard represents it: polynomial 0x1002D, elements written in a Cantor basis, so that addition is XOR and the
 * transform needs few distinct factors. Logarithms run modulo 65535; as a factor's logarithm 65535 stands for 0 in `skew` and
 * for 1 elsewhere (catid/leopard LeopardFF16.cpp; klauspost/reedsolomon leopard.go).
 */
export type FieldTables = {
  /** log[x], 65536 entries; log[0] = 65535. */
  readonly log: Uint16Array
  /** exp[l], 65536 entries; exp[65535] = exp[0] = 1. */
  readonly exp: Uint16Array
  /** Logarithms of the transform's factors, 65535 entries; 65535 = factor zero. */
  readonly skew: Uint16Array
  /** Walsh transform of the logarithms, 65536 entries, for the error locator. */
  readonly logWalsh: Uint16Array
}

export const MODULUS = 65_535
const ORDER = 65_536
const BITS = 16
const POLYNOMIAL = 0x1002d
const CANTOR_BASIS = [
  0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900, 0xfdb8, 0xfb34, 0xff38, 0x991e,
]

let made: FieldTables | undefined

/** The tables, made at the first use (a few milliseconds, 0.5 MB). */
export function fieldTables(): FieldTables {
  made ??= makeTables()
  return made
}

/** Sum of two logarithms. */
export function addLogs(a: number, b: number): number {
  const sum = a + b
  return (sum + (sum >>> BITS)) & MODULUS
}

/** Difference of two logarithms. */
export function subtractLogs(a: number, b: number): number {
  const difference = (a - b) >>> 0
  return (difference + (difference >>> BITS)) & MODULUS
}

/** `value` times the element whose logarithm is `log`. */
export function multiplyByLog(value: number, log: number): number {
  const tables = fieldTables()
  return value === 0 ? 0 : at(tables.exp, addLogs(at(tables.log, value), log))
}

export function multiply(a: number, b: number): number {
  return b === 0 ? 0 : multiplyByLog(a, at(fieldTables().log, b))
}

/** Walsh-Hadamard transform of 65536 logarithms, in place. */
export function walshTransform(values: Uint16Array): void {
  for (let half = 1; half < ORDER; half *= 2) {
    for (let block = 0; block < ORDER; block += 2 * half) {
      for (let i = block; i < block + half; i++) {
        const a = at(values, i)
        const b = at(values, i + half)
        values[i] = addLogs(a, b)
        values[i + half] = subtractLogs(a, b)
      }
    }
  }
}

/** An element that exists: every caller stays within the table. */
export function at(table: Uint16Array | Uint8Array, index: number): number {
  return table[index] as number
}

function makeTables(): FieldTables {
  const { log, exp } = makeLogarithms()
  const logWalsh = log.slice()
  logWalsh[0] = 0
  walshTransform(logWalsh)
  return { log, exp, skew: makeSkew(log, exp), logWalsh }
}

function makeLogarithms(): { log: Uint16Array; exp: Uint16Array } {
  const exp = new Uint16Array(ORDER)
  const log = new Uint16Array(ORDER)
  // First exp holds the logarithms of the shift register's states, and log the states of the basis elements' sums.
  for (let power = 0, state = 1; power < MODULUS; power++) {
    exp[state] = power
    state <<= 1
    if (state >= ORDER) state ^= POLYNOMIAL
  }
  exp[0] = MODULUS
  for (let bit = 0; bit < BITS; bit++) {
    const width = 2 ** bit
    for (let j = 0; j < width; j++) log[j + width] = at(log, j) ^ (CANTOR_BASIS[bit] as number)
  }
  for (let i = 0; i < ORDER; i++) log[i] = at(exp, at(log, i))
  for (let i = 0; i < ORDER; i++) exp[at(log, i)] = i
  exp[MODULUS] = at(exp, 0)
  return { log, exp }
}

function makeSkew(log: Uint16Array, exp: Uint16Array): Uint16Array {
  const times = (value: number, by: number): number => (value === 0 ? 0 : at(exp, addLogs(at(log, value), by)))
  const skew = new Uint16Array(MODULUS)
  const basis = Uint16Array.from({ length: BITS - 1 }, (_, bit) => 2 ** (bit + 1))
  for (let m = 0; m < BITS - 1; m++) {
    const step = 2 ** (m + 1)
    const first = 2 ** m - 1
    skew[first] = 0
    for (let i = m; i < BITS - 1; i++) {
      const width = 2 ** (i + 1)
      for (let j = first; j < width; j += step) skew[j + width] = at(skew, j) ^ at(basis, i)
    }
    const pivot = at(basis, m)
    basis[m] = MODULUS - at(log, times(pivot, at(log, pivot ^ 1)))
    for (let i = m + 1; i < BITS - 1; i++) {
      const value = at(basis, i)
      basis[i] = times(value, addLogs(at(log, value ^ 1), at(basis, m)))
    }
  }
  for (let i = 0; i < MODULUS; i++) skew[i] = at(log, at(skew, i))
  return skew
}

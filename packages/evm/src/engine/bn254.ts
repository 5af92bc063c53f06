import { assert, bytesToBigint } from '@zerog/primitives'

// The curve of EIP-196 and EIP-197 by mcl in WebAssembly, ten times as fast as plain JavaScript. mcl knows one curve per instance, and the
// instance behind `mcl-wasm` has BLS12-381, so this is a second one, worked through its C functions on memory of its own.

/** The order of the field that coordinates are of. */
const FIELD_ORDER = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47n
const COORDINATE_BYTES = 32
export const BN254_G1_BYTES = 2 * COORDINATE_BYTES
export const BN254_PAIR_BYTES = 6 * COORDINATE_BYTES
/** Pairs whose product mcl takes at once. */
const PAIRS_PER_PART = 64

/** mcl's number of the curve, and what its build is made for: MCLBN_FR_UNIT_SIZE * 10 + MCLBN_FP_UNIT_SIZE. */
const BN_SNARK1 = 4
const COMPILED_TIME_VAR = 46
/** Bytes of mcl's elements: a coordinate, three of them for a point, twice that in G2, twelve of them for GT. */
const FP_BYTES = 48
const G1_BYTES = 3 * FP_BYTES
const G2_BYTES = 6 * FP_BYTES
const GT_BYTES = 12 * FP_BYTES

/** Pointers are numbers. */
type Raw = {
  readonly wasmMemory: WebAssembly.Memory
  readonly _malloc: (bytes: number) => number
  readonly _mclBn_init: (curve: number, compiledTimeVar: number) => number
  readonly _mclBn_verifyOrderG2: (doVerify: number) => void
  readonly _mclBnFp_setBigEndianMod: (out: number, bytes: number, length: number) => number
  readonly _mclBnFp_setInt32: (out: number, value: number) => void
  readonly _mclBnFp_getLittleEndian: (out: number, max: number, element: number) => number
  readonly _mclBnFr_setBigEndianMod: (out: number, bytes: number, length: number) => number
  readonly _mclBnG1_isValid: (point: number) => number
  readonly _mclBnG1_isZero: (point: number) => number
  readonly _mclBnG1_add: (out: number, a: number, b: number) => void
  readonly _mclBnG1_mul: (out: number, point: number, scalar: number) => void
  readonly _mclBnG1_normalize: (out: number, point: number) => void
  readonly _mclBnG2_isValid: (point: number) => number
  readonly _mclBnG2_isValidOrder: (point: number) => number
  readonly _mclBn_millerLoopVec: (out: number, g1: number, g2: number, count: number) => void
  readonly _mclBn_finalExp: (out: number, element: number) => void
  readonly _mclBnGT_isOne: (element: number) => number
  readonly _mclBnGT_mul: (out: number, a: number, b: number) => void
}

type Loaded = {
  readonly raw: Raw
  readonly bytes: number
  readonly scalar: number
  readonly a: number
  readonly b: number
  readonly g1s: number
  readonly g2s: number
  readonly product: number
  readonly part: number
}

let loading: Promise<void> | undefined
let loaded: Loaded | undefined

export const isBn254Loaded = (): boolean => loaded !== undefined

/** Compiles mcl once per thread, at the first use. */
export function loadBn254(): Promise<void> {
  loading ??= load()
  return loading
}

async function load(): Promise<void> {
  const { default: createModule } = (await import('mcl-wasm/dist/mcl_c.js')) as unknown as {
    default: (options: object) => Promise<Raw>
  } // it is CommonJS, without types
  const raw = await createModule({})
  assert(raw._mclBn_init(BN_SNARK1, COMPILED_TIME_VAR) === 0, 'mcl knows the curve')
  // Checked below where the EIP wants it.
  raw._mclBn_verifyOrderG2(0)
  loaded = {
    raw,
    bytes: raw._malloc(COORDINATE_BYTES),
    scalar: raw._malloc(FP_BYTES),
    a: raw._malloc(G1_BYTES),
    b: raw._malloc(G1_BYTES),
    g1s: raw._malloc(PAIRS_PER_PART * G1_BYTES),
    g2s: raw._malloc(PAIRS_PER_PART * G2_BYTES),
    product: raw._malloc(GT_BYTES),
    part: raw._malloc(GT_BYTES),
  }
}

function library(): Loaded {
  assert(loaded !== undefined, 'loadBn254 was awaited')
  return loaded
}

/** Sum of two points of 64 bytes. Undefined if one is not on the curve. */
export function bn254Sum(input: Uint8Array): Uint8Array | undefined {
  const { raw, a, b } = library()
  if (!readG1(input, 0, a) || !readG1(input, BN254_G1_BYTES, b)) return undefined
  raw._mclBnG1_add(a, a, b)
  return writeG1(a)
}

/** A point of 64 bytes times a number of 32. */
export function bn254Product(input: Uint8Array): Uint8Array | undefined {
  const { raw, a, scalar } = library()
  if (!readG1(input, 0, a)) return undefined
  raw._mclBnFr_setBigEndianMod(scalar, put(input, BN254_G1_BYTES), COORDINATE_BYTES)
  raw._mclBnG1_mul(a, a, scalar)
  return writeG1(a)
}

/** Whether the product of the pairings is one; undefined if a point is not on its curve or in its group. */
export function bn254PairingHolds(input: Uint8Array): boolean | undefined {
  const { raw, g1s, g2s, product, part } = library()
  let pairs = 0
  let parts = 0
  const flush = (): void => {
    if (pairs === 0) return
    raw._mclBn_millerLoopVec(parts === 0 ? product : part, g1s, g2s, pairs)
    if (parts > 0) raw._mclBnGT_mul(product, product, part)
    parts += 1
    pairs = 0
  }
  for (let at = 0; at < input.length; at += BN254_PAIR_BYTES) {
    const [g1, g2] = [g1s + pairs * G1_BYTES, g2s + pairs * G2_BYTES]
    if (!readG1(input, at, g1) || !readG2(input, at + BN254_G1_BYTES, g2)) return undefined
    // Infinity makes a factor of one.
    if (isZero(input, at, BN254_G1_BYTES) || isZero(input, at + BN254_G1_BYTES, 2 * BN254_G1_BYTES)) continue
    pairs += 1
    if (pairs === PAIRS_PER_PART) flush()
  }
  flush()
  if (parts === 0) return true
  raw._mclBn_finalExp(product, product)
  return raw._mclBnGT_isOne(product) === 1
}

/** Copies 32 bytes into mcl's memory, which may have grown since the last time. */
function put(input: Uint8Array, offset: number): number {
  const { raw, bytes } = library()
  new Uint8Array(raw.wasmMemory.buffer).set(input.subarray(offset, offset + COORDINATE_BYTES), bytes)
  return bytes
}

/** Coordinates must be reduced. */
function readFp(input: Uint8Array, offset: number, out: number): boolean {
  if (bytesToBigint(input.subarray(offset, offset + COORDINATE_BYTES)) >= FIELD_ORDER) return false
  return library().raw._mclBnFp_setBigEndianMod(out, put(input, offset), COORDINATE_BYTES) === 0
}

function readG1(input: Uint8Array, offset: number, out: number): boolean {
  const { raw } = library()
  if (isZero(input, offset, BN254_G1_BYTES)) {
    new Uint8Array(raw.wasmMemory.buffer).fill(0, out, out + G1_BYTES)
    return true
  }
  if (!readFp(input, offset, out) || !readFp(input, offset + COORDINATE_BYTES, out + FP_BYTES)) return false
  raw._mclBnFp_setInt32(out + 2 * FP_BYTES, 1)
  return raw._mclBnG1_isValid(out) === 1
}

/** Imaginary parts come first (EIP-197). The point must be in the subgroup. */
function readG2(input: Uint8Array, offset: number, out: number): boolean {
  const { raw } = library()
  const memory = new Uint8Array(raw.wasmMemory.buffer)
  memory.fill(0, out, out + G2_BYTES)
  if (isZero(input, offset, 2 * BN254_G1_BYTES)) return true
  for (const [index, place] of [1, 0, 3, 2].entries()) {
    if (!readFp(input, offset + index * COORDINATE_BYTES, out + place * FP_BYTES)) return false
  }
  raw._mclBnFp_setInt32(out + 4 * FP_BYTES, 1)
  return raw._mclBnG2_isValid(out) === 1 && raw._mclBnG2_isValidOrder(out) === 1
}

function writeG1(point: number): Uint8Array {
  const { raw, bytes } = library()
  const out = new Uint8Array(BN254_G1_BYTES)
  if (raw._mclBnG1_isZero(point) === 1) return out
  raw._mclBnG1_normalize(point, point)
  for (let index = 0; index < 2; index++) {
    const length = raw._mclBnFp_getLittleEndian(bytes, COORDINATE_BYTES, point + index * FP_BYTES)
    const little = new Uint8Array(raw.wasmMemory.buffer, bytes, length)
    for (let i = 0; i < length; i++) out[(index + 1) * COORDINATE_BYTES - 1 - i] = little[i] as number
  }
  return out
}

function isZero(input: Uint8Array, offset: number, length: number): boolean {
  for (let index = offset; index < offset + length; index++) if (input[index] !== 0) return false
  return true
}

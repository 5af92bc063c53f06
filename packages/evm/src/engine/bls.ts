import { assert, bytesToBigint } from '@zerog/primitives'
import type * as Mcl from 'mcl-wasm'

// The functions of EIP-2537 by mcl in WebAssembly: a pairing of two pairs takes 4 ms where noble takes 36. Gas, lengths and the zeros in front
// of coordinates are the interpreter's business; here points are parsed strictly, because every node must refuse the same inputs.

const COORDINATE_BYTES = 64
/** Big-endian bytes of a field element at the end of a coordinate. */
const PADDING_BYTES = 16
const G1_BYTES = 2 * COORDINATE_BYTES
const G2_BYTES = 4 * COORDINATE_BYTES
const SCALAR_BYTES = 32
/** Terms that mcl multiplies at once: it keeps them on a stack of 1 MiB, which 3,000 terms overflow. */
const TERMS_PER_PART = 128

type Loaded = { readonly mcl: typeof Mcl; readonly one: Mcl.Fp; readonly one2: Mcl.Fp2 }

let loading: Promise<void> | undefined
let loaded: Loaded | undefined

/** Whether `address` is one of the precompiles 0x0b to 0x11, which need `loadBls`. */
export function isBlsPrecompile(address: Uint8Array): boolean {
  const last = address[19] as number // an address has 20 bytes
  return last >= 0x0b && last <= 0x11 && address.every((byte, index) => index === 19 || byte === 0)
}

export const isBlsLoaded = (): boolean => loaded !== undefined

/** Compiles mcl, once per thread, some 100 ms: at the first use, since most processes never need it. */
export function loadBls(): Promise<void> {
  loading ??= load()
  return loading
}

async function load(): Promise<void> {
  const { default: mcl } = (await import('mcl-wasm')) as unknown as { default: typeof Mcl } // it is CommonJS
  await mcl.init(mcl.BLS12_381)
  mcl.setMapToMode(mcl.IRTF) // RFC 9380
  mcl.setETHserialization(true) // big-endian
  // Checked where the EIP wants it, and not by every parse.
  mcl.verifyOrderG1(false)
  mcl.verifyOrderG2(false)
  const [one, one2] = [new mcl.Fp(), new mcl.Fp2()]
  one.setInt(1)
  one2.setInt(1, 0)
  loaded = { mcl, one, one2 }
}

/** The name of EIP-2537's operations; each takes and gives points as the EIP encodes them. */
export type BlsOperation = 'addG1' | 'msmG1' | 'addG2' | 'msmG2' | 'pairingCheck' | 'mapFPtoG1' | 'mapFP2toG2'

/** Throws for whatever is no point of the curve or, where it matters, of the subgroup. */
export const chainBls: Readonly<Record<BlsOperation, (input: Uint8Array) => Uint8Array>> = {
  addG1: (input) => writeG1(library().mcl.add(readG1(input, 0, false), readG1(input, G1_BYTES, false))),
  addG2: (input) => writeG2(library().mcl.add(readG2(input, 0, false), readG2(input, G2_BYTES, false))),
  mapFPtoG1: (input) => writeG1(readFp(input, 0).mapToG1()),
  mapFP2toG2: (input) => writeG2(readFp2(input, 0).mapToG2()),
  msmG1: (input) => writeG1(sumOfProducts(input, G1_BYTES, readG1, () => new (library().mcl.G1)())),
  msmG2: (input) => writeG2(sumOfProducts(input, G2_BYTES, readG2, () => new (library().mcl.G2)())),
  pairingCheck(input) {
    const { mcl } = library()
    let product: Mcl.GT | undefined
    for (let offset = 0; offset < input.length; offset += G1_BYTES + G2_BYTES) {
      const [g1, g2] = [readG1(input, offset, true), readG2(input, offset + G1_BYTES, true)]
      if (g1.isZero() || g2.isZero()) continue // a factor of one
      const factor = mcl.millerLoop(g1, g2)
      product = product === undefined ? factor : mcl.mul(product, factor)
    }
    const result = new Uint8Array(32)
    result[31] = product === undefined || mcl.finalExp(product).isOne() ? 1 : 0
    return result
  },
}

/** tau * G2 of Ethereum's KZG ceremony: `g2_monomial[1]` of the public trusted setup (EIP-4844). */
export const KZG_TAU_G2 =
  'b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2'
const GENERATOR_G1 = '97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb'
const GENERATOR_G2 =
  '93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8'

type KzgSetup = { readonly g1: Mcl.G1; readonly g2: Mcl.G2; readonly minusG2: Mcl.G2; readonly tau: Mcl.G2 }
let setup: KzgSetup | undefined

/**
 * EIP-4844 point evaluation: whether the polynomial behind `commitment` has the value `y` at `z`. Compressed points of 48 bytes, scalars
 * of 32 big-endian. Throws for what is no point of the group and for scalars that are not reduced. Needs `loadBls`.
 */
export function verifyPointEvaluation({
  commitment,
  z,
  y,
  proof,
}: Readonly<Record<'commitment' | 'z' | 'y' | 'proof', Uint8Array>>): boolean {
  const { mcl } = library()
  setup ??= kzgSetup()
  const { g1, g2, minusG2, tau } = setup
  const [value, at] = [readScalar(y), readScalar(z)]
  const left = mcl.sub(readCompressed(commitment), mcl.mul(g1, value))
  const right = mcl.sub(tau, mcl.mul(g2, at))
  const quotient = readCompressed(proof)
  // e(C - y G1, -G2) * e(proof, tau G2 - z G2) = 1; infinity makes a factor of one.
  const factors = [
    ...(left.isZero() ? [] : [mcl.millerLoop(left, minusG2)]),
    ...(quotient.isZero() || right.isZero() ? [] : [mcl.millerLoop(quotient, right)]),
  ]
  const [first, second] = factors
  if (first === undefined) return true
  return mcl.finalExp(second === undefined ? first : mcl.mul(first, second)).isOne()
}

function kzgSetup(): KzgSetup {
  const { mcl } = library()
  const g1 = new mcl.G1()
  g1.deserializeHexStr(GENERATOR_G1)
  const [g2, tau] = [new mcl.G2(), new mcl.G2()]
  g2.deserializeHexStr(GENERATOR_G2)
  tau.deserializeHexStr(KZG_TAU_G2)
  return { g1, g2, minusG2: mcl.neg(g2), tau }
}

function readScalar(bytes: Uint8Array): Mcl.Fr {
  if (bytesToBigint(bytes) >= GROUP_ORDER) throw invalid()
  const scalar = new (library().mcl.Fr)()
  scalar.setBigEndianMod(bytes)
  return scalar
}

/** A point of 48 bytes in the form that the BLS signature draft gives it; the library takes more than that. */
function readCompressed(bytes: Uint8Array): Mcl.G1 {
  const point = new (library().mcl.G1)()
  const flags = (bytes[0] as number) & 0xe0
  if (flags === 0xc0) {
    if (bytes[0] !== 0xc0 || !isZero(bytes, 1, bytes.length - 1)) throw invalid()
    return point
  }
  if (flags !== 0x80 && flags !== 0xa0) throw invalid()
  const x = bytes.slice()
  x[0] = (x[0] as number) & 0x1f
  if (bytesToBigint(x) >= FIELD_ORDER) throw invalid()
  try {
    point.deserialize(bytes)
  } catch {
    throw invalid()
  }
  if (point.isZero() || !point.isValid() || !point.isValidOrder()) throw invalid()
  return point
}

const FIELD_ORDER = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn
const GROUP_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n

function library(): Loaded {
  assert(loaded !== undefined, 'loadBls was awaited')
  return loaded
}

/** Points beside scalars; terms of nothing are left out, which the library's batch does not promise to do. */
function sumOfProducts<P extends Mcl.G1 | Mcl.G2>(
  input: Uint8Array,
  pointBytes: number,
  read: (input: Uint8Array, offset: number, inSubgroup: boolean) => P,
  zero: () => P,
): P {
  const { mcl } = library()
  let sum = zero()
  let points: P[] = []
  let scalars: Mcl.Fr[] = []
  const flush = (): void => {
    if (points.length > 0) sum = mcl.add(sum, mcl.mulVec(points, scalars))
    points = []
    scalars = []
  }
  for (let offset = 0; offset < input.length; offset += pointBytes + SCALAR_BYTES) {
    const point = read(input, offset, true)
    const scalar = new mcl.Fr()
    scalar.setBigEndianMod(input.subarray(offset + pointBytes, offset + pointBytes + SCALAR_BYTES))
    if (point.isZero() || scalar.isZero()) continue
    points.push(point)
    scalars.push(scalar)
    if (points.length === TERMS_PER_PART) flush()
  }
  flush()
  return sum
}

function readG1(input: Uint8Array, offset: number, inSubgroup: boolean): Mcl.G1 {
  const { mcl, one } = library()
  const point = new mcl.G1()
  if (isZero(input, offset, G1_BYTES)) return point
  point.setX(readFp(input, offset))
  point.setY(readFp(input, offset + COORDINATE_BYTES))
  point.setZ(one)
  if (!point.isValid() || (inSubgroup && !point.isValidOrder())) throw invalid()
  return point
}

function readG2(input: Uint8Array, offset: number, inSubgroup: boolean): Mcl.G2 {
  const { mcl, one2 } = library()
  const point = new mcl.G2()
  if (isZero(input, offset, G2_BYTES)) return point
  point.setX(readFp2(input, offset))
  point.setY(readFp2(input, offset + 2 * COORDINATE_BYTES))
  point.setZ(one2)
  if (!point.isValid() || (inSubgroup && !point.isValidOrder())) throw invalid()
  return point
}

function readFp2(input: Uint8Array, offset: number): Mcl.Fp2 {
  const element = new (library().mcl.Fp2)()
  element.set_a(readFp(input, offset))
  element.set_b(readFp(input, offset + COORDINATE_BYTES))
  return element
}

function readFp(input: Uint8Array, offset: number): Mcl.Fp {
  if (!isZero(input, offset, PADDING_BYTES)) throw invalid()
  const element = new (library().mcl.Fp)()
  try {
    element.deserialize(input.subarray(offset + PADDING_BYTES, offset + COORDINATE_BYTES))
  } catch {
    throw invalid() // not below the order of the field
  }
  return element
}

function writeG1(point: Mcl.G1): Uint8Array {
  const out = new Uint8Array(G1_BYTES)
  if (point.isZero()) return out
  point.normalize()
  writeFp(point.getX(), out, 0)
  writeFp(point.getY(), out, COORDINATE_BYTES)
  return out
}

function writeG2(point: Mcl.G2): Uint8Array {
  const out = new Uint8Array(G2_BYTES)
  if (point.isZero()) return out
  point.normalize()
  for (const [index, coordinate] of [point.getX(), point.getY()].entries()) {
    writeFp(coordinate.get_a(), out, 2 * index * COORDINATE_BYTES)
    writeFp(coordinate.get_b(), out, (2 * index + 1) * COORDINATE_BYTES)
  }
  return out
}

function writeFp(element: Mcl.Fp, out: Uint8Array, offset: number): void {
  out.set(element.serialize(), offset + PADDING_BYTES)
}

function isZero(input: Uint8Array, offset: number, length: number): boolean {
  for (let index = offset; index < offset + length; index++) if (input[index] !== 0) return false
  return true
}

function invalid(): Error {
  return new Error('not a point of the curve')
}

import type { Precompile } from './precompile.ts'

const INPUT_BYTES = 213

/** 0x09: the compression function of BLAKE2b with a given number of rounds (EIP-152). */
export const blake2f: Precompile = {
  gas: (input) => (input.length === INPUT_BYTES ? rounds(input) : 0),
  run: (input) => {
    if (input.length !== INPUT_BYTES) return 'invalid input length'
    const last = input[212] as number
    if (last > 1) return 'invalid final flag'
    const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
    const h = Uint32Array.from({ length: 16 }, (_, index) => view.getUint32(4 + 4 * index, true))
    const m = Uint32Array.from({ length: 32 }, (_, index) => view.getUint32(68 + 4 * index, true))
    const t = Uint32Array.from({ length: 4 }, (_, index) => view.getUint32(196 + 4 * index, true))
    const out = new DataView(new ArrayBuffer(64))
    compress(rounds(input), { h, m, t, isLast: last === 1 })
    h.forEach((half, index) => void out.setUint32(4 * index, half, true))
    return new Uint8Array(out.buffer)
  },
}

function rounds(input: Uint8Array): number {
  return new DataView(input.buffer, input.byteOffset, 4).getUint32(0)
}

// RFC 7693, 2.7: the message schedule.
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
].map((row) => Uint8Array.from(row))

// RFC 7693, 2.6, as halves, low first.
const IV = Uint32Array.of(
  0xf3bcc908,
  0x6a09e667,
  0x84caa73b,
  0xbb67ae85,
  0xfe94f82b,
  0x3c6ef372,
  0x5f1d36f1,
  0xa54ff53a,
  0xade682d1,
  0x510e527f,
  0x2b3e6c1f,
  0x9b05688c,
  0xfb41bd6b,
  0x1f83d9ab,
  0x137e2179,
  0x5be0cd19,
)

type State = { readonly h: Uint32Array; readonly m: Uint32Array; readonly t: Uint32Array; readonly isLast: boolean }

const v = new Int32Array(32)

/** RFC 7693, 3.2. 64-bit words are two halves each, low first. */
function compress(count: number, { h, m, t, isLast }: State): void {
  for (let i = 0; i < 16; i++) {
    v[i] = h[i] as number
    v[16 + i] = IV[i] as number
  }
  for (let i = 0; i < 4; i++) v[24 + i] = (v[24 + i] as number) ^ (t[i] as number)
  if (isLast) {
    v[28] = ~(v[28] as number)
    v[29] = ~(v[29] as number)
  }
  for (let round = 0; round < count; round++) {
    const s = SIGMA[round % 10] as Uint8Array
    mix(0, 8, 16, 24, m, s, 0)
    mix(2, 10, 18, 26, m, s, 2)
    mix(4, 12, 20, 28, m, s, 4)
    mix(6, 14, 22, 30, m, s, 6)
    mix(0, 10, 20, 30, m, s, 8)
    mix(2, 12, 22, 24, m, s, 10)
    mix(4, 14, 16, 26, m, s, 12)
    mix(6, 8, 18, 28, m, s, 14)
  }
  for (let i = 0; i < 16; i++) h[i] = (h[i] as number) ^ (v[i] as number) ^ (v[16 + i] as number)
}

/** G of RFC 7693, 3.1. Many arguments instead of an object: it is called eight times per round, a round costs one gas. */
function mix(a: number, b: number, c: number, d: number, m: Uint32Array, s: Uint8Array, at: number): void {
  const x = 2 * (s[at] as number)
  const y = 2 * (s[at + 1] as number)
  let al = v[a] as number
  let ah = v[a + 1] as number
  let bl = v[b] as number
  let bh = v[b + 1] as number
  let cl = v[c] as number
  let ch = v[c + 1] as number
  let dl = v[d] as number
  let dh = v[d + 1] as number
  let low = (al >>> 0) + (bl >>> 0) + (m[x] as number)
  ah = (ah + bh + (m[x + 1] as number) + Math.floor(low / 4_294_967_296)) | 0
  al = low | 0
  // d = (d ^ a) >>> 32
  const swap = dl ^ al
  dl = dh ^ ah
  dh = swap
  low = (cl >>> 0) + (dl >>> 0)
  ch = (ch + dh + Math.floor(low / 4_294_967_296)) | 0
  cl = low | 0
  // b = (b ^ c) >>> 24
  let xl = bl ^ cl
  let xh = bh ^ ch
  bl = (xl >>> 24) | (xh << 8)
  bh = (xh >>> 24) | (xl << 8)
  low = (al >>> 0) + (bl >>> 0) + (m[y] as number)
  ah = (ah + bh + (m[y + 1] as number) + Math.floor(low / 4_294_967_296)) | 0
  al = low | 0
  // d = (d ^ a) >>> 16
  xl = dl ^ al
  xh = dh ^ ah
  dl = (xl >>> 16) | (xh << 16)
  dh = (xh >>> 16) | (xl << 16)
  low = (cl >>> 0) + (dl >>> 0)
  ch = (ch + dh + Math.floor(low / 4_294_967_296)) | 0
  cl = low | 0
  // b = (b ^ c) >>> 63
  xl = bl ^ cl
  xh = bh ^ ch
  bl = (xh >>> 31) | (xl << 1)
  bh = (xl >>> 31) | (xh << 1)
  v[a] = al
  v[a + 1] = ah
  v[b] = bl
  v[b + 1] = bh
  v[c] = cl
  v[c + 1] = ch
  v[d] = dl
  v[d + 1] = dh
}

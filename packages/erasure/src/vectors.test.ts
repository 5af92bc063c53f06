import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { fromHex, toHex } from '@zerog/primitives'
import { defaultEngine } from './default-engine.ts'
import { encodeRows } from './encode.ts'
import { fieldTables, multiply } from './field.ts'
import { plainEngine } from './plain.ts'
import type { Layout } from './shape.ts'
import { deriveCoefficients, rlcAt, transcriptSeed } from './transcript.ts'

type Vector = Layout & { input: 'last-byte' | 'dense'; commitment: string; rowRoot: string; seed?: string; rlcRoot?: string } & {
  firstCoefficient?: string
  lastCoefficient?: string
  rlc?: string[]
  parityLastSymbol?: string[]
}
type Field = {
  log: Record<string, number>
  exp: Record<string, number>
  products: [number, number, number][]
  skewFirst: number[]
  skewLast: number
  logWalshFirst: number[]
}

const { field, vectors } = JSON.parse(readFileSync(new URL('../../../tests/vectors/erasure.json', import.meta.url), 'utf8')) as {
  field: Field
  vectors: Vector[]
}

describe('the field', () => {
  it('has the published logarithms, factors and products', () => {
    const { log, exp, skew, logWalsh } = fieldTables()
    for (const [value, expected] of Object.entries(field.log)) expect(log[Number(value)]).toBe(expected)
    for (const [value, expected] of Object.entries(field.exp)) expect(exp[Number(value)]).toBe(expected)
    for (const [a, b, product] of field.products) expect(multiply(a, b)).toBe(product)
    expect([...skew.subarray(0, 8)]).toEqual(field.skewFirst)
    expect(skew.at(-1)).toBe(field.skewLast)
    expect([...logWalsh.subarray(0, 5)].map((value) => value % 65_535)).toEqual(
      field.logWalshFirst.map((value) => value % 65_535),
    )
  })

  it('multiplies with the laws of a field', () => {
    for (let a = 1; a < 65_536; a += 977) {
      expect([multiply(a, 1), multiply(1, a), multiply(a, 0), multiply(0, a)]).toEqual([a, a, 0, 0])
      for (let b = 3; b < 65_536; b += 8_191) {
        expect(multiply(a, b)).toBe(multiply(b, a))
        expect(multiply(a, b ^ 0x1357)).toBe(multiply(a, b) ^ multiply(a, 0x1357))
      }
    }
  })
})

describe.each([
  ['plain TypeScript', plainEngine],
  ['the default engine', defaultEngine()],
])('%s gives the published bytes', (_, engine) => {
  it.each(vectors.map((vector) => [`${vector.k} + ${vector.n} rows of ${vector.rowBytes}, ${vector.input}`, vector] as const))(
    '%s',
    (_, vector) => {
      const encoded = encodeRows(input(vector), { k: vector.k, n: vector.n, rowBytes: vector.rowBytes }, { engine })
      expect(toHex(encoded.rowRoot)).toBe(vector.rowRoot)
      expect(toHex(encoded.commitment)).toBe(vector.commitment)
      if (vector.rlc === undefined) return
      expect(toHex(transcriptSeed(fromHex(vector.rowRoot), encoded.layout))).toBe(vector.seed)
      const coefficients = new Uint8Array(deriveCoefficients(encoded.rowRoot, encoded.layout).buffer)
      expect(toHex(coefficients.subarray(0, 16))).toBe(vector.firstCoefficient)
      expect(toHex(coefficients.subarray(-16))).toBe(vector.lastCoefficient)
      expect(vector.rlc.map((_, index) => toHex(rlcAt(encoded.rlc, index)))).toEqual(vector.rlc)
      expect(toHex(encoded.rlcRoot)).toBe(vector.rlcRoot)
      expect(Array.from({ length: vector.n }, (_, index) => lastSymbol(encoded.row(vector.k + index)))).toEqual(
        vector.parityLastSymbol,
      )
    },
  )
})

function input({ input: rule, k, rowBytes }: Vector): Uint8Array {
  const rows = new Uint8Array(k * rowBytes)
  if (rule === 'last-byte') for (let row = 0; row < k; row++) rows[(row + 1) * rowBytes - 1] = row + 1
  else for (let index = 0; index < rows.length; index++) rows[index] = (index * 31 + 7) & 0xff
  return rows
}

/** Four digits, as a number is written: high byte, low byte. */
function lastSymbol(row: Uint8Array): string {
  const low = row.at(-33) as number
  const high = row.at(-1) as number
  return ((high << 8) | low).toString(16).padStart(4, '0')
}

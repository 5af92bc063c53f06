import { describe, expect, it } from '@jest/globals'
import { concatBytes, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { type Encoded, encodePayload } from './encode.ts'
import { RLC_BYTES } from './limits.ts'
import { merkleTree } from './merkle.ts'
import { plainEngine } from './plain.ts'
import type { RowProof, StandaloneProof } from './proof.ts'
import { rowBytesFor, type Shape } from './shape.ts'
import { standaloneFrom } from './standalone.ts'
import { bytesOf, flipped, refusal } from './testing.ts'
import { commitmentOf, deriveCoefficients, rlcAt, rlcRootOf } from './transcript.ts'
import { createVerifier, verifyStandalone } from './verify.ts'
import { decodeProof, encodeProof } from './wire.ts'

const shape: Shape = { k: 8, n: 24 }
const encoded = encodePayload(bytesOf(900, 1), { ...shape, rowBytes: rowBytesFor(900, 8) })
const verifier = (changed: Partial<Pick<Encoded, 'commitment' | 'rlc'>> & { rowRoot?: Uint8Array } = {}, of: Shape = shape) =>
  createVerifier({ shape: of, commitment: encoded.commitment, rlc: encoded.rlc, ...changed })
const index = fc.nat(shape.k + shape.n - 1)
const bit = fc.nat(2 ** 20)

/** The same rows in one piece. */
function packed(rows: readonly RowProof[]) {
  return { indexes: rows.map((row) => row.index), bytes: concatBytes(...rows.flatMap(({ row, path }) => [row, ...path])) }
}

describe('rows in one piece', () => {
  const rowBytes = encoded.layout.rowBytes
  const subject = (known: boolean) =>
    createVerifier({
      shape,
      commitment: encoded.commitment,
      rlc: encoded.rlc,
      rowBytes,
      ...(known && { rowRoot: encoded.rowRoot }),
    })

  it('pass as one by one, with the root known and without', () => {
    const all = Array.from({ length: 32 }, (_, row) => encoded.proof(row))
    for (const known of [true, false]) {
      const checker = subject(known)
      checker.verifyPacked(packed(all.slice(7, 9)))
      checker.verifyPacked(packed(all))
      checker.verify(all)
    }
  })

  it('are refused for every flipped bit, as one by one', () => {
    fc.assert(
      fc.property(fc.uniqueArray(index, { minLength: 1, maxLength: 5 }), bit, fc.boolean(), (rows, at, known) => {
        const checker = subject(known)
        const { indexes, bytes } = packed(rows.map((row) => encoded.proof(row)))
        const damaged = flipped(bytes, at % (8 * bytes.length))
        expect(refusal(() => checker.verifyPacked({ indexes, bytes: damaged }))).toMatch(/^PROOF_INVALID (path|commitment)$/)
        checker.verifyPacked({ indexes, bytes })
        expect(refusal(() => checker.verifyPacked({ indexes, bytes: damaged }))).toBe('PROOF_INVALID path')
      }),
    )
  })

  it('are refused where a committed row is not of the code, an index is none, or a length does not fit', () => {
    const { indexes, bytes } = packed([encoded.proof(3), encoded.proof(30)])
    const otherRlc = encodePayload(bytesOf(900, 2), encoded.layout)
    const wrong = createVerifier({
      shape,
      commitment: commitmentOf(encoded.rowRoot, otherRlc.rlcRoot),
      rlc: otherRlc.rlc,
      rowRoot: encoded.rowRoot,
      rowBytes,
    })
    expect(refusal(() => wrong.verifyPacked({ indexes, bytes }))).toBe('ENCODING_INVALID combination')
    for (const odd of [
      { indexes: [], bytes: new Uint8Array() },
      { indexes: [3], bytes },
      { indexes, bytes: bytes.subarray(1) },
      { indexes: [3, 32], bytes },
      { indexes: [-1, 3], bytes },
    ])
      expect(refusal(() => subject(true).verifyPacked(odd))).toBe('INVALID_ARGUMENT form')
    expect(refusal(() => verifier().verifyPacked({ indexes, bytes }))).toBe('INVALID_ARGUMENT form')
  })
})

describe('rows beside the RLC vector', () => {
  it('pass, originals and parity, one by one and together', () => {
    const all = Array.from({ length: 32 }, (_, row) => encoded.proof(row))
    for (const row of all) verifier().verify([row])
    const known = verifier({ rowRoot: encoded.rowRoot })
    known.verify(all)
    known.verify(all.slice(30))
  })

  it('are refused for every flipped bit of row and path', () => {
    fc.assert(
      fc.property(index, bit, fc.boolean(), (row, at, rootIsKnown) => {
        const check = rootIsKnown ? 'PROOF_INVALID path' : 'PROOF_INVALID commitment'
        const subject = () => (rootIsKnown ? verifier({ rowRoot: encoded.rowRoot }) : verifier())
        const proof = encoded.proof(row)
        expect(refusal(() => subject().verify([{ ...proof, row: flipped(proof.row, at % (8 * proof.row.length)) }]))).toBe(check)
        expect(refusal(() => subject().verify([flipPath(proof, at)]))).toBe(check)
      }),
    )
  })

  it('are refused for every flipped bit of row and path also where all rows are proven already', () => {
    const known = verifier()
    known.verify(Array.from({ length: 32 }, (_, row) => encoded.proof(row)))
    fc.assert(
      fc.property(index, bit, (row, at) => {
        const proof = encoded.proof(row)
        expect(refusal(() => known.verify([{ ...proof, row: flipped(proof.row, at % (8 * proof.row.length)) }]))).toBe(
          'PROOF_INVALID path',
        )
        expect(refusal(() => known.verify([flipPath(proof, at)]))).toBe('PROOF_INVALID path')
      }),
    )
    known.verify([encoded.proof(0)])
  })

  it('are refused for every flipped bit of RLC vector, row root and commitment', () => {
    fc.assert(
      fc.property(index, bit, (row, at) => {
        const proof = encoded.proof(row)
        const rlc = flipped(encoded.rlc, at % (8 * encoded.rlc.length))
        const commitment = flipped(encoded.commitment, at % 256)
        expect(refusal(() => verifier({ rlc }).verify([proof]))).toBe('PROOF_INVALID commitment')
        expect(refusal(() => verifier({ commitment }).verify([proof]))).toBe('PROOF_INVALID commitment')
        const rowRoot = flipped(encoded.rowRoot, at % 256)
        expect(refusal(() => verifier({ rowRoot }))).toBe('PROOF_INVALID commitment')
        expect(refusal(() => verifier({ rowRoot: encoded.rowRoot, rlc }))).toBe('PROOF_INVALID commitment')
      }),
    )
  })

  it('are refused under another index, of another commitment and with another shape', () => {
    const other = encodePayload(bytesOf(900, 2), encoded.layout)
    const proof = encoded.proof(5)
    expect(refusal(() => verifier().verify([{ ...proof, index: 6 }]))).toBe('PROOF_INVALID commitment')
    expect(refusal(() => verifier().verify([other.proof(5)]))).toBe('PROOF_INVALID commitment')
    expect(refusal(() => verifier().verify([proof, other.proof(6)]))).toBe('PROOF_INVALID path')
    const used = verifier()
    used.verify([proof])
    expect(refusal(() => used.verify([other.proof(6)]))).toBe('PROOF_INVALID path')
    // The same 32 rows as another split: the vector's length already tells.
    expect(refusal(() => verifier({}, { k: 16, n: 16 }))).toBe('INVALID_ARGUMENT form')
    const half = rlcAt(encoded.rlc, 0)
    const wider = concatBytes(encoded.rlc, ...Array.from({ length: 8 }, () => half))
    expect(refusal(() => verifier({ rlc: wider }, { k: 16, n: 16 }).verify([proof]))).toBe('PROOF_INVALID commitment')
  })

  it.each([
    ['an empty batch', () => []],
    ['an index beyond the code', () => [{ ...encoded.proof(0), index: 32 }]],
    ['a negative index', () => [{ ...encoded.proof(0), index: -1 }]],
    ['a fractional index', () => [{ ...encoded.proof(0), index: 0.5 }]],
    ['a short path', () => [{ ...encoded.proof(0), path: encoded.proof(0).path.slice(1) }]],
    ['a short sibling', () => [{ ...encoded.proof(0), path: encoded.proof(0).path.map((hash) => hash.subarray(1)) }]],
    ['unequal rows', () => [encoded.proof(0), { ...encoded.proof(1), row: new Uint8Array(64) }]],
    ['an empty row', () => [{ ...encoded.proof(0), row: new Uint8Array(0) }]],
    ['half a chunk', () => [{ ...encoded.proof(0), row: new Uint8Array(96) }]],
    ['an oversized row', () => [{ ...encoded.proof(0), row: new Uint8Array(32_832) }]],
  ])('are refused by form: %s', (_, batch) => {
    expect(refusal(() => verifier().verify(batch()))).toMatch(/^INVALID_ARGUMENT/)
  })

  it('does not go on with what a refused batch brought', () => {
    const subject = verifier()
    const short = { ...encoded.proof(0), row: new Uint8Array(64) }
    expect(refusal(() => subject.verify([short]))).toBe('PROOF_INVALID commitment')
    expect(subject.rowBytes()).toBeUndefined()
    subject.verify([encoded.proof(0)])
    expect(subject.rowBytes()).toBe(encoded.layout.rowBytes)
  })

  it('are refused where the committer encoded wrongly, although every path is right', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 31 }), bit, (wrong, at) => {
        const { proof, rlc, commitment } = commitWrongly(wrong, at)
        for (let row = 0; row < 32; row++) {
          const answer = refusal(() => createVerifier({ shape, commitment, rlc }).verify([proof(row)]))
          expect([row, answer]).toEqual([row, row === wrong ? 'ENCODING_INVALID combination' : 'nothing'])
        }
      }),
      { numRuns: 20 },
    )
  })
})

describe('an original row alone', () => {
  const check = (proof: StandaloneProof, commitment = encoded.commitment, of = shape) =>
    refusal(() => verifyStandalone({ proof, shape: of, commitment }))

  it('passes', () => {
    for (let row = 0; row < shape.k; row++) expect(check(encoded.standaloneProof(row))).toBe('nothing')
  })

  it('is the same from the vector and the path of the row', () => {
    const standalone = standaloneFrom(encoded.rlc)
    for (let row = 0; row < shape.k; row++) expect(standalone(encoded.proof(row))).toEqual(encoded.standaloneProof(row))
    expect(() => standalone(encoded.proof(shape.k))).toThrow('only original rows')
  })

  it('is refused for every flipped bit of row, both paths and commitment', () => {
    fc.assert(
      fc.property(fc.nat(shape.k - 1), bit, (row, at) => {
        const proof = encoded.standaloneProof(row)
        expect(check({ ...proof, row: flipped(proof.row, at % (8 * proof.row.length)) })).toBe('PROOF_INVALID commitment')
        expect(check({ ...proof, path: flipPath(proof, at).path })).toBe('PROOF_INVALID commitment')
        const rlcPath = flipPath({ ...proof, path: proof.rlcPath }, at).path
        expect(check({ ...proof, rlcPath })).toBe('PROOF_INVALID commitment')
        expect(check(proof, flipped(encoded.commitment, at % 256))).toBe('PROOF_INVALID commitment')
        expect(check({ ...proof, index: (row + 1) % shape.k })).toBe('PROOF_INVALID commitment')
      }),
    )
  })

  it('is refused by form: parity, paths of another length, commitment of another length', () => {
    const proof = encoded.standaloneProof(0)
    expect(check({ ...encoded.proof(9), rlcPath: proof.rlcPath })).toBe('INVALID_ARGUMENT form')
    expect(check({ ...proof, rlcPath: proof.path })).toBe('INVALID_ARGUMENT form')
    expect(check(proof, encoded.commitment.subarray(1))).toBe('INVALID_ARGUMENT form')
    expect(check(proof, encoded.commitment, { k: 16, n: 16 })).toBe('INVALID_ARGUMENT form')
  })
})

describe('the written proof', () => {
  it('comes back as it was, originals and parity', () => {
    for (let row = 0; row < 32; row++) {
      const proof = encoded.proof(row)
      const given =
        row < shape.k
          ? ({ kind: 'standalone', proof: encoded.standaloneProof(row) } as const)
          : ({ kind: 'vector', proof, rlc: encoded.rlc } as const)
      const bytes = encodeProof(given)
      expect(bytes.length).toBe(12 + proof.row.length + 5 * 32 + (row < 8 ? 4 + 3 * 32 : 8 * RLC_BYTES))
      expect(decodeProof(bytes, shape)).toEqual(given)
    }
  })

  it('is refused when cut anywhere, with bytes behind, and for random bytes', () => {
    const bytes = encodeProof({ kind: 'standalone', proof: encoded.standaloneProof(3) })
    for (let end = 0; end < bytes.length; end++)
      expect(refusal(() => decodeProof(bytes.subarray(0, end), shape))).toMatch(/^INVALID_/)
    expect(refusal(() => decodeProof(concatBytes(bytes, new Uint8Array(1)), shape))).toBe('INVALID_ARGUMENT form')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (random) =>
        /^INVALID_ARGUMENT/.test(refusal(() => decodeProof(random, shape))),
      ),
    )
  })

  it('with any flipped bit is refused by form or by verification', () => {
    fc.assert(
      fc.property(index, bit, (row, at) => {
        const proof = encoded.proof(row)
        const bytes = encodeProof(
          row < shape.k
            ? { kind: 'standalone', proof: encoded.standaloneProof(row) }
            : { kind: 'vector', proof, rlc: encoded.rlc },
        )
        const answer = refusal(() => {
          const decoded = decodeProof(flipped(bytes, at % (8 * bytes.length)), shape)
          if (decoded.kind === 'standalone') verifyStandalone({ proof: decoded.proof, shape, commitment: encoded.commitment })
          else verifier({ rlc: decoded.rlc }).verify([decoded.proof])
        })
        expect(answer).toMatch(/^(INVALID_ARGUMENT|PROOF_INVALID commitment)/)
      }),
    )
  })
})

function flipPath<P extends RowProof>(proof: P, at: number): P {
  const level = at % proof.path.length
  return { ...proof, path: proof.path.map((hash, place) => (place === level ? flipped(hash, (at >> 5) % 256) : hash)) }
}

/** A commitment over all the right rows but one parity row, whose paths and vector are right. */
function commitWrongly(wrong: number, at: number) {
  const { rowBytes } = encoded.layout
  const rows = Array.from({ length: 32 }, (_, row) => encoded.row(row))
  rows[wrong] = flipped(encoded.row(wrong), at % (8 * rowBytes))
  const tree = merkleTree(32, (row) => rows[row] as Uint8Array)
  const coefficients = deriveCoefficients(tree.root, encoded.layout)
  const rlc = plainEngine.combine(rows.slice(0, 8), rowBytes, coefficients)
  const commitment = commitmentOf(tree.root, rlcRootOf(rlc))
  expect(toHex(commitment)).not.toBe(toHex(encoded.commitment))
  return {
    rlc,
    commitment,
    proof: (row: number): RowProof => ({ index: row, row: rows[row] as Uint8Array, path: tree.path(row) }),
  }
}

import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  buildBundle,
  bundleBytesOf,
  checkBlob,
  cutBlob,
  listBytesOf,
  parseBundle,
  parseBundleList,
  readBlobCount,
} from './bundle.ts'
import { quorumIdOf, splitQuorumId } from './quorum-id.ts'
import { refusal } from './testing.ts'

const blobs = fc.array(
  fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 80 }), account: fc.uint8Array({ minLength: 20, maxLength: 20 }) }),
  { minLength: 1, maxLength: 12 },
)

describe('a bundle', () => {
  it('gives back every blob and account', () => {
    fc.assert(
      fc.property(blobs, (parts) => {
        const bundle = buildBundle(parts)
        expect(bundle.length).toBe(bundleBytesOf(parts.map(({ bytes }) => bytes.length)))
        const entries = parseBundle(bundle)
        expect(entries.map((entry) => [cutBlob(bundle, entry), entry.account])).toEqual(
          parts.map((part) => [part.bytes, part.account]),
        )
      }),
    )
  })

  it('can be listed from its head alone, also at an offset of a larger buffer', () => {
    const bundle = buildBundle([{ bytes: Uint8Array.of(1, 2) }, { bytes: Uint8Array.of(3) }])
    const shifted = new Uint8Array(bundle.length + 3)
    shifted.set(bundle, 3)
    const head = shifted.subarray(3, 3 + listBytesOf(2))
    expect(readBlobCount(head.subarray(0, 5), bundle.length)).toBe(2)
    expect(parseBundleList(head, bundle.length)).toEqual(parseBundle(bundle))
    expect(parseBundle(bundle)[0]?.account).toEqual(new Uint8Array(20))
  })

  it('has one encoding: what parses is what would be built, and no other bytes do', () => {
    fc.assert(
      fc.property(blobs, fc.nat(), fc.integer({ min: 1, max: 255 }), (parts, at, flip) => {
        const bundle = buildBundle(parts)
        const place = at % listBytesOf(parts.length)
        bundle[place] = (bundle[place] as number) ^ flip
        // A changed hash or account still parses; the hash is then refused with its name.
        const inEntry = place < 5 ? -1 : (place - 5) % 60
        const found = refusal(() => parseBundle(bundle).map((entry) => cutBlob(bundle, entry)))
        expect(found).toBe(inEntry >= 40 ? undefined : inEntry >= 8 ? 'PROOF_INVALID sha256' : 'INVALID_ARGUMENT form')
      }),
      { numRuns: 500 },
    )
  })

  it('is refused, never a crash, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, plausible) => {
        if (plausible && bytes.length >= 5) bytes.set([1, 0, 0, 0, (bytes[4] as number) % 6])
        const found = refusal(() => parseBundle(bytes))
        expect([undefined, 'INVALID_ARGUMENT form']).toContain(found)
        if (found === undefined) {
          const entries = parseBundle(bytes)
          expect(bundleBytesOf(entries.map(({ length }) => length))).toBe(bytes.length)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('is refused when cut or followed by bytes', () => {
    const bundle = buildBundle([{ bytes: Uint8Array.of(1, 2, 3) }, { bytes: Uint8Array.of(4) }])
    for (let length = 0; length < bundle.length; length++) {
      expect(refusal(() => parseBundle(bundle.slice(0, length)))).toBe('INVALID_ARGUMENT form')
    }
    expect(refusal(() => parseBundle(Uint8Array.of(...bundle, 0)))).toBe('INVALID_ARGUMENT form')
    expect(refusal(() => parseBundle(Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff)))).toBe('INVALID_ARGUMENT form')
    expect(refusal(() => parseBundle(Uint8Array.of(1, 0, 0, 0, 0)))).toBe('INVALID_ARGUMENT form')
  })

  it('knows a blob by its hash and its length', () => {
    const [entry] = parseBundle(buildBundle([{ bytes: Uint8Array.of(1, 2) }]))
    if (entry === undefined) throw new Error('one blob')
    expect(refusal(() => checkBlob(Uint8Array.of(1, 2), entry))).toBeUndefined()
    expect(refusal(() => checkBlob(Uint8Array.of(1, 3), entry))).toBe('PROOF_INVALID sha256')
    expect(refusal(() => checkBlob(Uint8Array.of(1), entry))).toBe('PROOF_INVALID sha256')
  })
})

describe('a quorum id', () => {
  it('carries committee and blob index and stays a safe integer', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.nat(65_535), (committee, blobIndex) => {
        const id = quorumIdOf(committee, blobIndex)
        expect(Number.isSafeInteger(Number(id))).toBe(true)
        expect(splitQuorumId(id)).toEqual({ committee, blobIndex })
      }),
    )
  })

  it('of no blob is refused', () => {
    for (const id of [-1n, 1n << 48n, 1n << 64n]) expect(refusal(() => splitQuorumId(id))).toBe('INVALID_ARGUMENT form')
  })
})

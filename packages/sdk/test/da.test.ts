import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { bytesOf } from '../../../services/da/test/support/members.ts'
import { type DaFace, daFace } from '../../../services/gateway/test/support/da-face.ts'
import {
  createZerogClient,
  type DaBundleRef,
  type DaCertificate,
  type DaCommittee,
  gatewayEndpoints,
  httpTransport,
  type Transport,
  ZerogError,
} from '../src/index.ts'
import { nobleMultisignature, readFrames, sampleBundle } from '../src/light.ts'

// Pairings in JavaScript on a machine that may be busy.
jest.setTimeout(120_000)

const seed = new Uint8Array(32).fill(9)
const options = { multisignature: nobleMultisignature, seed }

let face: DaFace
let honest: Transport
let bundle: DaBundleRef
let large: DaBundleRef
let root: `0x${string}`

beforeAll(async () => {
  face = await daFace({ config: { flushBytes: 8 * 1024 * 1024 } })
  honest = httpTransport(gatewayEndpoints(face.url))
  const { da } = clientOver({})
  const named = async (length: number) => {
    const { parts } = await da.disperse(bytesOf(length, length), { wait: 'finalized' })
    return parts[0] as DaBundleRef // it is finalized
  }
  bundle = await named(50_000)
  large = await named(4 * 1024 * 1024 - 4096)
  root = (await da.committee({ epoch: bundle.epoch })).root
})
afterAll(() => face.close())

type Lie = (answer: Uint8Array) => Uint8Array

/** The gateway's answers, changed on the way by the last word of their path. */
function clientOver(lies: Readonly<Record<string, Lie>>) {
  const transport: Transport = {
    request: async (_face, { method }) => {
      if (method === 'eth_chainId') return '0x7a69'
      throw new Error(`${method} is not asked for`)
    },
    async rest(request, waiting) {
      const answer = await honest.rest?.(request, waiting)
      if (answer === undefined) throw new Error('the gateway has a REST face')
      const lie = lies[request.path.split('/').at(-1) ?? '']
      if (lie === undefined) return answer
      return new Response(new Uint8Array(lie(new Uint8Array(await answer.arrayBuffer()))))
    },
  }
  return createZerogClient({ endpoints: gatewayEndpoints(face.url), transport })
}

/** A lie about JSON. */
const about =
  <Answer>(change: (answer: Answer) => unknown): Lie =>
  (bytes) =>
    new TextEncoder().encode(JSON.stringify(change(JSON.parse(new TextDecoder().decode(bytes)))))

const flipHex = (text: string, at: number): `0x${string}` =>
  `0x${text.slice(2, at)}${(Number.parseInt(text[at] as string, 16) ^ 1).toString(16)}${text.slice(at + 1)}`

async function refusal(lies: Readonly<Record<string, Lie>>, more: object = {}): Promise<unknown> {
  try {
    await sampleBundle(clientOver(lies), bundle, { ...options, ...more })
    return 'no refusal'
  } catch (error) {
    expect(error).toBeInstanceOf(ZerogError)
    const { reason, metadata } = error as ZerogError
    return [reason, metadata.check]
  }
}

/** The rows' answer with one frame changed; `number` is its place in the answer. */
const withFrame =
  (number: number, change: (frame: { row: Uint8Array; path: Uint8Array }) => void): Lie =>
  (bytes) => {
    const copy = bytes.slice()
    const { row, path } = readFrames(copy)[number] as ReturnType<typeof readFrames>[number]
    change({ row, path: path[0] ?? new Uint8Array() })
    return copy
  }

/** The same answer without the bytes of one row: what a gateway sends where no node serves it. */
const withoutRow =
  (number: number): Lie =>
  (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 0
    const sizes = () => {
      const row = view.getUint32(at + 4)
      return { row, path: view.getUint32(at + 8 + row) }
    }
    for (let each = 0; each < number; each++) at += 12 + sizes().row + sizes().path
    const { row, path } = sizes()
    return Buffer.concat([bytes.subarray(0, at + 4), Buffer.alloc(8), bytes.subarray(at + 12 + row + path)])
  }

describe('a light client', () => {
  test('finds an honest bundle available, under a committee that it trusts', async () => {
    const report = await sampleBundle(clientOver({}), bundle, { ...options, committeeRoot: root })
    expect(report).toMatchObject({ available: true, certificate: { members: 4, committeeFrom: 'caller' } })
    expect(report.rows).toHaveLength(16)
    expect(report.certificate.stakeShare).toBeGreaterThan(2 / 3)
    expect(report.withholdingMissProbability).toBeLessThan(2 ** -30)
    expect(report.encodingMissProbability).toBeGreaterThan(2 ** -11)
    expect((await sampleBundle(clientOver({}), bundle, options)).certificate.committeeFrom).toBe('gateway')
  })

  test('fetches at most 150 KB for 16 rows of a bundle of 4 MiB', async () => {
    const { bytesFetched, available, rows } = await sampleBundle(clientOver({}), large, options)
    process.stdout.write(`16 rows of a bundle of 4 MiB: ${bytesFetched} bytes of rows, paths and vector\n`)
    expect([available, rows.length]).toEqual([true, 16])
    expect(bytesFetched).toBeLessThanOrEqual(150_000)
  })

  test.each([
    ['withheld', withoutRow(3), 'no node serves it'],
    ['flipped in a row', withFrame(5, ({ row }) => (row[100] = (row[100] as number) ^ 1)), /row|root|path|proof/i],
    ['flipped in a path', withFrame(0, ({ path }) => (path[0] = (path[0] as number) ^ 128)), /row|root|path|proof/i],
  ])('reports a row that is %s, and only that one', async (_what, lie, problem) => {
    const report = await sampleBundle(clientOver({ rows: lie }), bundle, options)
    expect(report.available).toBe(false)
    const bad = report.rows.filter(({ ok }) => !ok)
    expect(bad).toHaveLength(1)
    expect(bad[0]?.problem).toMatch(problem)
  })

  test('reports every row when nothing is served', async () => {
    const report = await sampleBundle(clientOver({ rows: () => new Uint8Array() }), bundle, options)
    expect(report.rows.every(({ ok, problem }) => !ok && problem === 'no node serves it')).toBe(true)
  })

  test('believes no row under another vector, because vector and rows make the commitment together', async () => {
    const rlc: Lie = (bytes) => bytes.map((byte, at) => (at === 7 ? byte ^ 1 : byte))
    const report = await sampleBundle(clientOver({ rlc }), bundle, options)
    expect([report.available, report.rows.filter(({ ok }) => ok).length]).toEqual([false, 0])
  })

  test('refuses a certificate, statement, committee or vector that is not what it must be, naming the check', async () => {
    const certificate = (change: (answer: DaCertificate) => object): Record<string, Lie> => ({
      certificate: about<DaCertificate>((answer) => ({ ...answer, ...change(answer) })),
    })
    const bundleOf = (change: Partial<DaCertificate['bundle']>) =>
      certificate((answer) => ({ bundle: { ...answer.bundle, ...change } }))
    const member = (change: object): Record<string, Lie> => ({
      committee: about<DaCommittee>((answer) => ({
        ...answer,
        members: answer.members.map((each, at) => (at === 1 ? { ...each, ...change } : each)),
      })),
    })
    const found = {
      'last byte of the signature': await refusal(
        certificate((answer) => ({ certificate: flipHex(answer.certificate, answer.certificate.length - 1) })),
      ),
      'cut certificate': await refusal(certificate((answer) => ({ certificate: answer.certificate.slice(0, -2) }))),
      'another commitment': await refusal(bundleOf({ commitment: `0x${'11'.repeat(32)}` })),
      'another size': await refusal(bundleOf({ payloadBytes: 49_000 })),
      'another expiry': await refusal(bundleOf({ expiry: 1 })),
      'another place': await refusal(certificate(() => ({ index: 1 }))),
      'a stake': await refusal(member({ stake: '2' })),
      'a committee that is not the trusted one': await refusal({}, { committeeRoot: `0x${'22'.repeat(32)}` }),
      'a stake under a trusted root': await refusal(member({ stake: '2' }), { committeeRoot: root }),
      'half a vector': await refusal({ rlc: (bytes) => bytes.subarray(0, bytes.length - 16) }),
    }
    expect(found).toEqual({
      'last byte of the signature': ['PROOF_INVALID', 'signature'],
      'cut certificate': ['INVALID_ARGUMENT', 'form'],
      'another commitment': ['PROOF_INVALID', 'commitment'],
      'another size': ['PROOF_INVALID', 'path'],
      'another expiry': ['PROOF_INVALID', 'path'],
      'another place': ['PROOF_INVALID', 'path'],
      'a stake': ['PROOF_INVALID', 'committee_root'],
      'a committee that is not the trusted one': ['PROOF_INVALID', 'committee_root'],
      'a stake under a trusted root': ['PROOF_INVALID', 'committee_root'],
      'half a vector': ['INVALID_ARGUMENT', 'form'],
    })
  })
})

describe('frames of rows', () => {
  test('come back as they were written, and any other bytes are read or refused by name', () => {
    const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
    fc.assert(
      fc.property(fc.array(fc.record({ index: fc.nat(), row: bytes(80), path: bytes(100) }), { maxLength: 5 }), (rows) => {
        const frames = rows.map(({ index, row, path }) => {
          const head = Buffer.alloc(8)
          head.writeUInt32BE(index)
          head.writeUInt32BE(row.length, 4)
          const length = Buffer.alloc(4)
          length.writeUInt32BE(path.length)
          return Buffer.concat([head, row, length, path])
        })
        const read = readFrames(Buffer.concat(frames))
        expect(read.map(({ index, row, path }) => ({ index, row: [...row], path: [...Buffer.concat(path)] }))).toEqual(
          rows.map(({ index, row, path }) => ({ index, row: [...row], path: [...path] })),
        )
      }),
    )
    fc.assert(
      fc.property(bytes(200), (input) => {
        try {
          // What it reads is all of the input: nothing is invented.
          const size = readFrames(input).reduce((sum, { row, path }) => sum + 12 + row.length + Buffer.concat(path).length, 0)
          expect(size).toBe(input.length)
        } catch (error) {
          expect(error).toBeInstanceOf(ZerogError)
          expect((error as ZerogError).reason).toBe('INVALID_ARGUMENT')
        }
      }),
      { numRuns: 2000 },
    )
  })
})

import { beforeAll, describe, expect, it } from '@jest/globals'
import { bitmapOf, type Certificate, quorumIdOf, type Statement } from '@zerog/availability'
import { sha256 } from '@zerog/kernels'
import { concatBytes, fromHex, type Hex, toHex } from '@zerog/primitives'
import { type CertifiedWindow, encodeSubmitCertificates } from '../src/index.ts'
import {
  certifiedWindow,
  committeeOf,
  daAllocation,
  ENTRANCE,
  encode,
  eventsOf,
  failure,
  NOW,
  SIGNERS,
  signTogether,
  testMembers,
  testStatement,
  view,
} from './support/da-client.ts'
import { ALICE, BOB, createTestChain, OWNER, type TestChain, type TestOutcome } from './support/test-chain.ts'

const members = testMembers([30n, 20n, 10n, 10n, 10n, 10n, 5n, 5n, 1n])
const committee = committeeOf(members)
const signed = (statements: readonly Statement[], signers?: readonly number[], chainId?: bigint): CertifiedWindow =>
  certifiedWindow(statements, { committee, members, ...(signers && { signers }), ...(chainId !== undefined && { chainId }) })

let chain: TestChain
beforeAll(async () => {
  chain = await createTestChain(daAllocation(members))
})

type Words = Readonly<Record<string, unknown>>
/** The arguments of a submission as the contract gets them, so that a test may change any. */
const submit = (windows: readonly Words[], signature: Words) => encode(ENTRANCE, 'submitCertificates', [windows, signature])
const argumentsOf = (windows: readonly CertifiedWindow[]) => {
  const words = (index: number) => BigInt(`0x${data.slice(10 + 64 * index, 74 + 64 * index)}`)
  const { data } = encodeSubmitCertificates(windows)
  const names = ['x0High', 'x0Low', 'x1High', 'x1Low', 'y0High', 'y0Low', 'y1High', 'y1Low']
  const signature = Object.fromEntries(names.map((name, index) => [name, words(index + 1)]))
  return {
    windows: windows.map(({ certificate: { epoch, committee: id, bitmap }, statements }) => ({
      epoch,
      committee: id,
      bitmap: toHex(bitmap),
      bundles: statements.map((statement) => ({ ...statement, commitment: toHex(statement.commitment) })),
    })),
    signature,
  }
}
const send = (windows: readonly CertifiedWindow[], from: Hex = ALICE): Promise<TestOutcome> => {
  const { to, data } = encodeSubmitCertificates(windows)
  return chain.send({ from, to, data })
}
const exists = ({ commitment, epoch }: Statement, quorumId = 0n) =>
  view(chain, ENTRANCE, 'commitmentExists', toHex(commitment), epoch, quorumId)

describe('a certificate on chain', () => {
  it('records its bundles, one event pair each, and 0G sees them under any blob index', async () => {
    const statements = [testStatement(), testStatement({ expiry: NOW + 5n, payloadBytes: 77 }), testStatement()]
    const outcome = await send([signed(statements, [0, 1, 2, 3])])
    expect(failure(outcome)).toBe('success')
    const ids = statements.map(({ commitment }) => toHex(commitment))
    expect(eventsOf(outcome.logs).map(({ name, args }) => [name, args.dataRoot, args.epoch, args.quorumId])).toEqual([
      ...ids.flatMap((id) => [
        ['DataUpload', id, 1n, 0n],
        ['ErasureCommitmentVerified', id, 1n, 0n],
      ]),
      ['WindowCertified', undefined, 1n, undefined],
    ])
    for (const statement of statements) {
      for (const index of [0, 1, 65_535]) expect(await exists(statement, quorumIdOf(0, index))).toBe(true)
      expect(await exists(statement, 1n)).toBe(false)
      expect(await exists({ ...statement, epoch: 2n })).toBe(false)
      const id = toHex(statement.commitment)
      expect(await view(chain, ENTRANCE, 'verifiedErasureCommitment', id, 1n, 0n)).toEqual({ X: BigInt(id), Y: 0n })
      expect(await view(chain, ENTRANCE, 'recordOf', id, 1n, 0n)).toEqual({
        expiry: statement.expiry,
        k: statement.k,
        n: statement.n,
        rowBytes: statement.rowBytes,
        payloadBytes: statement.payloadBytes,
        height: Number(chain.height),
      })
    }
    expect(await view(chain, ENTRANCE, 'verifiedErasureCommitment', toHex(new Uint8Array(32)), 1n, 0n)).toEqual({ X: 0n, Y: 0n })
  })

  it('is accepted from anybody at two thirds of the votes or more, and refused below', async () => {
    // 101 votes in all.
    const below = await send([signed([testStatement()], [0, 1, 2, 6, 8])])
    expect(failure(below)).toBe('ThresholdNotReached(66,101)')
    expect(failure(await send([signed([testStatement()], [0, 1, 2, 6, 7])], BOB))).toBe('success')
    const thirds = testMembers([1n, 1n, 1n])
    const small = await createTestChain(daAllocation(thirds))
    const submission = (signers: number[]) =>
      encodeSubmitCertificates([certifiedWindow([testStatement()], { committee: committeeOf(thirds), members: thirds, signers })])
    expect(failure(await small.send(submission([0, 2])))).toBe('success')
    expect(failure(await small.send(submission([1])))).toBe('ThresholdNotReached(1,3)')
  })

  it('with any field changed is refused by a named check', async () => {
    const given = [signed([testStatement(), testStatement()], [0, 1, 2, 3, 4])]
    const { windows, signature } = argumentsOf(given)
    const [window] = windows
    const [first, second] = window?.bundles ?? []
    if (window === undefined || first === undefined || second === undefined) throw new Error('two bundles')
    const bundle = (change: Words) => [{ ...window, bundles: [first, { ...second, ...change }] }]
    const high = signature.x0High as bigint
    const cases: [string, Words[], Words, string | RegExp][] = [
      ['epoch', [{ ...window, epoch: 0n }], signature, /^CommitteeUnknown/],
      ['epoch', [{ ...window, epoch: 2n }], signature, /^EpochNotOpen/],
      ['committee', [{ ...window, committee: 1 }], signature, /^CommitteeUnknown/],
      ['bitmap: a member more', [{ ...window, bitmap: '0x3f00' }], signature, 'SignatureInvalid()'],
      ['bitmap: a member less', [{ ...window, bitmap: '0x0f00' }], signature, 'SignatureInvalid()'],
      ['bitmap: too few', [{ ...window, bitmap: '0x0e00' }], signature, /^ThresholdNotReached/],
      ['bitmap: nobody', [{ ...window, bitmap: '0x0000' }], signature, /^ThresholdNotReached/],
      ['bitmap: a member that does not exist', [{ ...window, bitmap: '0x1f02' }], signature, 'BitmapInvalid()'],
      ['bitmap: longer', [{ ...window, bitmap: '0x1f0000' }], signature, 'BitmapInvalid()'],
      ['bitmap: shorter', [{ ...window, bitmap: '0x1f' }], signature, 'BitmapInvalid()'],
      ['commitment', bundle({ commitment: toHex(sha256(Uint8Array.of(1))) }), signature, 'SignatureInvalid()'],
      ['k', bundle({ k: 256 }), signature, 'SignatureInvalid()'],
      ['n', bundle({ n: 1 }), signature, 'SignatureInvalid()'],
      ['rowBytes', bundle({ rowBytes: 64 }), signature, 'SignatureInvalid()'],
      ['payloadBytes', bundle({ payloadBytes: 1 }), signature, 'SignatureInvalid()'],
      ['expiry', bundle({ expiry: second.expiry + 1n }), signature, 'SignatureInvalid()'],
      ['order', [{ ...window, bundles: [second, first] }], signature, 'SignatureInvalid()'],
      ['a bundle less', [{ ...window, bundles: [first] }], signature, 'SignatureInvalid()'],
      ['a bundle twice', [{ ...window, bundles: [first, second, second] }], signature, 'SignatureInvalid()'],
      ['no bundle', [{ ...window, bundles: [] }], signature, 'NoBundles()'],
      ['signature: another point', windows, argumentsOf([signed([testStatement()])]).signature, 'SignatureInvalid()'],
      ['signature: off the curve', windows, { ...signature, x0High: high ^ 1n }, 'SignatureInvalid()'],
      ['signature: coordinate above the field', windows, { ...signature, x0High: high | (1n << 127n) }, 'SignatureInvalid()'],
      ['signature: bits beyond a coordinate', windows, { ...signature, x0High: high | (1n << 255n) }, 'SignatureInvalid()'],
      [
        'signature: infinity',
        windows,
        Object.fromEntries(Object.keys(signature).map((name) => [name, 0n])),
        'SignatureInvalid()',
      ],
    ]
    for (const [name, changed, point, wanted] of cases) {
      const found = failure(await chain.dryRun(submit(changed, point)))
      expect([name, found]).toEqual([name, typeof wanted === 'string' ? wanted : expect.stringMatching(wanted)])
    }
    expect(failure(await chain.dryRun(submit(windows, signature)))).toBe('success')
  })

  it('of another chain, another committee or outsiders is refused', async () => {
    expect(failure(await send([signed([testStatement()], undefined, 31_337n)]))).toBe('SignatureInvalid()')
    const others = testMembers([30n, 20n, 10n, 10n, 10n, 10n, 5n, 5n, 2n])
    expect(failure(await send([certifiedWindow([testStatement()], { committee: committeeOf(others), members: others })]))).toBe(
      'SignatureInvalid()',
    )
    const window = signed([testStatement()])
    const message = new TextEncoder().encode('anything')
    const outsider = {
      ...window.certificate,
      signature: signTogether([sha256(message).fill(0, 0, 1)], message),
    } satisfies Certificate
    expect(failure(await send([{ ...window, certificate: outsider }]))).toBe('SignatureInvalid()')
    // A subset's signature under everybody's bitmap.
    const subset = signed([testStatement()], [0, 1, 2, 3])
    const claimed = { ...subset.certificate, bitmap: bitmapOf(members.keys(), members.length) }
    expect(failure(await send([{ ...subset, certificate: claimed }]))).toBe('SignatureInvalid()')
  })

  it('is refused when its bundles have expired or live too long', async () => {
    expect(failure(await send([signed([testStatement({ expiry: NOW })])]))).toMatch(/^Expired/)
    expect(failure(await send([signed([testStatement({ expiry: NOW + 1_000_001n })])]))).toMatch(/^ExpiryTooFar/)
    expect(failure(await send([signed([testStatement({ expiry: NOW + 1_000_000n })])]))).toBe('success')
    expect(failure(await send([signed([testStatement({ expiry: NOW + 1n })])]))).toBe('success')
  })
})

describe('the same bundle again', () => {
  it('changes nothing, costs no verification, and grows only with a later expiry', async () => {
    const statement = testStatement()
    const window = signed([statement])
    expect(failure(await send([window]))).toBe('success')
    const again = await send([window])
    expect([failure(again), again.logs]).toEqual(['success', []])
    expect(again.gasUsed).toBeLessThan(60_000n)
    // A window with one known and one new bundle: only the new one is announced.
    const fresh = testStatement()
    const mixed = await send([signed([statement, fresh])])
    expect(eventsOf(mixed.logs).flatMap(({ name, args }) => (name === 'DataUpload' ? [args.dataRoot] : []))).toEqual([
      toHex(fresh.commitment),
    ])
    const longer = { ...statement, expiry: statement.expiry + 10n }
    expect(eventsOf((await send([signed([longer])])).logs).map(({ name }) => name)).toEqual(['WindowCertified'])
    expect(await view(chain, ENTRANCE, 'recordOf', toHex(statement.commitment), 1n, 0n)).toMatchObject({ expiry: longer.expiry })
    expect((await send([window])).logs).toEqual([])
  })
})

describe('a batch of windows', () => {
  it('is verified by the sum of its signatures, whoever signed which', async () => {
    const statements = Array.from({ length: 5 }, () => testStatement())
    const [a, b, c, d, e] = statements as [Statement, Statement, Statement, Statement, Statement]
    const outcome = await send([
      signed([a]),
      signed([b], [0, 1, 2, 3]),
      signed([c], [0, 1, 2, 3]),
      signed([d, e], [0, 1, 3, 4, 5]),
    ])
    expect(failure(outcome)).toBe('success')
    for (const statement of statements) expect(await exists(statement)).toBe(true)
  })

  it('is refused as a whole where one window is not signed by whom it names', async () => {
    const [good, bad] = [signed([testStatement()]), signed([testStatement()], [0, 1, 2, 3])]
    const swapped = { ...bad, certificate: { ...bad.certificate, bitmap: good.certificate.bitmap } }
    expect(failure(await send([good, swapped]))).toBe('SignatureInvalid()')
    expect(await exists(good.statements[0] as Statement)).toBe(false)
    // The signature of one window counted twice does not stand for the other.
    const other = signed([testStatement()])
    const forged = { ...other, certificate: { ...other.certificate, signature: good.certificate.signature } }
    expect(failure(await send([good, forged]))).toBe('SignatureInvalid()')
    expect(failure(await send([good, other]))).toBe('success')
  })

  it('leaves out known windows before it verifies', async () => {
    const known = signed([testStatement()])
    await send([known])
    const { windows } = argumentsOf([known, signed([testStatement()])])
    const { signature } = argumentsOf([certifiedWindowOf(windows[1])])
    expect(failure(await chain.send(submit(windows, signature)))).toBe('success')
  })
})

/** The signature over a window alone, from its words. */
function certifiedWindowOf(window: ReturnType<typeof argumentsOf>['windows'][number] | undefined): CertifiedWindow {
  const statements = (window?.bundles ?? []).map((bundle) => ({ ...bundle, commitment: fromHex(bundle.commitment) }))
  return signed(statements)
}

describe("0G's functions", () => {
  it('announce roots for a fee, and give back what is too much', async () => {
    const roots = [1, 2].map((value) => toHex(sha256(Uint8Array.of(value))))
    const call = encode(ENTRANCE, 'submitOriginalData', [roots])
    await chain.send({ from: OWNER, ...encode(ENTRANCE, 'setBlobPrice', [7n]) })
    expect(failure(await chain.send({ ...call, value: 13n }))).toBe('Not enough da blob fee')
    const before = await chain.balance(ENTRANCE)
    const outcome = await chain.send({ ...call, value: 20n })
    expect(eventsOf(outcome.logs)).toEqual(
      roots.map((dataRoot) => ({
        name: 'DataUpload',
        args: { sender: expect.stringMatching(new RegExp(ALICE, 'i')), dataRoot, epoch: 1n, quorumId: 0n, blobPrice: 7n },
      })),
    )
    expect(await chain.balance(ENTRANCE)).toBe(before + 14n)
    expect(failure(await chain.send({ from: OWNER, ...encode(ENTRANCE, 'withdraw', [BOB, 14n]) }))).toBe('success')
    expect(await chain.balance(ENTRANCE)).toBe(before)
    const empty = await createTestChain(daAllocation())
    expect(failure(await empty.send(call))).toBe('DAEntrance: No DA Signers')
  })

  it('show row root and RLC root once somebody disclosed them', async () => {
    const [rowRoot, rlcRoot] = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))]
    const statement = testStatement({ commitment: sha256(concatBytes(rowRoot, rlcRoot)) })
    const id = toHex(statement.commitment)
    const disclose = encode(ENTRANCE, 'discloseRoots', [toHex(rowRoot), toHex(rlcRoot), 1n, 3n << 32n])
    expect(failure(await chain.send(disclose))).toBe(`NotCertified(${id})`)
    await send([signed([statement])])
    expect(failure(await chain.send(disclose))).toBe('success')
    expect(await view(chain, ENTRANCE, 'verifiedErasureCommitment', id, 1n, 0n)).toEqual({
      X: BigInt(toHex(rowRoot)),
      Y: BigInt(toHex(rlcRoot)),
    })
  })

  it('refuse values of 2^64 and more, and keys of BN254', async () => {
    const root = toHex(new Uint8Array(32))
    for (const name of ['commitmentExists', 'verifiedErasureCommitment', 'recordOf']) {
      expect(await view(chain, ENTRANCE, name, root, 1n << 64n, 0n)).toBe(`ValueTooLarge(${1n << 64n})`)
      expect(await view(chain, ENTRANCE, name, root, 1n, 1n << 64n)).toBe(`ValueTooLarge(${1n << 64n})`)
    }
    expect(await view(chain, ENTRANCE, 'submitVerifiedCommitRoots', [])).toBe('Bn254KeysUnsupported()')
    expect(await view(chain, SIGNERS, 'getAggPkG1', 1n, 0n, '0x')).toBe('Bn254KeysUnsupported()')
  })

  it('let only the owner set price and retention and withdraw', async () => {
    for (const [name, args] of [
      ['setBlobPrice', [1n]],
      ['setRetentionSecondsMax', [1n]],
      ['withdraw', [BOB, 0n]],
    ] as const) {
      expect(failure(await chain.dryRun({ from: BOB, ...encode(ENTRANCE, name, args) }))).toMatch(/^OwnableUnauthorizedAccount/)
    }
  })
})

describe('the encoder of the transaction', () => {
  it('refuses statements that are not those of the certificate, and signatures that are no points', () => {
    const window = signed([testStatement(), testStatement()])
    const { certificate, statements } = window
    const bad: CertifiedWindow[] = [
      { certificate, statements: statements.slice(1) },
      { certificate, statements: [...statements].reverse() },
      { certificate: { ...certificate, epoch: 2n }, statements },
      { certificate: { ...certificate, signature: new Uint8Array(96) }, statements },
      { certificate: { ...certificate, signature: new Uint8Array(96).fill(0xc0, 0, 1) }, statements },
      { certificate: { ...certificate, signature: certificate.signature.subarray(1) }, statements },
    ]
    for (const each of bad)
      expect(() => encodeSubmitCertificates([each])).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT' }))
    expect(() => encodeSubmitCertificates([])).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT' }))
  })
})

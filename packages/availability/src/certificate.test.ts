import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import type { Multisignature } from '@zerog/consensus'
import { nobleBls, nobleMultisignature } from '@zerog/consensus/noble'
import { simulatedMultisignature, simulatedSign } from '@zerog/consensus/testing'
import { sha256 } from '@zerog/kernels'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { assignRows } from './assignment.ts'
import { buildBundle } from './bundle.ts'
import {
  bitmapOf,
  type Certificate,
  decodeCertificate,
  encodeCertificate,
  signersOf,
  verifyCertificate,
  verifyMembership,
} from './certificate.ts'
import { certify, findInvalid } from './collect.ts'
import { type Committee, createCommittee, type Member, reachesThreshold } from './committee.ts'
import { compressKey, possessionMessage } from './key.ts'
import { permutation } from './permutation.ts'
import {
  checkStatement,
  createWindow,
  foldWindowPath,
  hashStatement,
  type Statement,
  type Window,
  windowMessage,
  windowPath,
  windowRootOf,
} from './statement.ts'
import { keylessMembers, refusal } from './testing.ts'

const CHAIN_ID = 31_337n
const PATH = new URL('../../../tests/vectors/data-availability.json', import.meta.url)

const secretKeys = [1, 2, 3, 4].map((index) => sha256(Uint8Array.of(index)).fill(0, 0, 1))
const affine = (secretKey: Uint8Array) => bls12_381.G1.Point.fromBytes(nobleBls.publicKey(secretKey)).toBytes(false)
const members: Member[] = secretKeys.map((secretKey, index) => ({
  address: toHex(new Uint8Array(20).fill(0xa0 + index)),
  stake: BigInt(index + 1) * 100n,
  key: affine(secretKey),
  socket: String(index),
}))
const committee = createCommittee({ epoch: 7n, id: 0, seed: sha256(Uint8Array.of(7)), members })
const statementOf = (index: number): Statement => ({
  commitment: sha256(Uint8Array.of(index, 1)),
  k: 256,
  n: 768,
  rowBytes: 64,
  payloadBytes: 1_000 + index,
  epoch: 7n,
  committee: 0,
  expiry: 1_800_000_000n + BigInt(index),
})
const statements = [0, 1, 2].map(statementOf)

function certificateOf(window: Window, signers: readonly number[]): Certificate {
  const message = windowMessage(window)
  const signatures = new Map(signers.map((signer) => [signer, nobleBls.sign(secretKeys[signer] as Uint8Array, message)]))
  const result = certify(window, signatures, { committee, multisignature: nobleMultisignature })
  if (!('certificate' in result)) throw new Error('signatures were refused')
  return result.certificate
}

/** Everything that another implementation needs to check itself against. */
function vectors() {
  const window = createWindow(statements, committee, CHAIN_ID)
  const hashes = statements.map((statement) => hashStatement(statement, CHAIN_ID))
  const certificate = certificateOf(window, [1, 2, 3])
  const commitment = sha256(new TextEncoder().encode('a commitment'))
  const assignment = assignRows(committee, { commitment, k: 256, n: 768 })
  const blobs = [
    { bytes: new TextEncoder().encode('first blob'), account: new Uint8Array(20).fill(1) },
    { bytes: new TextEncoder().encode('second') },
  ]
  return {
    comment:
      'docs/spec/data-availability.md. ZEROG_WRITE_VECTORS=1 rewrites this file: only with a decision that changes the protocol.',
    chainId: Number(CHAIN_ID),
    bundle: {
      blobs: blobs.map(({ bytes, account }) => ({ bytes: toHex(bytes), account: toHex(account ?? new Uint8Array(20)) })),
      encoded: toHex(buildBundle(blobs)),
    },
    secretKeys: secretKeys.map(toHex),
    committee: {
      epoch: 7,
      id: 0,
      seed: toHex(committee.seed),
      rows: committee.rows,
      root: toHex(committee.root),
      members: members.map(({ address, stake, key }) => ({ address, stake: stake.toString(), key: toHex(key) })),
      possessions: members.map(({ address, key }, index) =>
        toHex(
          nobleBls.sign(
            secretKeys[index] as Uint8Array,
            possessionMessage({ chainId: CHAIN_ID, account: fromHex(address), publicKey: compressKey(key) }),
          ),
        ),
      ),
    },
    permutation: { seed: toHex(sha256(Uint8Array.of(9))), of300: [...permutation(300, sha256(Uint8Array.of(9)))] },
    assignment: {
      commitment: toHex(commitment),
      counts: members.map((_, member) => assignment.dealt(member).length),
      firstDealt: members.map((_, member) => [...assignment.dealt(member).slice(0, 8)]),
      topUpOfFirst: [...assignment.topUp(0)],
    },
    statements: statements.map((statement, index) => ({
      ...statement,
      commitment: toHex(statement.commitment),
      epoch: Number(statement.epoch),
      expiry: Number(statement.expiry),
      hash: toHex(hashes[index] as Uint8Array),
      path: windowPath(hashes, index).map(toHex),
    })),
    windowRoot: toHex(window.windowRoot),
    message: toHex(windowMessage(window)),
    certificate: toHex(encodeCertificate(certificate)),
  }
}

describe('the published vectors', () => {
  it('are what this code makes', () => {
    const made = vectors()
    if (process.env.ZEROG_WRITE_VECTORS === '1') writeFileSync(PATH, `${JSON.stringify(made, null, 2)}\n`)
    expect(made).toEqual(JSON.parse(readFileSync(PATH, 'utf8')))
  })

  it('verify from their bytes alone', () => {
    const file = JSON.parse(readFileSync(PATH, 'utf8')) as ReturnType<typeof vectors>
    const found = createCommittee({
      epoch: BigInt(file.committee.epoch),
      id: file.committee.id,
      seed: fromHex(file.committee.seed),
      members: file.committee.members.map(({ address, stake, key }) => ({
        address: address as Hex,
        stake: BigInt(stake),
        key: fromHex(key),
        socket: '',
      })),
    })
    expect(toHex(found.root)).toBe(file.committee.root)
    const certificate = decodeCertificate(fromHex(file.certificate))
    verifyCertificate(certificate, found, { chainId: BigInt(file.chainId), multisignature: nobleMultisignature })
    for (const [index, { path, hash: _, ...fields }] of file.statements.entries()) {
      const statement = {
        ...fields,
        commitment: fromHex(fields.commitment),
        epoch: BigInt(fields.epoch),
        expiry: BigInt(fields.expiry),
      }
      verifyMembership(statement, certificate, { index, path: path.map((sibling) => fromHex(sibling)) })
    }
  })
})

const window = createWindow(statements, committee, CHAIN_ID)
const certificate = certificateOf(window, [1, 2, 3])
const verdict = (changed: Certificate, of: Committee = committee, multisignature: Multisignature = nobleMultisignature) =>
  refusal(() => verifyCertificate(changed, of, { chainId: CHAIN_ID, multisignature }))
const flipped = (bytes: Uint8Array, at: number, mask = 1) => bytes.map((byte, index) => (index === at ? byte ^ mask : byte))

describe('a certificate', () => {
  it('verifies, and each changed field is refused by its check', () => {
    expect(verdict(certificate)).toBeUndefined()
    const changes: [Partial<Certificate>, string][] = [
      [{ chainId: 1n }, 'chain'],
      [{ epoch: 8n }, 'epoch'],
      [{ committee: 1 }, 'committee'],
      [{ committeeRoot: flipped(certificate.committeeRoot, 31) }, 'committee_root'],
      [{ count: 2 }, 'signature'],
      [{ windowRoot: flipped(certificate.windowRoot, 0) }, 'signature'],
      [{ bitmap: Uint8Array.of(0b1111) }, 'signature'],
      [{ bitmap: Uint8Array.of(0b1101) }, 'signature'],
      [{ bitmap: Uint8Array.of(0b0110) }, 'threshold'],
      [{ bitmap: Uint8Array.of(0) }, 'threshold'],
      [{ bitmap: Uint8Array.of(0b11110) }, 'bitmap'],
      [{ bitmap: Uint8Array.of(0b1110, 0) }, 'bitmap'],
      [{ signature: flipped(certificate.signature, 95) }, 'signature'],
      [{ signature: new Uint8Array(96).fill(0xc0, 0, 1) }, 'signature'],
    ]
    for (const [change, check] of changes)
      expect([change, verdict({ ...certificate, ...change })]).toEqual([change, `PROOF_INVALID ${check}`])
  })

  it('of outsiders, of too little stake and of other members is refused', () => {
    const outsiders = secretKeys.map((key) => flipped(key, 31))
    const message = windowMessage(window)
    const forged = nobleMultisignature.aggregate(outsiders.slice(1).map((key) => nobleBls.sign(key, message))) as Uint8Array
    expect(verdict({ ...certificate, signature: forged })).toBe('PROOF_INVALID signature')
    expect(verdict(certificateOf(window, [0, 1, 2]))).toBe('PROOF_INVALID threshold')
    const restaked = createCommittee({ ...committee, members: members.map((member) => ({ ...member, stake: 1n })) })
    expect(verdict(certificate, restaked)).toBe('PROOF_INVALID committee_root')
  })

  it('needs at least two thirds, exactly two thirds suffice', () => {
    const equal = createCommittee({ ...committee, members: members.slice(0, 3).map((member) => ({ ...member, stake: 5n })) })
    expect([0n, 5n, 9n, 10n, 15n].map((stake) => reachesThreshold(equal, stake))).toEqual([false, false, false, true, true])
  })

  it('has one encoding, and every flipped bit of it is refused', () => {
    const bytes = encodeCertificate(certificate)
    expect(bytes.length).toBe(188)
    expect(decodeCertificate(bytes)).toEqual(certificate)
    // The signature stands for any wrong one here: BLS itself is tested above and is slow.
    const exact: Multisignature = {
      ...nobleMultisignature,
      verify: (keys, message, signature) =>
        keys.length === 3 &&
        keys.every((key, index) => key === committee.publicKeys[index + 1]) &&
        toHex(message) === toHex(windowMessage(window)) &&
        toHex(signature) === toHex(certificate.signature),
    }
    const checks = new Set<string | undefined>()
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const found = refusal(() =>
        verifyCertificate(decodeCertificate(flipped(bytes, bit >> 3, 1 << (bit & 7))), committee, {
          chainId: CHAIN_ID,
          multisignature: exact,
        }),
      )
      expect([bit, found]).not.toEqual([bit, undefined])
      checks.add(found)
    }
    expect([...checks].sort()).toEqual(
      [
        'INVALID_ARGUMENT form',
        ...['bitmap', 'chain', 'committee', 'committee_root', 'epoch', 'signature', 'threshold'].map(
          (check) => `PROOF_INVALID ${check}`,
        ),
      ].sort(),
    )
  })

  it('is refused, never a crash, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, plausible) => {
        if (plausible && bytes.length > 91) {
          bytes.set([1], 0)
          bytes.set([0, 0, 0, 1], 53)
          bytes.set([0, 1], 89)
        }
        const found = refusal(() => expect(encodeCertificate(decodeCertificate(bytes))).toEqual(bytes))
        expect([undefined, 'INVALID_ARGUMENT form']).toContain(found)
      }),
      { numRuns: 2_000 },
    )
    for (let length = 0; length < 188; length++) {
      expect(refusal(() => decodeCertificate(encodeCertificate(certificate).slice(0, length)))).toBe('INVALID_ARGUMENT form')
    }
  })

  it('names its members in a bitmap of exactly their number', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(99)), (signers) => {
        expect(signersOf(bitmapOf(signers, 100), 100)).toEqual([...signers].sort((a, b) => a - b))
      }),
    )
  })
})

describe('a bundle in a window', () => {
  it('stands at its own place only, for every size of window', () => {
    for (const count of [1, 2, 3, 4, 5, 6, 7, 8, 13, 33, 256]) {
      const all = Array.from({ length: count }, (_, index) => statementOf(index))
      const hashes = all.map((statement) => hashStatement(statement, CHAIN_ID))
      const of = createWindow(all, committee, CHAIN_ID)
      expect(of.windowRoot).toEqual(windowRootOf(hashes))
      for (let index = 0; index < count; index += count > 40 ? 51 : 1) {
        const path = windowPath(hashes, index)
        const at = (place: { index: number; path: readonly Uint8Array[] }, statement = all[index] as Statement) =>
          refusal(() => verifyMembership(statement, of, place))
        expect(at({ index, path })).toBeUndefined()
        expect(at({ index, path: [...path, new Uint8Array(32)] })).toBe('PROOF_INVALID path')
        if (count > 1) {
          expect(at({ index: (index + 1) % count, path })).toBe('PROOF_INVALID path')
          expect(at({ index, path: path.slice(1) })).toBe('PROOF_INVALID path')
          expect(at({ index, path: [flipped(path[0] as Uint8Array, 3), ...path.slice(1)] })).toBe('PROOF_INVALID path')
          expect(at({ index, path: [new Uint8Array(31), ...path.slice(1)] })).toBe('PROOF_INVALID path')
        }
        expect(at({ index: count, path })).toBe('PROOF_INVALID path')
        expect(at({ index: -1, path })).toBe('PROOF_INVALID path')
      }
    }
    expect(foldWindowPath(new Uint8Array(32), { index: 0.5, count: 2, path: [] })).toBeUndefined()
  })

  it('is another one with any field changed', () => {
    const [statement, hashes] = [statements[1] as Statement, statements.map((each) => hashStatement(each, CHAIN_ID))]
    const place = { index: 1, path: windowPath(hashes, 1) }
    expect(refusal(() => verifyMembership(statement, window, place))).toBeUndefined()
    const changes: [Partial<Statement>, string][] = [
      [{ commitment: flipped(statement.commitment, 0) }, 'path'],
      [{ k: 512 }, 'path'],
      [{ n: 256 }, 'path'],
      [{ rowBytes: 128 }, 'path'],
      [{ payloadBytes: 1 }, 'path'],
      [{ epoch: 8n }, 'epoch'],
      [{ committee: 1 }, 'committee'],
      [{ expiry: 1n }, 'path'],
    ]
    for (const [change, check] of changes) {
      expect([change, refusal(() => verifyMembership({ ...statement, ...change }, window, place))]).toEqual([
        change,
        `PROOF_INVALID ${check}`,
      ])
    }
    expect(refusal(() => verifyMembership(statement, { ...window, chainId: 1n }, place))).toBe('PROOF_INVALID path')
  })

  it('is signed only in the layout that the network has for its size', () => {
    const verdictOf = (change: Partial<Statement>) => refusal(() => checkStatement({ ...statementOf(0), ...change }, committee))
    expect(verdictOf({})).toBeUndefined()
    expect(verdictOf({ k: 512, n: 1_536 })).toBe('PROOF_INVALID layout')
    expect(verdictOf({ n: 256 })).toBe('PROOF_INVALID layout')
    expect(verdictOf({ rowBytes: 128 })).toBe('PROOF_INVALID layout')
    expect(verdictOf({ payloadBytes: 64 * 256 })).toBe('PROOF_INVALID layout')
    expect(verdictOf({ payloadBytes: 0 })).toBe('INVALID_ARGUMENT')
    expect(verdictOf({ payloadBytes: 134_217_724 })).toBe('LIMIT_EXCEEDED')
    expect(verdictOf({ epoch: 6n })).toBe('PROOF_INVALID epoch')
    expect(verdictOf({ committee: 3 })).toBe('PROOF_INVALID committee')
  })
})

describe('collecting signatures', () => {
  const many = createCommittee({
    epoch: 7n,
    id: 0,
    seed: sha256(Uint8Array.of(7)),
    members: keylessMembers(Array.from({ length: 40 }, () => 1n)),
  })
  const ofMany = createWindow(statements, many, CHAIN_ID)
  const signature = (member: number) => simulatedSign(many.publicKeys[member] as Uint8Array, windowMessage(ofMany))
  const deps = { committee: many, multisignature: simulatedMultisignature }

  it('finds exactly the bad ones by halving, with few checks', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(39), { maxLength: 6 }), (bad) => {
        let checks = 0
        const counting = {
          ...simulatedMultisignature,
          verify: (...args: Parameters<Multisignature['verify']>) => ++checks > 0 && simulatedMultisignature.verify(...args),
        }
        const signatures = new Map(
          many.members.map((_, member) => [
            member,
            bad.includes(member) ? new Uint8Array(96).fill(member + 1) : signature(member),
          ]),
        )
        const result = certify(ofMany, signatures, { committee: many, multisignature: counting })
        const sorted = [...bad].sort((a, b) => a - b)
        expect('invalid' in result ? result.invalid : []).toEqual(sorted)
        expect(checks).toBeLessThanOrEqual(1 + 12 * bad.length)
        expect(findInvalid(ofMany, signatures, deps)).toEqual(sorted)
      }),
      { numRuns: 50 },
    )
  })

  it('takes signatures in any order and a signature of the wrong length as bad', () => {
    const signatures = new Map([3, 1, 2].map((member) => [member, signature(member)]))
    const result = certify(ofMany, signatures, deps)
    expect('certificate' in result && signersOf(result.certificate.bitmap, 40)).toEqual([1, 2, 3])
    expect(findInvalid(ofMany, signatures.set(9, new Uint8Array(95)), deps)).toEqual([9])
  })

  it('finds real signatures that are of another window, another key or no point', () => {
    const message = windowMessage(window)
    const signatures = new Map(secretKeys.map((key, member) => [member, nobleBls.sign(key, message)]))
    signatures.set(0, nobleBls.sign(secretKeys[0] as Uint8Array, windowMessage({ ...window, count: 2 })))
    signatures.set(2, new Uint8Array(96).fill(0xff))
    expect(certify(window, signatures, { committee, multisignature: nobleMultisignature })).toEqual({ invalid: [0, 2] })
  })
})

describe('a committee', () => {
  it('is refused where no contract could hold it', () => {
    const of = (change: Partial<Committee>) => refusal(() => createCommittee({ ...committee, ...change }))
    const member = members[0] as Member
    expect(of({})).toBeUndefined()
    const bad: Partial<Committee>[] = [
      { members: [] },
      { members: Array.from({ length: 1_025 }, () => member) },
      { members: [{ ...member, stake: 0n }] },
      {
        members: [
          { ...member, stake: 2n ** 63n },
          { ...member, stake: 2n ** 63n },
        ],
      },
      { members: [{ ...member, key: member.key.subarray(1) }] },
      { members: [{ ...member, key: new Uint8Array(96) }] },
      { members: [{ ...member, key: new Uint8Array(96).fill(0x1f) }] },
      { seed: new Uint8Array(31) },
      { epoch: -1n },
      { epoch: 2n ** 64n },
      { id: 2 ** 32 },
    ]
    for (const change of bad) expect(of(change)).toBe('INVALID_ARGUMENT form')
  })

  it('compresses keys as BLS libraries do, for both signs of y', () => {
    const signs = secretKeys.map((secretKey) => {
      const compressed = nobleBls.publicKey(secretKey)
      expect(compressKey(affine(secretKey))).toEqual(compressed)
      return (compressed[0] as number) & 0x20
    })
    expect(new Set(signs).size).toBe(2)
  })
})

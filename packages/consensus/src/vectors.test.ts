import { hash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { fromHex, toHex } from '@zerog/primitives'
import { nobleBls, nobleMultisignature } from './noble.ts'
import { provePossession, verifyPossession } from './possession.ts'
import { genesisRandomness, leaderMessage, nextRandomness } from './randomness.ts'
import { assembleCertificate, createCommittee, verifyCertificate } from './simplex/committee.ts'
import { decodeCertificate, encodeCertificate, voteMessage } from './simplex/encoding.ts'
import { leaderSchedule } from './simplex/schedule.ts'
import { type Ballot, NO_BLOCK } from './simplex/types.ts'
import { decodeValidatorSet, encodeValidatorSet, validatorSetHash } from './validator-set.ts'

const PATH = new URL('../../../tests/vectors/consensus.json', import.meta.url)
const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'))

/** Four validators with public secret keys and unequal stakes; everything else follows from them. */
function vectors() {
  const context = { chainId: 31_337n, epoch: 7n }
  const secretKeys = [1, 2, 3, 4].map((index) => sha256(Uint8Array.of(index)).fill(0, 0, 1))
  const validators = secretKeys.map((key, index) => ({
    publicKey: nobleBls.publicKey(key),
    stake: BigInt(index + 1) * 10n ** 18n,
  }))
  const committee = createCommittee({ context, validators, multisignature: nobleMultisignature })
  const block = toHex(sha256(new TextEncoder().encode('a block')))
  const ballots: Ballot[] = [
    { kind: 'notarize', view: 12, parentView: 10, blockHash: block },
    { kind: 'nullify', view: 12, parentView: 0, blockHash: NO_BLOCK },
    { kind: 'finalize', view: 2 ** 53 - 1, parentView: 11, blockHash: block },
  ]
  const certificates = ballots.map((ballot) => {
    const message = voteMessage(context, ballot)
    const votes = new Map([0, 2, 3].map((signer) => [signer, nobleBls.sign(secretKeys[signer] as Uint8Array, message)]))
    const result = assembleCertificate(committee, ballot, votes)
    if (!('certificate' in result)) throw new Error('votes were refused')
    return {
      ballot,
      signers: result.certificate.signers,
      voteMessage: toHex(message),
      encoded: toHex(encodeCertificate(context, result.certificate, validators.length)),
    }
  })
  const seed = sha256(new TextEncoder().encode('a seed'))
  const leader = leaderSchedule({ seed, epoch: context.epoch, validators, sha256 })
  const setHash = validatorSetHash(validators, sha256)
  const slot = { ...context, view: 12n }
  const leaderSignature = nobleBls.sign(secretKeys[0] as Uint8Array, leaderMessage(slot))
  const genesis = genesisRandomness(context.chainId, setHash, sha256)
  return {
    comment: 'docs/spec/consensus.md. ZEROG_WRITE_VECTORS=1 rewrites this file: only with a decision that changes the protocol.',
    chainId: Number(context.chainId),
    epoch: Number(context.epoch),
    secretKeys: secretKeys.map(toHex),
    validators: validators.map(({ publicKey, stake }) => ({ publicKey: toHex(publicKey), stake: stake.toString() })),
    possessions: secretKeys.map((key) => toHex(provePossession(key, nobleBls))),
    validatorSet: toHex(encodeValidatorSet(validators)),
    validatorSetHash: toHex(setHash),
    certificates,
    schedule: { seed: toHex(seed), leaders: Array.from({ length: 32 }, (_, index) => leader(index + 1)) },
    randomness: {
      genesis: toHex(genesis),
      view: 12,
      leaderMessage: toHex(leaderMessage(slot)),
      leaderSignature: toHex(leaderSignature),
      next: toHex(nextRandomness(genesis, leaderSignature, sha256)),
    },
  }
}

test('bytes on the wire, hashes, signatures and the schedule are those of the published vectors', () => {
  const made = vectors()
  if (process.env.ZEROG_WRITE_VECTORS === '1') writeFileSync(PATH, `${JSON.stringify(made, null, 2)}\n`)
  expect(made).toEqual(JSON.parse(readFileSync(PATH, 'utf8')))
}, 300_000)

test('the published vectors verify from their bytes alone', () => {
  const file = JSON.parse(readFileSync(PATH, 'utf8')) as ReturnType<typeof vectors>
  const validators = decodeValidatorSet(fromHex(file.validatorSet))
  expect(toHex(validatorSetHash(validators, sha256))).toBe(file.validatorSetHash)
  for (const { encoded } of file.certificates) {
    const { context, certificate, validatorCount } = decodeCertificate(fromHex(encoded))
    expect(validatorCount).toBe(validators.length)
    const committee = createCommittee({ context, validators, multisignature: nobleMultisignature })
    expect(verifyCertificate(committee, certificate)).toBe(true)
    const elsewhere = createCommittee({ ...committee, context: { ...context, chainId: 1n } })
    expect(verifyCertificate(elsewhere, certificate)).toBe(false)
  }
  const [first, second] = file.possessions.map((proof) => fromHex(proof))
  const { publicKey } = validators[0] as (typeof validators)[number]
  expect(verifyPossession(publicKey, first as Uint8Array, nobleBls)).toBe(true)
  expect(verifyPossession(publicKey, second as Uint8Array, nobleBls)).toBe(false)
}, 300_000)

import { hash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { encodeHeader, type Header } from '@zerog/evm'
import { type Hex, keccak256, toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { assembleCertificate, createCommittee, type Validator } from '../simplex/committee.ts'
import { encodeCertificate, voteMessage } from '../simplex/encoding.ts'
import { type Ballot, NO_BLOCK } from '../simplex/types.ts'
import { simulatedMultisignature, simulatedSign } from '../testing.ts'
import { encodeValidatorSet, validatorSetHash } from '../validator-set.ts'
import { advance, type LightClientNetwork, type TrustedState, trustBlock, trustSet, verifyFinality } from './light-client.ts'

const WORD: Hex = `0x${'00'.repeat(32)}`
const START = 1_700_000_000n
const network: LightClientNetwork = {
  chainId: 31_337n,
  epochLength: 10n,
  undelegationDelaySeconds: 30_000n,
  trustingPeriodSeconds: 20_000n,
  clockDriftSeconds: 30n,
}
const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'))

/** The set of an epoch: validators come and go, and weigh differently. */
function setOf(epoch: number): Validator[] {
  return Array.from({ length: 4 + (epoch % 3) }, (_, index) => ({
    publicKey: new Uint8Array(48).fill(epoch + 1, 0, 1).fill(index, 1),
    stake: BigInt(1 + ((epoch + index) % 4)),
  }))
}

type Made = { readonly header: Uint8Array; readonly hash: Hex; readonly height: number }

function chainOf(length: number): Made[] {
  const blocks: Made[] = []
  for (let height = 0; height <= length; height++) {
    // The set that votes on the block after this one.
    const set = validatorSetHash(setOf(Math.floor(height / 10)), sha256)
    const header = encodeHeader(headerOf(height, blocks.at(-1)?.hash ?? WORD, toHex(set)))
    blocks.push({ header, hash: toHex(keccak256(header)), height })
  }
  return blocks
}

function headerOf(height: number, parentHash: Hex, extraData: Hex): Header {
  return {
    parentHash,
    ommersHash: WORD,
    beneficiary: `0x${'22'.repeat(20)}`,
    stateRoot: toHex(keccak256(Uint8Array.of(height))),
    transactionsRoot: WORD,
    receiptsRoot: WORD,
    logsBloom: `0x${'00'.repeat(256)}`,
    difficulty: 0n,
    height: BigInt(height),
    gasLimit: 60_000_000n,
    gasUsed: 0n,
    timestampSeconds: START + BigInt(height),
    extraData,
    prevRandao: WORD,
    nonce: '0x0000000000000000',
    baseFeePerGas: 1n,
    withdrawalsRoot: WORD,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
    parentBeaconBlockRoot: WORD,
    requestsHash: WORD,
  }
}

type Signing = {
  epoch?: number
  signers?: readonly number[]
  kind?: Ballot['kind']
  blockHash?: Hex
  chainId?: bigint
  set?: Validator[]
}

/** What the validators of an epoch sign about a block; every option is something that a liar may change. */
function certify(block: Made, options: Signing = {}): Uint8Array {
  const epoch = options.epoch ?? Math.floor((block.height - 1) / 10)
  const validators = options.set ?? setOf(epoch)
  const context = { chainId: options.chainId ?? network.chainId, epoch: BigInt(epoch) }
  const committee = createCommittee({ context, validators, multisignature: simulatedMultisignature })
  const kind = options.kind ?? 'finalize'
  const ballot: Ballot =
    kind === 'nullify'
      ? { kind, view: 5, parentView: 0, blockHash: NO_BLOCK }
      : { kind, view: 5, parentView: 4, blockHash: options.blockHash ?? block.hash }
  const signers = options.signers ?? validators.map((_, index) => index)
  const votes = new Map(
    signers.map((signer) => [signer, simulatedSign((validators[signer] as Validator).publicKey, voteMessage(context, ballot))]),
  )
  const result = assembleCertificate(committee, ballot, votes)
  if (!('certificate' in result)) throw new Error('votes were refused')
  return encodeCertificate(context, result.certificate, validators.length)
}

const chain = chainOf(45)
const at = (height: number) => chain[height] as Made
const deps = { multisignature: simulatedMultisignature, nowSeconds: START + 100n }
const genesis = () => trustBlock(network, { hash: at(0).hash, header: at(0).header, validators: encodeValidatorSet(setOf(0)) })
const update = (height: number) => ({
  header: at(height).header,
  certificate: certify(at(height)),
  ...(height % 10 === 0 ? { validators: encodeValidatorSet(setOf(height / 10)) } : {}),
})
const proofOf = (heights: readonly number[], certificate?: Uint8Array) => ({
  headers: heights.map((height) => at(height).header),
  certificate: certificate ?? certify(at(heights.at(-1) as number)),
})

describe('a light client', () => {
  test('walks from the genesis over epochs whose validators come and go, with one certificate each', () => {
    let trusted = genesis()
    for (const height of [10, 20, 30, 40]) trusted = advance(network, trusted, update(height), deps)
    expect(trusted.epoch).toBe(4n)
    expect(trusted.validators).toEqual(setOf(4))
    const header = verifyFinality(network, trusted, proofOf([43]), deps)
    expect(header).toMatchObject({ hash: at(43).hash, height: 43n, stateRoot: toHex(keccak256(Uint8Array.of(43))) })
  })

  test('takes newer blocks of an epoch to stay within the trusting period', () => {
    const trusted = advance(network, genesis(), update(7), deps)
    expect(trusted).toMatchObject({ epoch: 0n, header: { height: 7n } })
    const late = { ...deps, nowSeconds: START + network.trustingPeriodSeconds + 3n }
    expect(() => verifyFinality(network, genesis(), proofOf([8]), late)).toThrow('trusting period')
    expect(verifyFinality(network, trusted, proofOf([8]), late).height).toBe(8n)
  })

  test('believes an ancestor of a finalized block', () => {
    expect(verifyFinality(network, genesis(), proofOf([3, 4, 5, 6]), deps).hash).toBe(at(3).hash)
    expect(() => verifyFinality(network, genesis(), proofOf([3, 5, 6]), deps)).toThrow('no chain')
    expect(() => verifyFinality(network, genesis(), { headers: [], certificate: certify(at(3)) }, deps)).toThrow(ZerogError)
  })

  test.each<[string, Signing]>([
    ['of too little stake', { signers: [0, 1] }],
    ['that only notarizes', { kind: 'notarize' }],
    ['that nullifies', { kind: 'nullify' }],
    ['of another block', { blockHash: WORD }],
    ['of another chain', { chainId: 1n }],
    ['of another epoch', { epoch: 1 }],
    ['of another epoch that claims to be this one', { set: setOf(3) }],
    ['of fewer validators', { set: setOf(0).slice(1) }],
  ])('refuses a certificate %s', (_, signing) => {
    expect(() => verifyFinality(network, genesis(), proofOf([7], certify(at(7), signing)), deps)).toThrow(ZerogError)
    expect(verifyFinality(network, genesis(), proofOf([7]), deps).height).toBe(7n)
  })

  test('refuses the validators of an epoch on blocks of another', () => {
    const certificate = certify(at(12), { epoch: 0 })
    expect(() => verifyFinality(network, genesis(), proofOf([12], certificate), deps)).toThrow('height 12')
  })

  test('does not go back, does not skip an epoch, and needs the set that the last block names', () => {
    const trusted = advance(network, genesis(), update(7), deps)
    expect(() => advance(network, trusted, update(7), deps)).toThrow('not above')
    expect(() => advance(network, trusted, update(6), deps)).toThrow('not above')
    expect(() => advance(network, genesis(), update(20), deps)).toThrow('epoch')
    const { validators: _, ...without } = update(10)
    expect(() => advance(network, genesis(), without, deps)).toThrow('is missing')
    const foreign = { ...without, validators: encodeValidatorSet(setOf(2)) }
    expect(() => advance(network, genesis(), foreign, deps)).toThrow('not the one that the header names')
  })

  test('does not believe a set change within an epoch, whoever signs it', () => {
    const header = encodeHeader(headerOf(7, at(6).hash, toHex(validatorSetHash(setOf(5), sha256))))
    const block = { header, hash: toHex(keccak256(header)), height: 7 }
    expect(() => advance(network, genesis(), { header, certificate: certify(block) }, deps)).toThrow('within an epoch')
  })

  test('believes nobody after the trusting period, and no block of the future', () => {
    const expired = { ...deps, nowSeconds: START + network.trustingPeriodSeconds }
    expect(() => advance(network, genesis(), update(7), expired)).toThrow('trusting period')
    expect(verifyFinality(network, genesis(), proofOf([7]), { ...deps, nowSeconds: expired.nowSeconds - 1n }).height).toBe(7n)
    const early = { ...deps, nowSeconds: START + 7n - network.clockDriftSeconds - 1n }
    expect(() => advance(network, genesis(), update(7), early)).toThrow('future')
  })

  test('begins only with a header that has the trusted hash and names the given set', () => {
    const start = { hash: at(0).hash, header: at(0).header, validators: encodeValidatorSet(setOf(0)) }
    expect(() => trustBlock(network, { ...start, hash: at(1).hash })).toThrow(ZerogError)
    expect(() => trustBlock(network, { ...start, validators: encodeValidatorSet(setOf(1)) })).toThrow(ZerogError)
    const middle = trustBlock(network, {
      ...start,
      hash: at(14).hash,
      header: at(14).header,
      validators: encodeValidatorSet(setOf(1)),
    })
    expect(middle.epoch).toBe(1n)
    const boundary = trustBlock(network, {
      ...start,
      hash: at(20).hash,
      header: at(20).header,
      validators: encodeValidatorSet(setOf(2)),
    })
    expect(boundary.epoch).toBe(2n)
    expect(() => trustBlock({ ...network, trustingPeriodSeconds: 30_000n }, start)).toThrow('shorter')
  })

  test('begins with the hash of a set as well, and from its first header on counts the age', () => {
    const validators = encodeValidatorSet(setOf(1))
    const hash = toHex(validatorSetHash(setOf(1), sha256))
    const late = { ...deps, nowSeconds: START + 10n * network.trustingPeriodSeconds }
    const trusted = trustSet({ hash, epoch: 1n, validators })
    expect(verifyFinality(network, trusted, proofOf([12]), late).hash).toBe(at(12).hash)
    expect(() => trustSet({ hash, epoch: 1n, validators: encodeValidatorSet(setOf(2)) })).toThrow('trusted is')
    expect(() => verifyFinality(network, trusted, proofOf([22]), late)).toThrow('epoch')
    const wrong = trustSet({
      hash: toHex(validatorSetHash(setOf(2), sha256)),
      epoch: 1n,
      validators: encodeValidatorSet(setOf(2)),
    })
    expect(() => verifyFinality(network, wrong, proofOf([12]), late)).toThrow(ZerogError)
    const next = advance(network, trusted, update(13), late)
    expect(next).toMatchObject({ epoch: 1n, header: { height: 13n } })
    expect(() => advance(network, next, update(14), late)).toThrow('trusting period')
  })

  test('refuses an update with any bit flipped', () => {
    const good = update(10)
    const parts = ['header', 'certificate', 'validators'] as const
    fc.assert(
      fc.property(fc.constantFrom(...parts), fc.nat(), (part, position) => {
        const bytes = (good[part] as Uint8Array).slice()
        const bit = position % (8 * bytes.length)
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
        // The view and parent view of a vote are signed, so nothing in a certificate is free.
        expect(() => advance(network, genesis(), { ...good, [part]: bytes }, deps)).toThrow(ZerogError)
      }),
      { numRuns: 500 },
    )
    expect(advance(network, genesis(), good, deps).epoch).toBe(1n)
  })

  test('answers rubbish with a reason', () => {
    const bytes = fc.uint8Array({ maxLength: 700 })
    const trusted: TrustedState = genesis()
    fc.assert(
      fc.property(bytes, bytes, bytes, (header, certificate, validators) => {
        expect(() => advance(network, trusted, { header, certificate, validators }, deps)).toThrow(ZerogError)
      }),
    )
  })
})

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { genesisRandomness, leaderMessage, nextRandomness, validatorSetHash, verifyRandomness } from '@zerog/consensus'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import { nodeCrypto } from '../src/adapters/crypto.ts'
import { developmentSecretKey } from '../src/adapters/development-key.ts'

type Vectors = {
  chainId: string
  secretKey: Hex
  publicKey: Hex
  validatorSets: { validators: { publicKey: Hex; stake: string }[]; hash: Hex }[]
  genesisR: Hex
  rounds: { epoch: string; view: string; message: Hex; signature: Hex; r: Hex }[]
}
const vectors = JSON.parse(readFileSync(new URL('../../../tests/vectors/randomness.json', import.meta.url), 'utf8')) as Vectors
const { bls, sha256 } = nodeCrypto
const chainId = BigInt(vectors.chainId)
/** Ciphersuite of docs/spec/header.md. */
const DST = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'

describe('golden randomness', () => {
  test('the development key, its public key and the validator set hashes', () => {
    expect(toHex(developmentSecretKey())).toBe(vectors.secretKey)
    expect(toHex(bls.publicKey(fromHex(vectors.secretKey)))).toBe(vectors.publicKey)
    for (const { validators, hash } of vectors.validatorSets) {
      const set = validators.map(({ publicKey, stake }) => ({ publicKey: fromHex(publicKey), stake: BigInt(stake) }))
      expect(toHex(validatorSetHash(set, sha256))).toBe(hash)
    }
  })

  test('messages, signatures and r of the first views', () => {
    let r: Uint8Array = genesisRandomness(chainId, fromHex(vectors.validatorSets[0]?.hash ?? '0x'), sha256)
    expect(toHex(r)).toBe(vectors.genesisR)
    for (const round of vectors.rounds) {
      const message = leaderMessage({ chainId, epoch: BigInt(round.epoch), view: BigInt(round.view) })
      const signature = bls.sign(fromHex(vectors.secretKey), message)
      r = nextRandomness(r, signature, sha256)
      expect({ message: toHex(message), signature: toHex(signature), r: toHex(r) }).toEqual({
        message: round.message,
        signature: round.signature,
        r: round.r,
      })
    }
  })

  test('@noble/curves and plain SHA-256 give the same', () => {
    const { longSignatures } = bls12_381
    let r = fromHex(vectors.genesisR)
    for (const { message, signature, r: wanted } of vectors.rounds) {
      const point = longSignatures.hash(fromHex(message), DST)
      const ours = longSignatures.Signature.toBytes(longSignatures.sign(point, fromHex(vectors.secretKey)))
      expect(toHex(ours)).toBe(signature)
      r = new Uint8Array(createHash('sha256').update(r).update(ours).digest())
      expect(toHex(r)).toBe(wanted)
    }
  })

  test('a signature of another view, key or chain, and another r, are refused', () => {
    const [first, second] = vectors.rounds
    const leader = { publicKey: fromHex(vectors.publicKey), stake: 1n }
    const claim = {
      slot: { chainId, epoch: 0n, view: 1n },
      leader,
      signature: fromHex(first?.signature ?? '0x'),
      previous: fromHex(vectors.genesisR),
      found: first?.r ?? ('0x' as Hex),
    }
    const verify = (change: Partial<typeof claim>) => () => verifyRandomness({ ...claim, ...change }, nodeCrypto)
    expect(verify({})).not.toThrow()
    expect(verify({ signature: fromHex(second?.signature ?? '0x') })).toThrow('signature')
    expect(verify({ slot: { chainId: 1n, epoch: 0n, view: 1n } })).toThrow('signature')
    expect(verify({ slot: { chainId, epoch: 1n, view: 1n } })).toThrow('signature')
    const stranger = bls.publicKey(fromHex(`0x${'05'.padStart(64, '0')}`))
    expect(verify({ leader: { publicKey: stranger, stake: 1n } })).toThrow('signature')
    expect(verify({ leader: { publicKey: new Uint8Array(48), stake: 1n } })).toThrow('signature')
    expect(verify({ signature: new Uint8Array(96) })).toThrow('signature')
    expect(verify({ found: second?.r ?? '0x' })).toThrow('prevRandao')
  })
})

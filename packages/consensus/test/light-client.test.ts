import { hash } from 'node:crypto'
import { createContext, runInContext } from 'node:vm'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import { type AccountProof, type BlockEnvironment, createExecutor, encodeHeader } from '@zerog/evm'
import { bigintToBytes, type Hex, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { encodeCertificate, voteMessage } from '../src/index.ts'
import {
  encodeValidatorSet,
  type ProofResponse,
  trustBlock,
  verifyFinality,
  verifyProofResponse,
} from '../src/light-client/index.ts'
import { nobleBls, nobleMultisignature } from '../src/noble.ts'
import { validatorSetHash } from '../src/validator-set.ts'
import { bundleForBrowser } from './bundle.ts'

const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'))
const word = (value: bigint): Hex => toHex(bigintToBytes(value, 32))
const CONTRACT: Hex = `0x${'c0'.repeat(20)}`
const RICH: Hex = `0x${'11'.repeat(20)}`
const NOBODY: Hex = `0x${'99'.repeat(20)}`
const slots = Array.from({ length: 60 }, (_, index) => BigInt(index))

/** A chain of two blocks of the real executor, the second certified by four real BLS keys, and its account proofs. */
async function world() {
  const secretKeys = [1, 2, 3, 4].map((index) => sha256(Uint8Array.of(index)).fill(0, 0, 1))
  const validators = secretKeys.map((key) => ({ publicKey: nobleBls.publicKey(key), stake: 5n }))
  const environment: BlockEnvironment = {
    height: 0n,
    parentHash: word(0n),
    timestampSeconds: 1_700_000_000n,
    gasLimit: 60_000_000n,
    baseFeePerGas: 10n ** 9n,
    beneficiary: `0x${'bb'.repeat(20)}`,
    prevRandao: word(7n),
    extraData: toHex(validatorSetHash(validators, sha256)),
  }
  const executor = createExecutor({ kv: memoryKv(), chainId: 31_337n })
  const storage = Object.fromEntries(slots.map((slot) => [word(slot), word(slot * slot + 1n)]))
  const allocation = {
    [CONTRACT]: { balance: 3n, nonce: 1n, code: '0x6001' as Hex, storage },
    ...Object.fromEntries(slots.map((slot) => [toHex(bigintToBytes(slot + 1_000n, 20)), { balance: slot + 1n }])),
    [RICH]: { balance: 10n ** 22n },
  }
  const genesis = await executor.genesis({ allocation, environment })
  executor.commit(genesis)
  const next = { ...environment, height: 1n, parentHash: genesis.hash, timestampSeconds: environment.timestampSeconds + 1n }
  const { block } = await executor.build({ parent: genesis.header, environment: next, candidates: [] })
  executor.commit(block)
  const context = { chainId: 31_337n, epoch: 0n }
  const ballot = { kind: 'finalize', view: 1, parentView: 0, blockHash: block.hash } as const
  const signers = [0, 1, 3]
  const signatures = signers.map((signer) => nobleBls.sign(secretKeys[signer] as Uint8Array, voteMessage(context, ballot)))
  const signature = nobleMultisignature.aggregate(signatures) as Uint8Array
  const prove = async (address: Hex, wanted: readonly bigint[]) =>
    asJson(await executor.proof(block.header.stateRoot, address, wanted.map(word)))
  return {
    genesis: { hash: genesis.hash, header: encodeHeader(genesis.header), validators: encodeValidatorSet(validators) },
    proof: { headers: [encodeHeader(block.header)], certificate: encodeCertificate(context, { ballot, signers, signature }, 4) },
    responses: {
      contract: await prove(CONTRACT, [0n, 3n, 7n, 59n, 60n, 1n << 255n]),
      rich: await prove(RICH, [0n]),
      nobody: await prove(NOBODY, [1n]),
    },
  }
}

const asJson = (proof: AccountProof): ProofResponse =>
  JSON.parse(JSON.stringify(proof, (_, value) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value)))

const network = {
  chainId: 31_337n,
  epochLength: 28_800n,
  undelegationDelaySeconds: 1_814_400n,
  trustingPeriodSeconds: 1_209_600n,
  clockDriftSeconds: 30n,
}
const now = { nowSeconds: 1_700_000_100n }
const asked = (response: ProofResponse) => ({
  address: response.address as Hex,
  slots: response.storageProof.map(({ key }) => word(BigInt(key))),
})

let real: Awaited<ReturnType<typeof world>>
beforeAll(async () => {
  real = await world()
}, 300_000)

describe('with real headers, real signatures and the proofs of eth_getProof', () => {
  test('a client that knows one block hash reads balances, words and absences', () => {
    const trusted = trustBlock(network, real.genesis)
    const header = verifyFinality(network, trusted, real.proof, { multisignature: nobleMultisignature, ...now })
    const read = (response: ProofResponse) => verifyProofResponse(header.stateRoot, asked(response), response)
    expect(read(real.responses.contract)).toMatchObject({
      account: { balance: 3n, nonce: 1n },
      storage: [1n, 10n, 50n, 3_482n, 0n, 0n],
    })
    expect(read(real.responses.rich)).toMatchObject({ account: { balance: 10n ** 22n }, storage: [0n] })
    expect(read(real.responses.nobody)).toEqual({ account: undefined, storage: [0n] })
  }, 300_000)

  test('any other claim, node, key or root is refused', () => {
    const trusted = trustBlock(network, real.genesis)
    const { stateRoot } = verifyFinality(network, trusted, real.proof, { multisignature: nobleMultisignature, ...now })
    const good = real.responses.contract
    const texts: [string, (response: ProofResponse, text: string) => ProofResponse, string][] = [
      ...(['balance', 'nonce', 'codeHash', 'storageHash', 'address'] as const).map((field): (typeof texts)[number] => [
        field,
        (response, text) => ({ ...response, [field]: text }),
        good[field],
      ]),
      ...good.accountProof.map((node, index): (typeof texts)[number] => [
        `account node ${index}`,
        (response, text) => ({ ...response, accountProof: response.accountProof.with(index, text) }),
        node,
      ]),
      ...good.storageProof.flatMap((slot, at) =>
        [slot.value, ...slot.proof].map((text, index): (typeof texts)[number] => [
          `slot ${at} part ${index}`,
          (response, changed) => ({
            ...response,
            storageProof: response.storageProof.with(
              at,
              index === 0 ? { ...slot, value: changed } : { ...slot, proof: slot.proof.with(index - 1, changed) },
            ),
          }),
          text,
        ]),
      ),
    ]
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(), fc.integer({ min: 1, max: 15 }), ([, change, text], position, by) => {
        const digit = 2 + (position % (text.length - 2))
        const changed = (Number.parseInt(text[digit] as string, 16) ^ by).toString(16)
        const mutant = change(good, text.slice(0, digit) + changed + text.slice(digit + 1))
        expect(() => verifyProofResponse(stateRoot, asked(good), mutant)).toThrow(/proof refused/)
      }),
      { numRuns: 400 },
    )
    expect(() => verifyProofResponse(word(1n), asked(good), good)).toThrow(/proof refused/)
    expect(() => verifyProofResponse(stateRoot, { ...asked(good), slots: [word(5n)] }, good)).toThrow(/proof refused/)
  }, 300_000)
})

describe('in a browser', () => {
  test('the light client without BLS has at most 150 kB, minified', async () => {
    const code = await bundleForBrowser(['light-client'])
    const withBls = await bundleForBrowser(['light-client', 'noble'])
    process.stdout.write(`light client: ${code.length} bytes minified, ${withBls.length} with BLS\n`)
    expect(code.length).toBeGreaterThan(5_000)
    expect(code.length).toBeLessThanOrEqual(150_000)
  }, 300_000)

  test('it verifies without anything that only Node has', async () => {
    const code = await bundleForBrowser(['light-client', 'noble'])
    // What every browser has and a bare context lacks; no Buffer, no process, no require.
    const context = createContext({ TextEncoder, TextDecoder, WebAssembly, atob, btoa, crypto, input: { ...real, network, now } })
    const result = runInContext(
      `${code};
      const { genesis, proof, responses, network, now } = input
      // Arrays of this context: the outer ones are of another realm, as after structuredClone nothing is.
      const own = (bytes) => Uint8Array.from(bytes)
      const trusted = zerog.trustBlock(network, { hash: genesis.hash, header: own(genesis.header), validators: own(genesis.validators) })
      const header = zerog.verifyFinality(network, trusted, { headers: proof.headers.map(own), certificate: own(proof.certificate) }, { multisignature: zerog.nobleMultisignature, ...now })
      const slots = [0n, 3n, 7n, 59n, 60n, 1n << 255n].map((slot) => '0x' + slot.toString(16).padStart(64, '0'))
      const read = zerog.verifyProofResponse(header.stateRoot, { address: responses.contract.address, slots }, responses.contract)
      JSON.stringify([typeof Buffer, typeof process, read.account.balance.toString(), read.storage.map(String)])`,
      context,
    )
    expect(JSON.parse(result)).toEqual(['undefined', 'undefined', '3', ['1', '10', '50', '3482', '0', '0']])
  }, 300_000)
})

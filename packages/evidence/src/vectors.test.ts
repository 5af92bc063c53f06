import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import { hashTypedData } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import {
  type Batch,
  canonicalParams,
  createBatchTree,
  domainSeparator,
  encodeBatch,
  encodeReceipt,
  encodeSumProof,
  type InferenceReceipt,
  paramsHash,
  RECEIPT_FIELDS,
  RECEIPT_TYPE,
  RECEIPT_TYPE_HASH,
  receiptCommitment,
  receiptDomain,
  receiptHash,
  receiptStructHash,
  SETTLEMENT_TYPE_HASH,
  settlementDigest,
  settlementDomain,
  signReceipt,
  signSettlement,
  tokenIdsRoot,
  traceRoot,
} from './index.ts'

const PATH = new URL('../../../tests/vectors/receipt.json', import.meta.url)
const privateKey = new Uint8Array(32).fill(0x11)
const account = privateKeyToAccount(toHex(privateKey))
const repeat = (byte: string, length: number): Hex => `0x${byte.repeat(length)}`
const chainId = 31_337n
const provider = repeat('02', 20)
const params = { maxTokens: 64, seed: 2n ** 64n - 1n, stop: ['\n', '"é"'], temperatureMilli: 700, topK: 40, topPMilli: 950 }
const tokens = [1, 5, 0xffffffff]

const receipt: InferenceReceipt = {
  requestHash: repeat('a1', 32),
  responseHash: repeat('a2', 32),
  modelRoot: repeat('a3', 32),
  paramsHash: paramsHash(params),
  traceRoot: traceRoot(tokenIdsRoot(tokens)),
  user: repeat('01', 20),
  provider,
  agentId: 2n ** 200n + 7n,
  memoryRoot: repeat('a4', 32),
  promptTokens: 2n,
  completionTokens: 1n,
  fee: 2n ** 100n + 3n,
  nonce: 9n,
  finishedAt: 1_790_000_000_123n,
  mode: 3,
}
const domain = receiptDomain({ chainId, receiptAnchor: '0x0600000000000000000000000000000000000304' })
const settling = settlementDomain({ chainId, inferenceServing: '0x0165878a594ca255338adfa4d48449f69242eb8f' })
const commitment = receiptCommitment(receiptHash(receipt, domain), new Uint8Array(32).fill(0x5a))

const batch: Batch = {
  chainId,
  provider,
  users: [
    {
      user: receipt.user,
      claims: [
        { kind: 'carry', commitment: repeat('c0', 32), amount: 11n },
        { kind: 'receipt', commitment, amount: receipt.fee },
        { kind: 'receipt', commitment: repeat('c2', 32), amount: 0n },
        { kind: 'receipt', commitment: repeat('c3', 32), amount: 5n },
        { kind: 'receipt', commitment: repeat('c4', 32), amount: 6n },
      ],
    },
    { user: repeat('03', 20), claims: [{ kind: 'receipt', commitment: repeat('c5', 32), amount: 0n }] },
    { user: repeat('04', 20), claims: [{ kind: 'receipt', commitment: repeat('c6', 32), amount: 2n ** 127n }] },
  ],
}

/** Everything that must never change without a decision. */
function makeVectors() {
  const tree = createBatchTree(batch)
  const [first] = tree.users
  if (first === undefined) throw new Error('a batch has users')
  const settlement = { requestsHash: first.requestsHash, nonce: 4n, provider, user: first.user, totalFee: first.sum }
  return {
    comment: 'docs/spec/receipt.md. ZEROG_WRITE_VECTORS=1 rewrites this file: only with a decision that changes the formats.',
    privateKey: toHex(privateKey),
    signer: account.address.toLowerCase(),
    typeHash: RECEIPT_TYPE_HASH,
    domain,
    domainSeparator: domainSeparator(domain),
    params: { json: canonicalParams(params), hash: receipt.paramsHash },
    trace: { tokens, tokenIdsRoot: tokenIdsRoot(tokens), traceRoot: receipt.traceRoot },
    receipt,
    structHash: receiptStructHash(receipt),
    receiptHash: receiptHash(receipt, domain),
    signature: signReceipt(receipt, { domain, privateKey }),
    encoded: toHex(encodeReceipt(receipt)),
    salt: repeat('5a', 32),
    commitment,
    batch,
    blob: toHex(encodeBatch(batch)),
    users: tree.users.map(({ user, root, requestsHash, sum, count }) => ({ user, root, requestsHash, sum, count })),
    claimProofs: Array.from({ length: first.count }, (_, index) => toHex(encodeSumProof(first.prove(index)))),
    batchRoot: tree.batchRoot,
    batchSum: tree.sum,
    userProofs: batch.users.map(({ user }) => toHex(encodeSumProof(tree.prove(user)))),
    settlement: {
      typeHash: SETTLEMENT_TYPE_HASH,
      domain: settling,
      value: settlement,
      digest: settlementDigest(settlement, settling),
      signature: signSettlement(settlement, { domain: settling, privateKey }),
    },
  }
}

const print = (value: unknown): string =>
  `${JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item), 2)}\n`

describe('the golden values', () => {
  it('are what this code gives', () => {
    const made = print(makeVectors())
    if (process.env.ZEROG_WRITE_VECTORS === '1') writeFileSync(PATH, made)
    expect(JSON.parse(made)).toEqual(JSON.parse(readFileSync(PATH, 'utf8')))
  })
})

describe('an independent implementation of EIP-712', () => {
  const types = { InferenceReceipt: RECEIPT_FIELDS.map(({ name, type }) => ({ name, type })) }
  const typed = {
    domain,
    types,
    primaryType: 'InferenceReceipt',
    message: receipt as unknown as Record<string, unknown>,
  } as const

  it('gives the digest and the signature of a receipt', async () => {
    expect(receiptHash(receipt, domain)).toBe(hashTypedData(typed as never))
    expect(signReceipt(receipt, { domain, privateKey })).toBe(await account.signTypedData(typed as never))
  })

  it('names the same type', () => {
    expect(RECEIPT_TYPE).toBe(`InferenceReceipt(${RECEIPT_FIELDS.map(({ name, type }) => `${type} ${name}`).join(',')})`)
    for (const { type, sizeBytes } of RECEIPT_FIELDS) {
      const bits = /\d+$/.exec(type)?.[0]
      expect(sizeBytes).toBe(type === 'address' ? 20 : type.startsWith('bytes') ? Number(bits) : Number(bits) / 8)
    }
  })

  it('gives the digest and the signature of a settlement, with the type hash of the deployed contract', async () => {
    const value = { requestsHash: repeat('ab', 32), nonce: 2n ** 200n, provider, user: receipt.user, totalFee: 2n ** 255n }
    const types712 = {
      TEESettlement: [
        { name: 'requestsHash', type: 'bytes32' },
        { name: 'nonce', type: 'uint256' },
        { name: 'provider', type: 'address' },
        { name: 'user', type: 'address' },
        { name: 'totalFee', type: 'uint256' },
      ],
    } as const
    const data = { domain: settling, types: types712, primaryType: 'TEESettlement', message: value } as const
    expect(settlementDigest(value, settling)).toBe(hashTypedData(data))
    expect(signSettlement(value, { domain: settling, privateKey })).toBe(await account.signTypedData(data))
    expect(SETTLEMENT_TYPE_HASH).toBe('0x6e525043a6c7323bdf60ce222f35127cdd9d8e867ec6350c83fcc254ed18b756')
  })
})

it('a golden blob is read back', () => {
  const { blob } = JSON.parse(readFileSync(PATH, 'utf8')) as { blob: Hex }
  expect(toHex(encodeBatch(batch))).toBe(blob)
  expect(fromHex(blob).length).toBe(1 + 8 + 20 + 4 + 3 * 24 + 7 * 49)
})

import { readFileSync } from 'node:fs'
import { createBlockHeader } from '@ethereumjs/block'
import { createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common'
import { describe, expect, test } from '@jest/globals'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import type { Header, Log, Receipt } from '../executor.ts'
import { decodeBlock, decodeHeader, encodeBlock, encodeHeader, headerHash, packReceipts, unpackReceipts } from './block.ts'
import { bloomMayContain, logsBloom } from './bloom.ts'
import { rlpDecode } from './rlp.ts'
import { decodeTransaction } from './transaction.ts'

type Vectors = {
  headers: { header: Record<string, string>; encoded: Hex; hash: Hex }[]
  block: { header: number; transactions: Hex[]; encoded: Hex }
}
const vectors = JSON.parse(readFileSync(new URL('../../../../tests/vectors/header.json', import.meta.url), 'utf8')) as Vectors
const INTEGERS = new Set([
  'difficulty',
  'height',
  'gasLimit',
  'gasUsed',
  'timestampSeconds',
  'baseFeePerGas',
  'blobGasUsed',
  'excessBlobGas',
])

function toHeader(fields: Record<string, string>): Header {
  const entries = Object.entries(fields).map(([name, value]) => [name, INTEGERS.has(name) ? BigInt(value) : value])
  return Object.fromEntries(entries) as Header
}

describe('golden headers', () => {
  test.each(vectors.headers)('$hash encodes, decodes and hashes', ({ header: fields, encoded, hash }) => {
    const header = toHeader(fields)
    expect(toHex(encodeHeader(header))).toBe(encoded)
    expect(headerHash(header)).toBe(hash)
    expect(decodeHeader(rlpDecode(fromHex(encoded)))).toEqual(header)
  })

  test.each(vectors.headers)('$hash is the hash that @ethereumjs/block gives', ({ header: fields, hash }) => {
    const common = createCustomCommon({ chainId: 31337, name: 'oracle' }, Mainnet, { hardfork: Hardfork.Prague })
    const header = toHeader(fields)
    const oracle = createBlockHeader(
      {
        parentHash: header.parentHash,
        uncleHash: header.ommersHash,
        coinbase: header.beneficiary,
        stateRoot: header.stateRoot,
        transactionsTrie: header.transactionsRoot,
        receiptTrie: header.receiptsRoot,
        logsBloom: header.logsBloom,
        difficulty: header.difficulty,
        number: header.height,
        gasLimit: header.gasLimit,
        gasUsed: header.gasUsed,
        timestamp: header.timestampSeconds,
        extraData: header.extraData,
        mixHash: header.prevRandao,
        nonce: header.nonce,
        baseFeePerGas: header.baseFeePerGas,
        withdrawalsRoot: header.withdrawalsRoot,
        blobGasUsed: header.blobGasUsed,
        excessBlobGas: header.excessBlobGas,
        parentBeaconBlockRoot: header.parentBeaconBlockRoot,
        requestsHash: header.requestsHash,
      },
      { common, skipConsensusFormatValidation: true },
    )
    expect(toHex(oracle.hash())).toBe(hash)
  })

  test('a block of a legacy and a typed transaction', () => {
    const { header: index, transactions, encoded } = vectors.block
    const header = toHeader(vectors.headers[index]?.header ?? {})
    const decoded = transactions.map((raw) => decodeTransaction(fromHex(raw)))
    expect(toHex(encodeBlock(header, decoded))).toBe(encoded)
    expect(decodeBlock(fromHex(encoded))).toEqual({ header, hash: vectors.headers[index]?.hash, transactions: decoded })
  })
})

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((value) => toHex(value))
const log: fc.Arbitrary<Log> = fc.record({
  address: bytes(20),
  topics: fc.array(bytes(32), { maxLength: 4 }),
  data: fc.uint8Array({ maxLength: 100 }).map((value) => toHex(value)),
})
const receipt: fc.Arbitrary<Receipt> = fc
  .record({
    type: fc.constantFrom(0 as const, 1 as const, 2 as const, 4 as const),
    status: fc.constantFrom(0 as const, 1 as const),
    gasUsed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    cumulativeGasUsed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    effectiveGasPrice: fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
    contractAddress: fc.option(bytes(20), { nil: null }),
    logs: fc.array(log, { maxLength: 4 }),
  })
  .map((fields) => ({ ...fields, logsBloom: toHex(logsBloom(fields.logs)) }))

describe('receipts', () => {
  test('stored receipts round-trip, and arbitrary bytes are refused', () => {
    fc.assert(
      fc.property(fc.array(receipt, { maxLength: 4 }), (receipts) =>
        expect(unpackReceipts(packReceipts(receipts))).toEqual(receipts),
      ),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (packed) => {
        try {
          unpackReceipts(packed)
        } catch (error) {
          expect(error).toMatchObject({ reason: 'INVALID_ARGUMENT' })
        }
      }),
    )
  })

  test('a bloom never denies what it holds', () => {
    fc.assert(
      fc.property(fc.array(log, { minLength: 1, maxLength: 5 }), (logs) => {
        const bloom = logsBloom(logs)
        for (const { address, topics } of logs) {
          for (const entry of [address, ...topics]) expect(bloomMayContain(bloom, fromHex(entry))).toBe(true)
        }
      }),
    )
    expect(bloomMayContain(logsBloom([]), fromHex(`0x${'11'.repeat(20)}`))).toBe(false)
  })
})

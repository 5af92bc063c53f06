import { describe, expect, test } from '@jest/globals'
import { fromHex } from '@zerog/primitives'
import fc from 'fast-check'
import { JsonRpcError } from '../errors.ts'
import { blockNumber, blockNumberOrHash } from './block.ts'
import { blockOverrides, stateOverrides, transactionRequest } from './call.ts'
import { DecodeError } from './decode.ts'
import { address, bytes, hash, hexOrDecimal, parseSlot, rawBytes, uint64, uint256 } from './hex.ts'
import { logCriteria } from './log-filter.ts'
import { traceRequest } from './tracer.ts'

const filter = logCriteria({ alternativesMax: 3 })
const trace = traceRequest({ stepsMax: 10 })

test('raw bytes are what the text of bytes stands for, and are refused alike', () => {
  const outcome = (decode: () => unknown): unknown => {
    try {
      return decode()
    } catch (error) {
      return (error as Error).message
    }
  }
  const digits = fc.string({ unit: fc.constantFrom('0', '7', 'a', 'F', 'g', '\u0130', '\u00b1', '\ud83d'), maxLength: 6 })
  fc.assert(
    fc.property(fc.constantFrom('0x', '0X', '', '1x'), digits, (prefix, rest) => {
      const text = prefix + rest
      expect(outcome(() => rawBytes(text))).toEqual(outcome(() => fromHex(bytes(text))))
    }),
    { numRuns: 3_000 },
  )
})

describe('parameters that are wrong are refused in geth’s words', () => {
  test.each<[string, (value: unknown) => unknown, unknown, string]>([
    [
      'address without prefix',
      address,
      'aa',
      'json: cannot unmarshal hex string without 0x prefix into Go value of type common.Address',
    ],
    ['address too short', address, '0xaa', 'hex string has length 2, want 40 for common.Address'],
    [
      'address of odd length',
      address,
      '0xaaa',
      'json: cannot unmarshal hex string of odd length into Go value of type common.Address',
    ],
    ['address as number', address, 5, 'json: cannot unmarshal non-string into Go value of type common.Address'],
    [
      'address not hex',
      address,
      `0x${'zz'.repeat(20)}`,
      'json: cannot unmarshal invalid hex string into Go value of type common.Address',
    ],
    ['hash without prefix', hash, '00', 'json: cannot unmarshal hex string without 0x prefix into Go value of type common.Hash'],
    ['bytes not hex', bytes, '0xzz', 'json: cannot unmarshal invalid hex string into Go value of type hexutil.Bytes'],
    ['quantity empty', uint64, '0x', 'json: cannot unmarshal hex string "0x" into Go value of type hexutil.Uint64'],
    [
      'quantity padded',
      uint64,
      '0x01',
      'json: cannot unmarshal hex number with leading zero digits into Go value of type hexutil.Uint64',
    ],
    [
      'quantity too large',
      uint64,
      `0x1${'0'.repeat(16)}`,
      'json: cannot unmarshal hex number > 64 bits into Go value of type hexutil.Uint64',
    ],
    [
      'big too large',
      uint256,
      `0x1${'0'.repeat(64)}`,
      'json: cannot unmarshal hex number > 256 bits into Go value of type *hexutil.Big',
    ],
    ['block in decimal', blockNumber, '2', 'hex string without 0x prefix'],
    ['block as number', blockNumber, 2, 'hex string without 0x prefix'],
    ['block beyond int64', blockNumber, '0xffffffffffffffff', 'block number larger than int64'],
    [
      'block with hash and number',
      blockNumberOrHash,
      { blockHash: `0x${'00'.repeat(32)}`, blockNumber: '0x1' },
      'cannot specify both BlockHash and BlockNumber, choose one or the other',
    ],
    [
      'call field',
      transactionRequest,
      { value: '1' },
      'json: cannot unmarshal hex string without 0x prefix into Go struct field TransactionArgs.value of type *hexutil.Big',
    ],
    ['call field of length', transactionRequest, { to: '0x12' }, 'hex string has length 2, want 40 for common.Address'],
    ['call as text', transactionRequest, 'x', 'json: cannot unmarshal string into Go value of type TransactionArgs'],
    [
      'filter with hash and range',
      filter,
      { blockHash: `0x${'00'.repeat(32)}`, fromBlock: '0x1' },
      'cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other',
    ],
    ['filter with five topics', filter, { topics: [null, null, null, null, null] }, 'exceed max topics'],
    ['filter with too many addresses', filter, { address: Array(4).fill(`0x${'00'.repeat(20)}`) }, 'exceed max addresses'],
  ])('%s', (_name, decode, value, message) => {
    expect(() => decode(value)).toThrow(message)
    try {
      decode(value)
    } catch (error) {
      expect((error as Error).message).toBe(message)
      expect(error).toBeInstanceOf(DecodeError)
    }
  })
})

describe('parameters that are right', () => {
  test('hex is lower-cased, so lookups are by value', () => {
    expect(address(`0x${'Ab'.repeat(20)}`)).toBe(`0x${'ab'.repeat(20)}`)
  })
  test('data and input are one, and a conflict between them is refused', () => {
    expect(transactionRequest({ data: '0x01' })).toEqual({ data: '0x01' })
    expect(transactionRequest({ input: '0x01', data: '0x01' })).toEqual({ data: '0x01' })
    expect(() => transactionRequest({ input: '0x01', data: '0x02' })).toThrow('both "data" and "input" are set and not equal')
  })
  test('legacy and 1559 fees exclude each other', () => {
    expect(() => transactionRequest({ gasPrice: '0x1', maxFeePerGas: '0x1' })).toThrow('both gasPrice and')
    expect(() => transactionRequest({ maxFeePerGas: '0x1', maxPriorityFeePerGas: '0x2' })).toThrow(
      'maxFeePerGas (1) < maxPriorityFeePerGas (2)',
    )
  })
  test('fields that are null are absent', () => {
    expect(transactionRequest({ to: null, data: '0x', gas: null })).toEqual({ data: '0x' })
  })
  test('slots are padded, and it is known whether they were short', () => {
    expect(parseSlot('0x0')).toEqual({ key: `0x${'00'.repeat(32)}`, short: true })
    expect(parseSlot(`0x${'0'.repeat(63)}1`)).toEqual({ key: `0x${'0'.repeat(63)}1`, short: false })
    expect(parseSlot('0xasdf')).toBe('invalid hex in storage key: "0xasdf"')
  })
  test('quantities round-trip', () => {
    fc.assert(fc.property(fc.bigInt(0n, (1n << 256n) - 1n), (value) => expect(uint256(`0x${value.toString(16)}`)).toBe(value)))
    fc.assert(fc.property(fc.bigInt(0n, (1n << 64n) - 1n), (value) => expect(hexOrDecimal(value.toString())).toBe(value)))
  })
})

test('no value makes a decoder fail in another way than by refusing it', () => {
  const decoders = [
    address,
    hash,
    bytes,
    uint64,
    uint256,
    hexOrDecimal,
    blockNumber,
    blockNumberOrHash,
    transactionRequest,
    stateOverrides,
    blockOverrides,
    filter,
    trace,
  ]
  const hexish = fc.string({ unit: fc.constantFrom('0', 'x', 'a', 'F', ' ', 'z', '-'), maxLength: 70 })
  const keys = fc.constantFrom(
    'from',
    'to',
    'data',
    'input',
    'accessList',
    'address',
    'topics',
    'blockHash',
    '__proto__',
    'constructor',
    'tracer',
    'authorizationList',
    'storageKeys',
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      hexish,
      fc.jsonValue(),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(value, fc.nat(decoders.length - 1), (input, index) => {
      try {
        decoders[index]?.(input)
      } catch (error) {
        if (!(error instanceof DecodeError) && !(error instanceof JsonRpcError)) throw error
      }
    }),
    { numRuns: 2_000 },
  )
})

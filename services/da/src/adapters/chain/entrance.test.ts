import { expect, test } from '@jest/globals'
import { daEntranceAbi } from '@zerog/contracts'
import { type Hex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { encodeErrorResult, parseAbi } from 'viem'
import { daEntrance } from './entrance.ts'

const entrance = daEntrance({ call: async () => '0x' as const }, { chainId: 31337n })
const refusal = (data?: string) =>
  new ZerogError('TRANSACTION_REFUSED', { message: 'reverted', ...(data !== undefined && { metadata: { data } }) })
const commitment: Hex = `0x${'07'.repeat(32)}`

test('a refusal that time brought is for good, and says what the contract said', () => {
  const closed = encodeErrorResult({ abi: daEntranceAbi, errorName: 'EpochClosed', args: [4n, 1_700_000_000n] })
  expect(entrance.neverTaken(refusal(closed))).toBe('EpochClosed(4, 1700000000)')
  const expired = encodeErrorResult({ abi: daEntranceAbi, errorName: 'Expired', args: [commitment, 1_600_000_000n] })
  expect(entrance.neverTaken(refusal(expired))).toBe(`Expired(${commitment}, 1600000000)`)
})

test('any other refusal may be cured: the window is asked for again', () => {
  const others = [
    encodeErrorResult({ abi: daEntranceAbi, errorName: 'EpochNotOpen', args: [9n, 8n] }),
    encodeErrorResult({ abi: daEntranceAbi, errorName: 'ExpiryTooFar', args: [commitment, 1n] }),
    encodeErrorResult({ abi: daEntranceAbi, errorName: 'CommitteeUnknown', args: [1n, 0n] }),
    encodeErrorResult({ abi: daEntranceAbi, errorName: 'SignatureInvalid' }),
    // The right words without their arguments, and the name of another contract's error.
    encodeErrorResult({ abi: daEntranceAbi, errorName: 'EpochClosed', args: [4n, 5n] }).slice(0, 20),
    encodeErrorResult({ abi: parseAbi(['error EpochClosed(uint256 epoch)']), errorName: 'EpochClosed', args: [4n] }),
    '0x',
    'EpochClosed',
  ]
  for (const data of [undefined, ...others]) expect(entrance.neverTaken(refusal(data))).toBeUndefined()
  fc.assert(fc.property(fc.string(), (data) => entrance.neverTaken(refusal(data)) === undefined))
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 80 }),
      (data) => entrance.neverTaken(refusal(`0x${Buffer.from(data).toString('hex')}`)) === undefined,
    ),
  )
})

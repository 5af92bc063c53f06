import { expect, test } from '@jest/globals'
import { fromHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { privateKeyToAccount } from 'viem/accounts'
import { decodeTransaction } from './transaction.ts'
import { readUsual } from './usual.ts'

const account = privateKeyToAccount('0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d')
const from = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'

const fields = fc.record({
  chainId: fc.constant(31337),
  nonce: fc.nat(70_000),
  gas: fc.bigInt(0n, 2n ** 64n - 1n),
  to: fc.constantFrom(from, undefined),
  value: fc.bigInt(0n, 2n ** 80n),
  data: fc.uint8Array({ maxLength: 70 }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}` as const),
  maxFeePerGas: fc.bigInt(1n, 2n ** 60n),
  maxPriorityFeePerGas: fc.constantFrom(0n, 1n),
})

const signed = (of: typeof fields extends fc.Arbitrary<infer T> ? T : never): Promise<Uint8Array> =>
  account.signTransaction({ ...of, type: 'eip1559' }).then((raw) => fromHex(raw))

test('what is read in place is what the decoder reads, from signed transactions', async () => {
  await fc.assert(
    fc.asyncProperty(fields, async (of) => {
      const raw = await signed(of)
      expect(readUsual(raw, from)).toEqual(decodeTransaction(raw))
    }),
    { numRuns: 200 },
  )
})

test('what is read in place of changed bytes is what the decoder reads; what it refuses as encoding is never read', async () => {
  const raw = await signed({
    ...{ chainId: 31337, nonce: 7, gas: 21_000n, to: from, value: 5n, data: '0x1234' },
    ...{ maxFeePerGas: 2n, maxPriorityFeePerGas: 1n },
  })
  let read = 0
  fc.assert(
    fc.property(fc.nat(raw.length - 1), fc.nat(255), fc.constantFrom('set', 'insert', 'drop'), (at, byte, kind) => {
      const tail = raw.subarray(kind === 'insert' ? at : at + 1)
      const changed = Uint8Array.from([...raw.subarray(0, at), ...(kind === 'drop' ? [] : [byte]), ...tail])
      if (changed[0] !== 2) return
      const found = readUsual(changed, from)
      if (found === undefined) return
      read += 1
      try {
        expect({ ...decodeTransaction(changed), from }).toEqual(found)
      } catch (error) {
        if (!(error instanceof ZerogError)) throw error
        expect(error.message).not.toMatch(/^rlp|typed transaction/)
      }
    }),
    { numRuns: 4_000 },
  )
  expect(read).toBeGreaterThan(100)
})

import { describe, expect, test } from '@jest/globals'
import { fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { serializeTransaction, keccak256 as viemKeccak } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { hashAuthorization } from 'viem/utils'
import { rlpDecode, rlpEncode, toList } from './rlp.ts'
import { CURVE_ORDER, signHash } from './signature.ts'
import { authorizationHash, decodeTransaction } from './transaction.ts'

const account = privateKeyToAccount('0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d')
const to = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const lists = { accessList: [{ address: to, storageKeys: [`0x${'01'.repeat(32)}`] }] } as const

async function samples(): Promise<readonly Hex[]> {
  const fees = { maxFeePerGas: 2n * 10n ** 9n, maxPriorityFeePerGas: 1n }
  const common = { chainId: 31337, nonce: 7, gas: 100_000n, to, value: 5n, data: '0x1234' } as const
  const authorization = await account.signAuthorization({ chainId: 31337, nonce: 3, address: to })
  const unprotected = { type: 'legacy', nonce: 7, gas: 100_000n, to, value: 5n, data: '0x1234', gasPrice: 10n ** 9n } as const
  return [
    await account.signTransaction({ ...common, type: 'legacy', gasPrice: 10n ** 9n }),
    await account.signTransaction(unprotected),
    await account.signTransaction({ ...common, ...lists, type: 'eip2930', gasPrice: 10n ** 9n }),
    await account.signTransaction({ ...common, ...fees, ...lists, type: 'eip1559' }),
    await account.signTransaction({ ...common, ...fees, type: 'eip7702', authorizationList: [authorization] }),
    await account.signTransaction({
      ...common,
      ...fees,
      type: 'eip4844',
      maxFeePerBlobGas: 1n,
      blobVersionedHashes: [`0x01${'00'.repeat(31)}`],
    }),
  ]
}

describe('decodeTransaction', () => {
  test('reads what viem signed, of every type, with its hash and sender', async () => {
    const types = []
    for (const raw of await samples()) {
      const transaction = decodeTransaction(fromHex(raw), { chainId: 31337n })
      expect(transaction).toMatchObject({ nonce: 7n, gasLimit: 100_000n, to, value: 5n, data: '0x1234', hash: viemKeccak(raw) })
      expect(transaction.from).toBe(account.address.toLowerCase())
      types.push(transaction.type)
    }
    expect(types).toEqual([0, 0, 1, 2, 4, 3])
  })

  test('the hash that an authority signs is the one of EIP-7702', () => {
    const authorization = { chainId: 31337n, address: to, nonce: 3n } as const
    expect(toHex(authorizationHash(authorization))).toBe(hashAuthorization({ chainId: 31337, address: to, nonce: 3 }))
  })

  test('refuses another chain, a high s, a wrong parity, trailing bytes and an unknown type', async () => {
    const raw = fromHex((await samples())[3] as Hex)
    expect(() => decodeTransaction(raw, { chainId: 1n })).toThrow(
      'invalid sender: invalid chain id for signer: have 31337 want 1',
    )
    expect(() => decodeTransaction(Uint8Array.from([...raw, 0]))).toThrow('after the end')
    expect(() => decodeTransaction(Uint8Array.of(5, 0xc0))).toThrow('transaction type not supported')
    expect(() => decodeTransaction(new Uint8Array(0))).toThrow('typed transaction too short')
    const fields = [...toList(rlpDecode(raw.subarray(1)), 'transaction')]
    const s = BigInt(toHex(fields[11] as Uint8Array))
    const high = fromHex(`0x${(CURVE_ORDER - s).toString(16).padStart(64, '0')}`)
    const parity = (fields[9] as Uint8Array).length === 0 ? Uint8Array.of(1) : new Uint8Array(0)
    expect(() => decodeTransaction(join(2, fields.with(11, high).with(9, parity)))).toThrow('invalid transaction v, r, s values')
    expect(() => decodeTransaction(join(2, fields.with(9, Uint8Array.of(2))))).toThrow('invalid transaction v, r, s values')
  })

  test('any single changed byte is refused or gives another transaction or sender', async () => {
    const all = (await samples()).map((raw) => fromHex(raw))
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, change) => {
        const raw = (all[which] as Uint8Array).slice()
        const index = at % raw.length
        raw[index] = (raw[index] as number) ^ change
        const before = decodeTransaction(all[which] as Uint8Array)
        try {
          const after = decodeTransaction(raw)
          expect(after.hash).not.toBe(before.hash)
        } catch (error) {
          expect(error).toBeInstanceOf(ZerogError)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('arbitrary bytes are refused with INVALID_ARGUMENT and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(undefined, 1, 2, 3, 4), (body, type) => {
        try {
          decodeTransaction(type === undefined ? body : Uint8Array.from([type, ...body]))
        } catch (error) {
          expect(error).toMatchObject({ reason: 'INVALID_ARGUMENT' })
        }
      }),
      { numRuns: 3_000 },
    )
  })

  test('rlp of arbitrary nested items round-trips, and what decodes is canonical', () => {
    const { item } = fc.letrec<{ item: any }>((tie) => ({
      item: fc.oneof({ maxDepth: 4 }, fc.uint8Array({ maxLength: 80 }), fc.array(tie('item'), { maxLength: 5 })),
    }))
    fc.assert(fc.property(item, (value) => expect(rlpDecode(rlpEncode(value))).toEqual(value)))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          expect(rlpEncode(rlpDecode(bytes))).toEqual(bytes)
        } catch (error) {
          expect(error).toMatchObject({ reason: 'INVALID_ARGUMENT' })
        }
      }),
      { numRuns: 3_000 },
    )
  })

  test('signHash signs as viem does', async () => {
    const key = fromHex('0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d')
    const request = { type: 'eip1559', chainId: 31337, nonce: 1, gas: 21_000n, to, value: 1n, maxFeePerGas: 5n } as const
    const hash = fromHex(viemKeccak(serializeTransaction(request)))
    const { r, s, yParity } = signHash(hash, key)
    const raw = serializeTransaction(request, { r: `0x${r.toString(16)}`, s: `0x${s.toString(16)}`, yParity })
    expect(decodeTransaction(fromHex(raw)).from).toBe(account.address.toLowerCase())
  })
})

function join(type: number, fields: Parameters<typeof rlpEncode>[0]): Uint8Array {
  return Uint8Array.from([type, ...rlpEncode(fields)])
}

import { afterAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { privateKeyToAccount } from 'viem/accounts'
import { createSenderRecovery } from './recovery.ts'
import { decodeTransaction } from './transaction.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const fees = { maxFeePerGas: 3n, maxPriorityFeePerGas: 1n }
const base = { gas: 21_000n, to: account.address, value: 5n } as const
const authorization = {
  address: account.address,
  chainId: 1,
  nonce: 0,
  r: `0x${'01'.repeat(32)}`,
  s: `0x${'02'.repeat(32)}`,
  yParity: 0,
} as const

async function signedOfEveryKind(): Promise<Uint8Array[]> {
  const texts = await Promise.all([
    account.signTransaction({ ...base, type: 'eip1559', chainId: 31337, nonce: 0, ...fees }),
    account.signTransaction({ ...base, type: 'eip1559', chainId: 31337, nonce: 1, ...fees, data: `0x${'ab'.repeat(300)}` }),
    account.signTransaction({ ...base, type: 'legacy', chainId: 31337, nonce: 2, gasPrice: 7n }),
    account.signTransaction({ ...base, type: 'legacy', chainId: 1, nonce: 2, gasPrice: 7n }),
    account.signTransaction({ ...base, type: 'legacy', nonce: 300, gasPrice: 7n }),
    account.signTransaction({
      ...base,
      type: 'eip2930',
      chainId: 31337,
      nonce: 3,
      gasPrice: 7n,
      accessList: [{ address: account.address, storageKeys: [`0x${'00'.repeat(32)}`] }],
    }),
    account.signTransaction({ ...base, type: 'eip7702', chainId: 31337, nonce: 4, ...fees, authorizationList: [authorization] }),
  ])
  return texts.map((text) => new Uint8Array(Buffer.from(text.slice(2), 'hex')))
}

/** What the decoder alone says. */
function alone(raw: Uint8Array): unknown {
  try {
    return decodeTransaction(raw, { chainId: 31337n })
  } catch (error) {
    return { error }
  }
}

const here = createSenderRecovery({ threads: 0 })
const threaded = createSenderRecovery({ threads: 2 })
afterAll(() => threaded.close())

describe('recovery of many senders', () => {
  it('decodes every kind as one alone, on this thread and on others, in order', async () => {
    const kinds = await signedOfEveryKind()
    const raws = Array.from({ length: 130 }, (_, index) => kinds[index % kinds.length] as Uint8Array)
    const wanted = raws.map(alone)
    expect(await here.decodeAll(raws, { chainId: 31337n })).toEqual(wanted)
    expect(await threaded.decodeAll(raws, { chainId: 31337n })).toEqual(wanted)
    expect(wanted.filter((item) => (item as { from?: string }).from === account.address.toLowerCase())).toHaveLength(111)
  })

  it('gives the senders of a block, or none at all', async () => {
    const [raw] = await signedOfEveryKind()
    const raws = Array.from({ length: 70 }, () => raw as Uint8Array)
    const senders = await threaded.senders(raws)
    expect(Buffer.from(senders as Uint8Array).toString('hex')).toBe(account.address.slice(2).toLowerCase().repeat(70))
    expect(await threaded.senders([...raws, Uint8Array.of(2, 0xc0)])).toBeUndefined()
  })

  it('says the same as one alone about any damage', async () => {
    const kinds = await signedOfEveryKind()
    const damaged = fc.record({ kind: fc.nat(kinds.length - 1), at: fc.nat(), byte: fc.nat(255), cut: fc.option(fc.nat(400)) })
    await fc.assert(
      fc.asyncProperty(fc.array(damaged, { minLength: 1, maxLength: 20 }), async (damages) => {
        const raws = damages.map(({ kind, at, byte, cut }) => {
          const raw = (kinds[kind] as Uint8Array).slice()
          raw[at % raw.length] = byte
          return cut === null ? raw : raw.subarray(0, cut)
        })
        expect(await here.decodeAll(raws, { chainId: 31337n })).toEqual(raws.map(alone))
      }),
      { numRuns: 150 },
    )
  })

  it('goes on when its threads are closed', async () => {
    const closed = createSenderRecovery({ threads: 1 })
    await closed.close()
    const [raw] = await signedOfEveryKind()
    const raws = Array.from({ length: 64 }, () => raw as Uint8Array)
    expect(await closed.decodeAll(raws, { chainId: 31337n })).toEqual(raws.map(alone))
  })
})

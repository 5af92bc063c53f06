import { describe, expect, it } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import { addresses, PREDEPLOY_ADDRESSES, SYSTEM_ADDRESSES } from './addresses.ts'
import { flow } from './artifacts/flow.ts'
import { developmentAccounts } from './development.ts'
import { DEVELOPMENT_BALANCE_WEI, type GenesisOptions, genesisAllocation } from './genesis.ts'

const devnet: GenesisOptions = { chainId: 31337n, development: true, chainOnly: false }
const OWNER = '0x00000000000000000000000000000000000c0c0a'
const production: GenesisOptions = { chainId: 4242n, development: false, chainOnly: false, storage: { owner: OWNER } }

describe('the development network', () => {
  it('funds the ten accounts that every Ethereum tool knows with 10,000 each', () => {
    const allocation = genesisAllocation(devnet)
    expect(developmentAccounts()).toHaveLength(10)
    expect(developmentAccounts()[0]).toEqual({
      address: '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266',
      privateKey: '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
    })
    expect(developmentAccounts()[9]?.address).toBe('0xa0ee7a142d267c1f36714e4a8f75612f20a79720')
    for (const { address } of developmentAccounts()) expect(allocation[address]?.balance).toBe(10_000n * 10n ** 18n)
  })

  it('starts account 0 behind the compute contracts, and at 0 without them', () => {
    const first = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'
    expect(genesisAllocation(devnet)[first]?.nonce).toBe(13n)
    expect(genesisAllocation({ ...devnet, chainOnly: true })[first]?.nonce).toBe(0n)
    expect(genesisAllocation(devnet)['0x70997970c51812dc3a010c7d01b50e0d17dc79c8']?.nonce).toBe(0n)
  })

  it('adds balances of further accounts, whatever the case of their addresses', () => {
    const accounts = [
      { address: '0xF39FD6E51AAD88F6F4CE6AB8827279CFFFB92266', balance: 1n },
      { address: '0x00000000000000000000000000000000000000AA', balance: 2n },
    ] as const
    const allocation = genesisAllocation({ ...devnet, accounts })
    expect(allocation['0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266']).toEqual({
      balance: DEVELOPMENT_BALANCE_WEI + 1n,
      nonce: 13n,
    })
    expect(allocation['0x00000000000000000000000000000000000000aa']?.balance).toBe(2n)
  })
})

describe('every network', () => {
  it('has the system contracts, Flow and Market at the same addresses', () => {
    for (const options of [devnet, production]) {
      const allocation = genesisAllocation(options)
      for (const address of [...Object.values(SYSTEM_ADDRESSES), ...Object.values(PREDEPLOY_ADDRESSES)]) {
        expect(allocation[address]?.code).toMatch(/^0x[0-9a-f]{100,}$/)
        expect(allocation[address]?.nonce).toBe(1n)
      }
      expect(allocation[addresses(options).flow]?.code).toBe(flow.deployedBytecode)
    }
  })

  it('gives the same allocation for the same options', () => {
    expect(genesisAllocation(production)).toEqual(genesisAllocation({ ...production }))
  })

  it('has addresses in lower case, 32-byte slots and no zero slot', () => {
    for (const [address, { storage }] of Object.entries(genesisAllocation(devnet))) {
      expect(address).toMatch(/^0x[0-9a-f]{40}$/)
      for (const [slot, value] of Object.entries(storage ?? {})) {
        expect(slot).toMatch(/^0x[0-9a-f]{64}$/)
        expect(value).toMatch(/^0x[0-9a-f]{64}$/)
        expect(BigInt(value)).not.toBe(0n)
      }
    }
  })
})

describe('a production network is refused', () => {
  const refused: [string, Partial<GenesisOptions>][] = [
    ['with the development chain id', { chainId: 31337n }],
    ['with another chain id but development', { development: true }],
    ...[0n, 1n, 16601n, 16602n, 16661n].map((chainId): [string, Partial<GenesisOptions>] => [
      `with chain id ${chainId}`,
      { chainId },
    ]),
    ['without an owner', { storage: {} }],
    ['with a public key as owner', { storage: { owner: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8' } }],
    ['with a public key funded', { accounts: [{ address: '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC', balance: 1n }] }],
    ['with epochs of no block', { storage: { owner: OWNER, blocksPerEpoch: 0n } }],
    ['with a lifetime below a day', { storage: { owner: OWNER, entryLifetimeSeconds: 86_399n } }],
    ['with a negative price', { storage: { owner: OWNER, pricePerSectorWei: -1n } }],
  ]
  it.each(refused)('%s', (_, change) => {
    expect(() => genesisAllocation({ ...production, ...change })).toThrow(ZerogError)
    expect(() => genesisAllocation({ ...production, ...change })).toThrow(expect.objectContaining({ reason: 'CONFIG_INVALID' }))
  })
})

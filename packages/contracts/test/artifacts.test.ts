import { describe, expect, it } from '@jest/globals'
import type { Abi, Hex } from 'viem'
import { artifacts, genesisAllocation } from '../src/index.ts'
import { renderArtifacts, staleArtifacts } from '../tools/generate.ts'
import { FLOW, MARKET } from './support/storage-client.ts'
import { createTestChain, deployData, OWNER, testAllocation } from './support/test-chain.ts'

describe('the checked-in artifacts', () => {
  it('are what solidity/ compiles to', () => {
    const rendered = renderArtifacts()
    expect(staleArtifacts(rendered)).toEqual([])
    expect(staleArtifacts({ ...rendered, 'flow.ts': `${rendered['flow.ts']}//` })).toEqual(['flow.ts'])
    expect(staleArtifacts({ ...rendered, 'new.ts': '' })).toEqual(['new.ts'])
  })

  it('hold no contract over the size limit of EIP-170', () => {
    for (const { deployedBytecode } of Object.values(artifacts))
      expect(deployedBytecode.length / 2 - 1).toBeLessThanOrEqual(24_576)
  })
})

describe('a predeployed contract', () => {
  it.each([
    ['flow', FLOW, artifacts.flow, [OWNER, MARKET, 100]],
    ['market', MARKET, artifacts.market, [OWNER, FLOW, 10n, 30n * 86_400n]],
  ] as const)('%s has the code and state that its constructor gives', async (_, address, artifact, args) => {
    const chain = await createTestChain()
    chain.height = 0n
    const deployed = await chain.deploy(deployData(artifact.abi as unknown as Abi, artifact.bytecode as Hex, args), OWNER)
    for (let slot = 0; slot < 80; slot++) {
      const key: Hex = `0x${slot.toString(16).padStart(64, '0')}`
      expect([slot, await chain.storage(deployed, key)]).toEqual([slot, await chain.storage(address, key)])
    }
    expect(artifact.deployedBytecode).toBe(testAllocation()[address]?.code)
  })

  it('takes price, lifetime and epoch length from the network', () => {
    const one = genesisAllocation({ chainId: 31337n, development: true, chainOnly: false })
    const other = genesisAllocation({ chainId: 31337n, development: true, chainOnly: false, storage: { pricePerSectorWei: 1n } })
    expect(one[MARKET]?.storage).not.toEqual(other[MARKET]?.storage)
    expect(one[FLOW]).toEqual(other[FLOW])
  })
})

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import type { Abi, Hex } from 'viem'
import { artifacts, genesisAllocation } from '../src/index.ts'
import { readSources, SOLIDITY_FOLDER } from '../tools/compile.ts'
import { renderArtifact, renderArtifacts, staleArtifacts, statement, writtenStatement } from '../tools/generate.ts'
import { FLOW, MARKET } from './support/storage-client.ts'
import { createTestChain, deployData, OWNER, testAllocation } from './support/test-chain.ts'

const FOLDER = join(import.meta.dirname, '../src/artifacts')
const present = () => readdirSync(FOLDER)
/** Sources with a contract that can be deployed, which has the name of its file. */
const CONTRACTS = Object.keys(readSources(SOLIDITY_FOLDER)).filter((path) => {
  const name = path.slice(path.lastIndexOf('/') + 1, -'.sol'.length)
  return name.toLowerCase() in Object.fromEntries(present().map((file) => [file.slice(0, -3).replaceAll('-', ''), true]))
})

describe('the checked-in artifacts', () => {
  it('belong to the sources, settings and compiler that are here now', () => {
    // Where this fails: pnpm --filter @zerog/contracts generate.
    expect(writtenStatement()).toEqual(statement())
  })

  it('do not pass where a source, an artifact or a file more was changed without the compiler', () => {
    const written = JSON.stringify(writtenStatement())
    const sources = readSources(SOLIDITY_FOLDER)
    for (const path of Object.keys(sources)) {
      expect(JSON.stringify(statement({ sources: { ...sources, [path]: `${sources[path]} ` } }))).not.toBe(written)
    }
    const files = Object.fromEntries(present().map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]))
    expect(JSON.stringify(statement({ artifacts: files }))).toBe(written)
    for (const name of present()) {
      expect(JSON.stringify(statement({ artifacts: { ...files, [name]: `${files[name]}//` } }))).not.toBe(written)
    }
    expect(JSON.stringify(statement({ artifacts: { ...files, 'new.ts': '' } }))).not.toBe(written)
  })

  // The compiler takes 45 s of CPU for all of them: each run tries one, a long run all.
  it('are what the compiler gives', () => {
    if (process.env.ZEROG_TEST_LONG === '1') {
      expect(staleArtifacts(renderArtifacts())).toEqual([])
      return
    }
    const seed = Number(process.env.ZEROG_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
    const path = CONTRACTS[seed % CONTRACTS.length] as string // not empty
    console.info(`compiled ${path}; again: ZEROG_TEST_SEED=${seed}`)
    const [[name, content], ...more] = Object.entries(renderArtifact(path)) as [[string, string]] // one contract
    expect(more).toEqual([])
    expect(content).toBe(readFileSync(join(FOLDER, name), 'utf8'))
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

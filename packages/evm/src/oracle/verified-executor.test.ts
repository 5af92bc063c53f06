import { describe, expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import type { Kv } from '@zerog/ports'
import { type ChainExecutor, createExecutor } from '../create-executor.ts'
import { SYSTEM_CONTRACTS } from '../engine/system-contracts.ts'
import type { BlockEnvironment, ExecutedBlock } from '../executor.ts'
import { address, at, CHAIN_ID, contract, ENVIRONMENT, signed } from '../test-chain.ts'
import { ORACLE_TABLES, type OraclePruning } from './oracle-store.ts'
import { createVerifiedExecutor } from './verified-executor.ts'

const allocation = {
  ...SYSTEM_CONTRACTS,
  [address(0)]: { balance: 10n ** 22n },
  // Stores a log of the hash of block 0 and counts.
  [at(1)]: contract('5f405f525f54600101805f5560205fa100'),
}

/** A chain in `kv` on an executor that is verified, or not; `disturb` makes ours wrong. */
async function openChain(
  kv: Kv,
  options: { verified: boolean; disturb?: (block: ExecutedBlock) => ExecutedBlock; pruning?: OraclePruning },
) {
  const inner = createExecutor({ kv, chainId: CHAIN_ID })
  const { disturb = (block) => block } = options
  const wrong: ChainExecutor = {
    ...inner,
    build: async (request) => {
      const built = await inner.build(request)
      return { ...built, block: disturb(built.block) }
    },
  }
  const blocks: ExecutedBlock[] = []
  let verified = 0
  const wrapped = options.verified
    ? await createVerifiedExecutor(wrong, {
        kv,
        ...(options.pruning && { pruning: options.pruning }),
        chainId: CHAIN_ID,
        blockHash: (height) => blocks[Number(height)]?.hash,
        onVerified: () => {
          verified += 1
        },
      })
    : undefined
  const executor = wrapped ?? wrong
  const genesis = await executor.genesis({ allocation, environment: ENVIRONMENT })
  executor.commit(genesis)
  blocks.push(genesis)
  return {
    executor,
    wrapped,
    blocks,
    verified: () => verified,
    async mine(nonce: number): Promise<ExecutedBlock> {
      const parent = blocks.at(-1) as ExecutedBlock // there is genesis
      const environment: BlockEnvironment = { ...ENVIRONMENT, height: parent.header.height + 1n, parentHash: parent.hash }
      const candidates = [await signed(0, { nonce, to: at(1) })]
      const { block } = await executor.build({ parent: parent.header, environment, candidates })
      executor.commit(block)
      blocks.push(block)
      return block
    },
  }
}

describe('verification with @ethereumjs/vm', () => {
  test('blocks that come out the same pass, built and replayed', async () => {
    const chain = await openChain(memoryKv(), { verified: true })
    for (let nonce = 0; nonce < 3; nonce++) await chain.mine(nonce)
    expect(chain.verified()).toBe(3)
    const replica = await openChain(memoryKv(), { verified: true })
    for (const block of chain.blocks.slice(1)) {
      const parent = replica.blocks.at(-1) as ExecutedBlock
      const again = await replica.executor.replay({ parent: parent.header, encoded: block.encoded })
      replica.executor.commit(again)
      replica.blocks.push(again)
    }
    expect(replica.verified()).toBe(3)
  })

  test('its state survives a restart, and a chain that is older than the verification is executed again first', async () => {
    const kv = memoryKv()
    const plain = await openChain(kv, { verified: false })
    for (let nonce = 0; nonce < 3; nonce++) await plain.mine(nonce)
    for (const [round, missing] of [3, 0].entries()) {
      const chain = await openChain(kv, { verified: true })
      chain.blocks.push(...plain.blocks.slice(1))
      const [head] = chain.blocks.slice(-1) as [ExecutedBlock]
      const blockAt = (height: bigint) => chain.blocks[Number(height)]
      expect(await chain.wrapped?.catchUp({ head, blockAt })).toBe(missing)
      expect(chain.verified()).toBe(missing)
      if (round === 1) await chain.mine(3)
    }
  })

  test('its old states are forgotten, also across restarts in the middle, and what stays is enough', async () => {
    const kv = memoryKv()
    const pruning = { generationBlocks: 3, nodesPerBlock: 5 }
    const records = (): number => ORACLE_TABLES.reduce((sum, table) => sum + [...kv.range(table)].length, 0)
    let chain = await openChain(kv, { verified: true, pruning })
    let most = 0
    let nonce = 0
    for (let start = 0; start < 12; start++) {
      // Each start stops in another phase: 5, 6 and 7 blocks after the last.
      for (let count = 0; count < 5 + (start % 3); count++) {
        await chain.mine(nonce++)
        most = Math.max(most, records())
      }
      const { blocks } = chain
      chain = await openChain(kv, { verified: true, pruning })
      chain.blocks.push(...blocks.slice(1))
      const head = blocks.at(-1) as ExecutedBlock
      expect(await chain.wrapped?.catchUp({ head, blockAt: (height) => blocks[Number(height)] })).toBe(0)
    }
    expect(nonce).toBe(72)
    const archive = memoryKv()
    const kept = await openChain(archive, { verified: true, pruning: { ...pruning, generationBlocks: 1_000 } })
    for (let index = 0; index < nonce; index++) await kept.mine(index)
    expect(most).toBeLessThan([...archive.range(ORACLE_TABLES[0])].length / 2)
  })

  test('init code that begins with 0xef00, which only the library refuses, stops nothing', async () => {
    const chain = await openChain(memoryKv(), { verified: true })
    const parent = chain.blocks[0] as ExecutedBlock
    const environment: BlockEnvironment = { ...ENVIRONMENT, height: 1n, parentHash: parent.hash }
    // CREATE of 0xef00 within init code.
    const candidates = [await signed(0, { nonce: 0, data: '0x61ef005f526002601e5ff0', gas: 200_000n })]
    const { block } = await chain.executor.build({ parent: parent.header, environment, candidates })
    expect(block.receipts).toHaveLength(1)
    expect(chain.verified()).toBe(1)
  })

  test.each<[string, RegExp, (block: ExecutedBlock) => ExecutedBlock]>([
    [
      'gasUsed',
      /^block 1 \(0x[0-9a-f]{64}\): @ethereumjs\/vm disagrees about gasUsed of transaction 0 \(0x[0-9a-f]{64}\): here \d+, there \d+/,
      (block) => ({ ...block, receipts: block.receipts.map((receipt) => ({ ...receipt, gasUsed: receipt.gasUsed + 1n })) }),
    ],
    [
      'logs',
      /disagrees about logs of transaction 0/,
      (block) => ({ ...block, receipts: block.receipts.map((receipt) => ({ ...receipt, logs: [] })) }),
    ],
    [
      'stateRoot',
      /disagrees about stateRoot: here 0x1111/,
      (block) => ({ ...block, header: { ...block.header, stateRoot: `0x${'11'.repeat(32)}` } }),
    ],
    [
      'validity',
      /disagrees about validity: here valid, there .*nonce/,
      (block) => ({ ...block, transactions: [...block.transactions, ...block.transactions] }),
    ],
  ])('a block with another %s is never handed out', async (field, message, disturb) => {
    const kv = memoryKv()
    const chain = await openChain(kv, { verified: true, disturb })
    const failed = await chain.mine(0).catch((error: unknown) => error)
    expect(failed).toMatchObject({ reason: 'VERIFICATION_FAILED', metadata: { field, height: '1', verifiedWith: 'ethereumjs' } })
    expect((failed as Error).message).toMatch(message)
    expect(chain.verified()).toBe(0)
    // What the oracle had begun is not in its state.
    const honest = await openChain(kv, { verified: true })
    await honest.mine(0)
    expect(honest.verified()).toBe(1)
  })
})

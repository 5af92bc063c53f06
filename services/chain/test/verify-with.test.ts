import { describe, expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import type { Hex } from '@zerog/primitives'
import { ChainServiceDefinition } from '@zerog/proto/chain'
import { testContext, testWorld } from '@zerog/runtime/testing'
import { chainRpcModule, chainValidatorModule } from '../src/module.ts'
import { createChainBackend } from './support/create-chain-backend.ts'
import { account, included, transfer } from './support.ts'

describe('verifyWith', () => {
  test('validator and replica announce what @ethereumjs/vm executed too', async () => {
    const world = testWorld()
    const config = { verifyWith: 'ethereumjs' } as const
    const first = await testContext({ module: chainValidatorModule, config, world })
    await first.start()
    const second = await testContext({ module: chainRpcModule, config, world })
    await second.start()
    const client = world.rpcAs('developer').client(ChainServiceDefinition, 'chain-validator')
    const replica = world.rpcAs('developer').client(ChainServiceDefinition, 'chain-rpc')
    await client.submitTransaction({ raw: Buffer.from(await transfer(1, 0)) })
    while ((await replica.getHead({})).height === 0n) await new Promise((resolve) => setImmediate(resolve))
    expect((await replica.getHead({})).height).toBeGreaterThan(0n)
    await second.close()
    await first.close()
    expect([first.fatalError(), second.fatalError()]).toEqual([undefined, undefined])
  })

  test('development methods and verification exclude each other', async () => {
    const context = await testContext({
      module: chainValidatorModule,
      config: { verifyWith: 'ethereumjs', chainOnly: true },
      world: testWorld(),
    })
    await expect(context.start()).rejects.toMatchObject({ reason: 'CONFIG_INVALID', metadata: { field: 'verifyWith' } })
  })

  test('a state that the second engine does not come to stops the node before the block is announced', async () => {
    let verified = 0
    let stop: (error: unknown) => void = () => undefined
    const stopped = new Promise<unknown>((resolve) => {
      stop = resolve
    })
    const kv = memoryKv()
    const options = { kv, fatal: (error: unknown) => stop(error), onVerified: () => void verified++ }
    const chain = await createChainBackend(options)
    const block = await included(chain.backend, await chain.backend.submit(await transfer(1, 0)))
    expect(verified).toBeGreaterThan(0)
    // Coins out of nothing, as a fault of our executor would make them.
    await chain.backend.dev?.setBalance(account(2).address.toLowerCase() as Hex, 5n * 10n ** 24n)
    await chain.backend.submit(await transfer(2, 0))
    const error = (await stopped) as Error
    expect(error).toMatchObject({ reason: 'VERIFICATION_FAILED', metadata: { verifiedWith: 'ethereumjs', height: '2' } })
    expect(error.message).toMatch(/^block 2 \(0x[0-9a-f]{64}\): @ethereumjs\/vm disagrees about .*not announced$/)
    expect(chain.backend.head().header.height).toBe(block.header.height)
    await chain.stop().catch(() => undefined)
  })
})

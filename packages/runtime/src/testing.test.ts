import { access } from 'node:fs/promises'
import { expect, test } from '@jest/globals'
import { z } from 'zod'
import { defineModule } from './module.ts'
import { EchoServiceDefinition, echoEndpoints } from './rpc/echo-service.ts'
import { testContext, testWorld } from './testing.ts'

const echo = defineModule({
  target: 'echo',
  dependsOn: [],
  config: z.strictObject({ greeting: z.string().default('hello') }),
  async start({ rpc, config }) {
    const handle = async () => ({ frame: Buffer.from(config.greeting), height: 1n })
    rpc.serve(EchoServiceDefinition, echoEndpoints({ unary: handle }, ['gateway']))
    return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
  },
})

test('modules of one world call each other with their own identity, and leave nothing behind', async () => {
  const world = testWorld()
  const server = await testContext({ module: echo, config: { greeting: 'salve' }, world })
  await server.start()
  const answer = await world
    .rpcAs('gateway')
    .client(EchoServiceDefinition, 'echo')
    .unary({ frame: Buffer.alloc(0), height: 0n })
  expect(answer.frame.toString()).toBe('salve')
  const developer = world.rpcAs('developer').client(EchoServiceDefinition, 'echo')
  await expect(developer.unary({ frame: Buffer.alloc(0), height: 0n })).rejects.toMatchObject({ reason: 'IDENTITY_NOT_ALLOWED' })
  expect(await world.metrics.text()).toContain('zerog_rpc_server_calls_total{target="echo",replica="0"')
  await server.close()
  await expect(access(server.context.dataDir)).rejects.toThrow()
  await expect(developer.unary({ frame: Buffer.alloc(0), height: 0n }, { retriesMax: 0 })).rejects.toMatchObject({
    reason: 'DEPENDENCY_UNAVAILABLE',
  })
})

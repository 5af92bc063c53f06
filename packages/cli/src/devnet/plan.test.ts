import { createServer } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { planInstances, planPorts } from './plan.ts'
import { reservePorts } from './ports.ts'

const counts = { chainOnly: false, rpcReplicas: 2, storageNodes: 3, daNodes: 2, computeWorkers: 1 }

describe('planInstances', () => {
  test('every instance has a name of its own, dependencies come first', () => {
    const names = planInstances(counts).map(({ name }) => name)
    expect(names).toEqual([
      'chain-validator',
      'chain-rpc',
      'chain-rpc-1',
      'storage-node',
      'storage-node-1',
      'storage-node-2',
      'storage-gateway',
      'da-node',
      'da-node-1',
      'da-retriever',
      'da-encoder',
      'da-disperser',
      'compute-worker',
      'compute-broker',
      'compute-router',
      'gateway',
    ])
  })
  test('chain-only has the chain and the door', () => {
    expect(planInstances({ ...counts, chainOnly: true }).map(({ name }) => name)).toEqual(['chain-validator', 'gateway'])
  })
})

describe('ports', () => {
  test('an offset moves them all, so two devnets never meet', () => {
    const largest = planInstances({ chainOnly: false, storageNodes: 12, daNodes: 12, rpcReplicas: 10, computeWorkers: 3 }).map(
      ({ name }) => name,
    )
    const ports = [0, 100, 200].flatMap((portOffset) => {
      const { gateway, broker, router, disperser, grpc, admin } = planPorts(largest, { portOffset })
      return [gateway, broker, router, disperser, ...Object.values(grpc), ...Object.values(admin)]
    })
    expect(ports).toHaveLength(3 * (4 + 2 * largest.length))
    expect(new Set(ports).size).toBe(ports.length)
  })
  test('port 0 takes free and different ones', async () => {
    const ports = await reservePorts(planPorts(['a', 'b'], { port: 0, portOffset: 0 }))
    const all = [ports.gateway, ...Object.values(ports.grpc), ...Object.values(ports.admin)]
    expect(new Set(all).size).toBe(5)
    // Below what Linux gives to outgoing connections.
    expect(all.every((port) => port >= 10_240 && port < 32_768)).toBe(true)
  })
  test('a taken port is named with the flags that move it', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const taken = reservePorts({ gateway: port, broker: 0, router: 0, disperser: 0, grpc: {}, admin: {} })
    await expect(taken).rejects.toMatchObject({
      reason: 'PORT_IN_USE',
      message: expect.stringMatching(new RegExp(`port ${port}.*--port-offset`)),
    })
    await new Promise((resolve) => server.close(resolve))
  })
})

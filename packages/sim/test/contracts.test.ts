import { blobStoreSuite } from '@zerog/adapters/suites/blob-store'
import { busSuite } from '@zerog/adapters/suites/bus'
import { cacheSuite } from '@zerog/adapters/suites/cache'
import { kvSuite } from '@zerog/adapters/suites/kv'
import { leasesSuite } from '@zerog/adapters/suites/leases'
import { assert } from '@zerog/primitives'
import { type NodeEnv, SERVICES, Sim, type SimNode } from '../src/index.ts'

let seed = 0n

/** A node in a running world of its own, a new seed for every test. */
async function liveNode(name: string): Promise<{ readonly node: SimNode<NodeEnv>; readonly stop: () => Promise<void> }> {
  const { nodes, stop } = await liveNodes([name])
  const [node] = nodes
  assert(node, 'it was just made')
  return { node, stop }
}

async function liveNodes(names: readonly string[], live: { readonly aheadMs?: number } = {}) {
  const sim = new Sim({ seed: seed++, faults: { 'disk.slow': 0.2 } })
  const nodes = names.map((name) => sim.node(name, (env) => env))
  const { pass, stop } = sim.live(live)
  for (const node of nodes) node.start()
  const envs = await Promise.all(nodes.map((node) => node.ready()))
  return { sim, nodes, envs, pass, stop }
}

kvSuite('simulated', async () => {
  const { node, stop } = await liveNode('kv')
  let kv = await (await node.ready()).kv('state')
  return {
    kv,
    // Closing makes everything durable, so a power cut right after it takes nothing.
    reopen: async () => {
      await kv.close()
      node.crash({ power: true })
      kv = await (await node.ready()).kv('state')
      return kv
    },
    dispose: stop,
  }
})

blobStoreSuite('simulated', async () => {
  const { node, stop } = await liveNode('blobs')
  let store = await (await node.ready()).blobs('segments')
  return {
    store,
    reopen: async () => {
      await store.close()
      node.crash({ power: true })
      store = await (await node.ready()).blobs('segments')
      return store
    },
    dispose: stop,
  }
})

/** Enough for everything that a bus or a lease does by itself, less than the ack wait of a handler that waits for the test. */
const AHEAD = { aheadMs: 5_000 }

busSuite('simulated', async () => {
  const { sim, envs, pass, stop } = await liveNodes(['bus-0', 'bus-1'], AHEAD)
  const [bus, second] = envs.map((env) => ({ ...env.bus, parked: async (consumer: string) => sim.bus.parked(consumer) }))
  assert(bus && second, 'two nodes')
  return { bus, second, pass, dispose: stop }
})

cacheSuite('simulated', async () => {
  const { envs, pass, stop } = await liveNodes(['cache'], AHEAD)
  const [env] = envs
  assert(env, 'one node')
  return { cache: env.cache, pass, dispose: stop }
})

leasesSuite('simulated', async () => {
  const { sim, envs, pass, stop } = await liveNodes(['first', 'second'], AHEAD)
  const [first, second] = envs
  assert(first && second, 'two nodes')
  return {
    // A holder that cannot renew any more is cut off from the table until it asks for a lease again.
    first: {
      tryAcquire: (request) => {
        sim.network.join('first', SERVICES)
        return first.leases.tryAcquire(request)
      },
    },
    second: second.leases,
    crashFirst: () => sim.network.cut('first', SERVICES),
    pass,
    dispose: stop,
  }
})

import { blobStoreSuite } from '@zerog/adapters/suites/blob-store'
import { kvSuite } from '@zerog/adapters/suites/kv'
import { type NodeEnv, Sim, type SimNode } from '../src/index.ts'

let seed = 0n

/** A node in a running world of its own, a new seed for every test. */
async function liveNode(
  name: string,
): Promise<{ readonly sim: Sim; readonly node: SimNode<NodeEnv>; readonly stop: () => Promise<void> }> {
  const sim = new Sim({ seed: seed++, faults: { 'disk.slow': 0.2 } })
  const node = sim.node(name, (env) => env)
  const { stop } = sim.live()
  node.start()
  await node.ready()
  return { sim, node, stop }
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

import { defineModule } from '@zerog/runtime'
import { serveStorageNode } from './adapters/grpc/node/serve.ts'
import { openHashing } from './adapters/hashing.ts'
import { nodeSeed } from './adapters/identity/node-seed.ts'
import { receiptSigner } from './adapters/identity/receipt-signer.ts'
import { runLoop } from './app/gateway/loop.ts'
import { createStorageNode } from './app/node/storage-node.ts'
import { storageNodeConfig } from './config.ts'

/** Keeps segments on its own disk and signs for them. */
export const storageNodeModule = defineModule({
  target: 'storage-node',
  dependsOn: [],
  config: storageNodeConfig,
  async start(context) {
    const { config, clock, logger, meter, rpc } = context
    const blobs = await context.blobs('segments')
    const kv = await context.kv('promises')
    const signer = receiptSigner(await nodeSeed(context))
    const hashing = openHashing()
    const options = { chainId: context.network.chainId, capacityBytes: config.capacityBytes }
    const node = createStorageNode(options, { blobs, kv, clock, logger, signer, check: hashing.check })
    serveStorageNode(rpc, node)
    const damagedFound = meter.counter({
      name: 'zerog_storage_scrub_damaged_total',
      help: 'Segments that a scrub found damaged or missing.',
    })
    meter.gauge({
      name: 'zerog_storage_node_used_bytes',
      help: 'Bytes of stored segments.',
      read: () => node.stats().usedBytes,
    })
    const stopping = new AbortController()
    const scrub = {
      name: 'storage_scrub',
      intervalMs: config.scrubIntervalMs,
      run: async (signal: AbortSignal) => damagedFound.add(await node.scrub(signal)),
    }
    const scrubbing = clock
      .sleep(Math.min(config.scrubIntervalMs, 60_000), stopping.signal)
      .then(() => runLoop(scrub, { clock, logger, signal: stopping.signal }))
      .catch(() => {})
    return {
      health() {
        const { usedBytes, damagedCount } = node.stats()
        const hasRoom = usedBytes < config.capacityBytes
        return {
          // A full or damaged node still serves reads.
          ready: true,
          checks: [
            { name: 'room', ok: hasRoom, detail: `${usedBytes} of ${config.capacityBytes} bytes used` },
            { name: 'damage', ok: damagedCount === 0, detail: `${damagedCount} segments wait for repair` },
          ],
        }
      },
      async stop() {
        stopping.abort()
        await scrubbing
        await hashing.close()
      },
    }
  },
})

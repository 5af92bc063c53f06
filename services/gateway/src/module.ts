import type { Rpc } from '@zerog/ports'
import { defineModule, type ModuleContext } from '@zerog/runtime'
import type { FastifyInstance } from 'fastify'
import { type DaFaces, registerDa } from './adapters/http/da/register.ts'
import { registerJsonRpc } from './adapters/http/json-rpc.ts'
import { listen, requireLoopback } from './adapters/http/listen.ts'
import { type OpenAiFace, registerOpenAi } from './adapters/http/openai.ts'
import { createHttpServer } from './adapters/http/server.ts'
import { registerStatus } from './adapters/http/status.ts'
import { registerStorage, type StorageFaces } from './adapters/http/storage/register.ts'
import { serveWebSockets } from './adapters/http/web-socket.ts'
import { ZEROG_VERSION } from './adapters/version.ts'
import { createAdmission } from './app/admission.ts'
import { type ChainInstances, createChainInstances } from './app/chain-instances.ts'
import { createForward } from './app/forward.ts'
import { createHeights, unstampedHeights } from './app/heights.ts'
import { createHold, holdingRpc } from './app/hold.ts'
import { chainStatus, gatewayStatus, type LayerStatus } from './app/status.ts'
import { type GatewayConfig, gatewayConfig } from './config.ts'
import { LIMITS } from './limits.ts'

/** The one public door of an installation. */
export const gatewayModule = defineModule({
  target: 'gateway',
  dependsOn: ['chain-validator', 'chain-rpc', 'storage-gateway'],
  config: gatewayConfig,
  start: async (context) => {
    const { config, logger, meter, clock } = context
    if (context.network.development) requireLoopback(config)
    const cache = await context.cache()
    const heights = config.heightStamping
      ? createHeights({ cache, logger, meter, chainId: context.network.chainId })
      : unstampedHeights()
    const instances = createChainInstances({ rpc: context.rpc, clock, logger, signal: context.signal })
    const admit = createAdmission({ cache, logger, perSecondMax: config.rateLimitPerSecond })
    const app = createHttpServer(config, { uuid: () => context.random.uuid(), admit, meter, traces: context.traces })
    const hold = createHold({ clock, meter })
    const rpc = holdingRpc(context.rpc, hold)
    const storage = storageFaces(app, context, rpc)
    const da = context.rpc.instances('da-disperser') === 0 ? undefined : registerDa(app, { rpc })
    registerJsonRpc(app, config, {
      forward: createForward({ instances, heights, meter, hold }),
      logger,
      meter,
      ...(storage === undefined ? {} : { storage: { jsonRpc: storage.jsonRpc, publicUrl: config.publicUrl } }),
    })
    const compute =
      config.computeRouterUrl === ''
        ? undefined
        : await registerOpenAi(app, { routerUrl: config.computeRouterUrl }, { traces: context.traces, hold })
    let faces: Readonly<Record<string, string>> = {}
    const status = () =>
      gatewayStatus({
        version: ZEROG_VERSION,
        chainId: context.network.chainId,
        instances,
        heights,
        faces: () => faces,
        layers: {
          ...(storage === undefined ? {} : { storage: () => layerStatus('storage-gateway', storage) }),
          ...(da === undefined ? {} : { da: () => layerStatus('da-disperser', da) }),
          ...(compute === undefined ? {} : { compute: () => layerStatus('compute-router', compute) }),
        },
      })
    registerStatus(app, status)
    const sockets = serveWebSockets(app.server, config, { instances, heights, clock, logger, meter, admit })
    await instances.poll()
    // Nothing that was ever shown is above the highest head, so a gateway that restarts without its cache keeps the promise.
    for (const { height } of instances.list()) await heights.shown(height)
    faces = facesOf(config, await listen(app, config), { storage, da, compute })
    logger.info('gateway_listening', faces)
    let draining = false
    return {
      faces,
      health: () => healthOf(instances, draining),
      drain: async () => {
        draining = true
        sockets.drain()
        await closeWithin(app, LIMITS.drainMs, context)
      },
      stop: () => closeWithin(app, LIMITS.drainMs, context),
    }
  },
})

/** Only where a storage layer is part of the installation: a chain-only one answers 404 there. */
function storageFaces(
  app: FastifyInstance,
  context: ModuleContext<GatewayConfig>,
  rpc: Pick<Rpc, 'client'>,
): StorageFaces | undefined {
  if (context.rpc.instances('storage-gateway') === 0) return undefined
  const { storageBodyBytesMax: bodyBytesMax, publicUrl } = context.config
  return registerStorage(app, { bodyBytesMax, publicUrl }, { ...context, rpc })
}

/** Asks a layer through the target that its faces forward to. */
async function layerStatus(target: string, faces: Pick<StorageFaces, 'status'>): Promise<LayerStatus> {
  try {
    const { ready, detail } = await faces.status()
    return { ready, detail, instances: [{ target, instance: 0, ok: ready }] }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return { ready: false, detail: problem, instances: [{ target, instance: 0, ok: false, problem }] }
  }
}

function facesOf(
  config: GatewayConfig,
  listening: string,
  {
    storage,
    da,
    compute,
  }: { readonly storage: StorageFaces | undefined; readonly da: DaFaces | undefined; readonly compute: OpenAiFace | undefined },
): Readonly<Record<string, string>> {
  const gatewayUrl = config.publicUrl === '' ? listening : config.publicUrl.replace(/\/$/, '')
  return {
    gatewayUrl,
    rpcUrl: gatewayUrl,
    wsUrl: gatewayUrl.replace(/^http/, 'ws'),
    ...(storage === undefined
      ? {}
      : { nodeUrl: `${gatewayUrl}${storage.paths.node}`, indexerUrl: `${gatewayUrl}${storage.paths.indexer}` }),
    ...(da === undefined ? {} : { daUrl: `${gatewayUrl}${da.path}` }),
    ...(compute === undefined ? {} : { openaiUrl: `${gatewayUrl}${compute.path}` }),
  }
}

function healthOf(instances: ChainInstances, draining: boolean) {
  const chain = chainStatus(instances)
  return {
    ready: chain.ready && !draining,
    checks: [
      { name: 'chain', ok: chain.ready, detail: chain.detail },
      ...(draining ? [{ name: 'intake', ok: false, detail: 'draining' }] : []),
    ],
  }
}

/** Lets running requests finish; what is left after the limit is cut, so that a slow client cannot hold the stop. */
async function closeWithin(app: FastifyInstance, limitMs: number, context: ModuleContext<GatewayConfig>): Promise<void> {
  const cancel = context.clock.after(limitMs, () => {
    context.logger.warn('gateway_drain_cut', { limitMs })
    app.server.closeAllConnections()
  })
  await app.close()
  cancel()
}

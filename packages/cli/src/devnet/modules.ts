import { ZerogError } from '@zerog/primitives'
import type { ServiceModule } from '@zerog/runtime'

/** Names of all targets, in the order in which they start. Known without loading any service. */
export const TARGETS = [
  'chain-validator',
  'chain-rpc',
  'storage-node',
  'storage-gateway',
  'da-node',
  'da-retriever',
  'da-encoder',
  'da-disperser',
  'compute-worker',
  'compute-broker',
  'compute-router',
  'gateway',
] as const
export type Target = (typeof TARGETS)[number]

const LOADERS: Record<Target, () => Promise<ServiceModule>> = {
  'chain-validator': async () => (await import('@zerog/chain')).chainValidatorModule,
  'chain-rpc': async () => (await import('@zerog/chain')).chainRpcModule,
  'storage-node': async () => (await import('@zerog/storage')).storageNodeModule,
  'storage-gateway': async () => (await import('@zerog/storage')).storageGatewayModule,
  'da-node': async () => (await import('@zerog/da')).daNodeModule,
  'da-retriever': async () => (await import('@zerog/da')).daRetrieverModule,
  'da-encoder': async () => (await import('@zerog/da')).daEncoderModule,
  'da-disperser': async () => (await import('@zerog/da')).daDisperserModule,
  'compute-worker': async () => (await import('@zerog/compute')).computeWorkerModule,
  'compute-broker': async () => (await import('@zerog/compute')).computeBrokerModule,
  'compute-router': async () => (await import('@zerog/compute')).computeRouterModule,
  gateway: async () => (await import('@zerog/gateway')).gatewayModule,
}

/** Loads only the services that are asked for: a child for one target does not pay for the others. */
export async function loadModules(targets: readonly Target[]): Promise<readonly ServiceModule[]> {
  return Promise.all(targets.map((target) => LOADERS[target]()))
}

/** `gateway`, `chain-rpc,gateway` or `all`. */
export function parseTargets(text: string | undefined): readonly Target[] {
  if (text === undefined || text === 'all') return TARGETS
  return text.split(',').map((name) => {
    const target = TARGETS.find((known) => known === name.trim())
    if (target !== undefined) return target
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `there is no target ${name.trim()}; there are ${TARGETS.join(', ')} and all`,
    })
  })
}

import type { ModuleContext, RunningModule } from '@zerog/runtime'
import fastify from 'fastify'
import type { ComputeBrokerConfig } from '../../config.ts'
import { LIMITS } from '../../limits.ts'

/** Puts the broker together. */
export async function startBroker(context: ModuleContext<ComputeBrokerConfig>): Promise<RunningModule> {
  const { config } = context
  const app = fastify({ bodyLimit: LIMITS.broker.bodyBytesMax })
  const brokerUrl = await app.listen({ host: config.host, port: config.port })
  return {
    faces: { brokerUrl },
    health: () => ({ ready: false, checks: [{ name: 'worker', ok: false, detail: 'no worker was asked yet' }] }),
    stop: () => app.close(),
  }
}

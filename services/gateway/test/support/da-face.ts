import { testContext } from '@zerog/runtime/testing'
import { type Pipeline, pipeline } from '../../../da/test/support/pipeline.ts'
import { gatewayModule } from '../../src/module.ts'

/** A gateway before a whole installation of data availability, in this process. */
export type DaFace = {
  readonly da: Pipeline
  readonly url: string
  close(): Promise<void>
}

export async function daFace(options: Parameters<typeof pipeline>[0] = {}): Promise<DaFace> {
  const da = await pipeline(options)
  const gateway = await testContext({ module: gatewayModule, world: da.world, config: { port: 0 } })
  const { faces } = await gateway.start()
  return {
    da,
    url: `${faces?.gatewayUrl ?? ''}`.replace(/\/$/, ''),
    async close() {
      await gateway.close()
      await da.close()
    },
  }
}

import { availableParallelism } from 'node:os'
import type { ModuleContext, RunningModule } from '@zerog/runtime'
import type { Committees } from '../../app/committees.ts'
import { encoderMetrics } from '../../app/encoder/metrics.ts'
import type { DaEncoderConfig } from '../../config.ts'
import { dialerOf } from '../foreign/dialer.ts'
import { serveEncoder } from '../grpc/encoder/serve.ts'
import { rpcMemberConnector } from '../grpc/member-connector.ts'
import { encodePool } from '../worker/encode-pool.ts'

export async function startEncoder(context: ModuleContext<DaEncoderConfig>, committees: Committees): Promise<RunningModule> {
  const { config, clock, logger, meter, rpc, traces } = context
  const coder = encodePool({
    threads: config.threads === 0 ? availableParallelism() : config.threads,
    memoryBytesMax: config.memoryBytesMax,
  })
  serveEncoder(rpc, {
    coder,
    committees,
    connect: rpcMemberConnector(dialerOf(context)),
    clock,
    logger,
    metrics: encoderMetrics(meter, coder),
    traces,
  })
  return {
    health() {
      const { usedBytes, waiting } = coder.stats()
      return {
        ready: true,
        checks: [{ name: 'memory', ok: waiting === 0, detail: `${usedBytes} bytes used, ${waiting} bundles wait` }],
      }
    },
    stop: () => coder.close(),
  }
}

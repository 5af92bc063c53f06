import { ZerogError } from '@zerog/primitives'
import type { PortFactories } from './ports.ts'

/** The adapters of production. Loaded on demand: lmdb, pg, NATS and Redis clients cost memory that most targets save. */
export function defaultPortFactories(signal: AbortSignal): PortFactories {
  const adapters = () => import('@zerog/adapters')
  return {
    kv: async (options) => (await adapters()).lmdbKv(options),
    blobs: async ({ path, logger }) => (await adapters()).segmentBlobStore({ path, logger }),
    sql: async (options) => (await adapters()).postgresSql(options),
    postgresBus: async (options) => (await adapters()).postgresBus(options),
    natsBus: () => notYet('natsUrl'),
    memoryCache: async (options) => (await adapters()).memoryCache(options),
    redisCache: () => notYet('redisUrl'),
    postgresLeases: async ({ sql, clock }) => (await adapters()).postgresLeases({ sql, clock, signal }),
  }
}

async function notYet(field: string): Promise<never> {
  throw new ZerogError('CONFIG_INVALID', { message: `${field} is set, but its adapter is not in this build` })
}

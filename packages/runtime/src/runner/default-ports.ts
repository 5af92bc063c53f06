import type { PortFactories } from './ports.ts'

/** The adapters of production. Loaded one by one when asked for: lmdb and the clients of servers cost memory that most targets save. */
export function defaultPortFactories(signal: AbortSignal): PortFactories {
  return {
    kv: async (options) => (await import('@zerog/adapters/kv/embedded')).lmdbKv(options),
    blobs: async ({ path, logger }) => (await import('@zerog/adapters/blob-store/embedded')).segmentBlobStore({ path, logger }),
    sql: async (options) => (await import('@zerog/adapters/sql/cluster')).postgresSql(options),
    postgresBus: async (options) => (await import('@zerog/adapters/bus/embedded')).postgresBus(options),
    natsBus: async (options) => (await import('@zerog/adapters/bus/cluster')).natsBus(options),
    memoryCache: async (options) => (await import('@zerog/adapters/cache/memory')).memoryCache(options),
    redisCache: async (options) => (await import('@zerog/adapters/cache/cluster')).redisCache(options),
    postgresLeases: async ({ sql, clock }) =>
      (await import('@zerog/adapters/leases/cluster')).postgresLeases({ sql, clock, signal }),
  }
}

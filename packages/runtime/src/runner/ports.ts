import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { BlobStore, Bus, Cache, Clock, Kv, Leases, Logger, Meter, Sql } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { BaseConfig } from '../config/base.ts'
import { PORT_PROBE_MS } from '../limits.ts'
import { tracedBus } from '../telemetry/bus.ts'
import { detached, type Tracing } from '../telemetry/tracing.ts'
import { within } from './deadline.ts'

/**
 * embedded: one machine, nothing installed: PostgreSQL carries bus and leases, the cache is memory. cluster: replicas in many pods:
 * bus and cache must be shared servers, so their URLs are demanded as soon as a module asks for them.
 */
export type Shape = 'embedded' | 'cluster'

/** Adapters are loaded when a module first asks for their port: a target pays only for what it uses. */
export type PortFactories = {
  readonly kv: (options: { readonly path: string; readonly name: string; readonly logger: Logger }) => Promise<Kv>
  readonly blobs: (options: { readonly path: string; readonly name: string; readonly logger: Logger }) => Promise<BlobStore>
  readonly sql: (options: { readonly url: string; readonly logger: Logger }) => Promise<Sql>
  readonly postgresBus: (options: { readonly url: string; readonly clock: Clock; readonly logger: Logger }) => Promise<Bus>
  readonly natsBus: (options: {
    readonly servers: readonly string[]
    readonly replicas: number
    readonly clock: Clock
    readonly logger: Logger
  }) => Promise<Bus>
  readonly memoryCache: (options: { readonly clock: Clock }) => Promise<Cache>
  readonly redisCache: (options: { readonly url: string; readonly logger: Logger }) => Promise<Cache>
  readonly postgresLeases: (options: { readonly sql: Sql; readonly clock: Clock }) => Promise<Leases>
}

/** The connections of one process. Targets with the same URL share one. */
export type ProcessPorts = {
  readonly sql: (base: BaseConfig) => Promise<Sql>
  readonly bus: (base: BaseConfig, deps: { readonly tracing: Tracing; readonly meter: Meter }) => Promise<Bus>
  readonly cache: (base: BaseConfig) => Promise<Cache>
  readonly leases: (base: BaseConfig) => Promise<Leases>
  readonly kv: (folder: string, name: string) => Promise<Kv>
  readonly blobs: (folder: string, name: string) => Promise<BlobStore>
  /** Which of the servers that this process is connected to answer now, by kind; false too where one takes too long. */
  readonly probe: () => Promise<ReadonlyMap<ServerKind, boolean>>
  /** The last opened first. Returns what failed. */
  readonly close: () => Promise<readonly unknown[]>
}

/** Servers outside of the process; embedded ports are none. */
export type ServerKind = 'postgres' | 'nats' | 'redis'

type Closable = { readonly close: () => Promise<void> }

export function createProcessPorts(
  options: { readonly shape: Shape; readonly factories: PortFactories },
  deps: { readonly clock: Clock; readonly logger: Logger },
): ProcessPorts {
  const { shape, factories } = options
  const { clock, logger } = deps
  const opened: Closable[] = []
  const present = new Map<string, Promise<unknown>>()
  const servers: { readonly kind: ServerKind; readonly ping: () => Promise<void> }[] = []

  /** Opens once per key; a failure is not remembered, so that asking again tries again. */
  function once<T extends object>(key: string, open: () => Promise<T>): Promise<T> {
    const found = present.get(key)
    if (found !== undefined) return found as Promise<T> // the key holds the kind of port
    // Outside of the request that asked first: what the port does in the background is not part of its trace.
    const opening = detached(open).then((port) => {
      if ('close' in port) opened.push(port as T & Closable)
      return port
    })
    present.set(key, opening)
    opening.catch(() => present.delete(key))
    return opening
  }

  async function watched<T extends { readonly ping: () => Promise<void> }>(kind: ServerKind, opening: Promise<T>): Promise<T> {
    const port = await opening
    servers.push({ kind, ping: () => port.ping() })
    return port
  }

  const sql = async (base: BaseConfig) => {
    const url = demand(base.postgresUrl, 'postgresUrl', 'a PostgreSQL server')
    return once(`sql ${url}`, () => watched('postgres', factories.sql({ url, logger })))
  }

  return {
    sql,
    async bus(base, deps) {
      const raw = await rawBus(base)
      return tracedBus(raw, { ...deps, clock })
    },
    async cache(base) {
      if (base.redisUrl === null && shape === 'embedded') return once('cache', () => factories.memoryCache({ clock }))
      const url = demand(base.redisUrl, 'redisUrl', 'a Redis server: replicas share what they have shown to clients')
      return once(`cache ${url}`, () => watched('redis', factories.redisCache({ url, logger })))
    },
    async leases(base) {
      const shared = await sql(base)
      return once(`leases ${base.postgresUrl}`, () => factories.postgresLeases({ sql: shared, clock }))
    },
    async kv(folder, name) {
      const path = storeFolder(folder, name, 'kv')
      return once(path, () => factories.kv({ path, name, logger }))
    },
    async blobs(folder, name) {
      const path = storeFolder(folder, name, 'blobs')
      return once(path, () => factories.blobs({ path, name, logger }))
    },
    async probe() {
      const answers = new Map<ServerKind, boolean>()
      const ask = async ({ kind, ping }: (typeof servers)[number]) => {
        const isUp = (await within(clock, PORT_PROBE_MS, ping)).kind === 'done'
        answers.set(kind, isUp && answers.get(kind) !== false)
      }
      await Promise.all(servers.map(ask))
      return answers
    },
    async close() {
      servers.splice(0)
      await Promise.allSettled(present.values())
      const failures: unknown[] = []
      for (const port of opened.splice(0).toReversed()) await port.close().catch((error: unknown) => failures.push(error))
      return failures
    },
  }

  async function rawBus(base: BaseConfig): Promise<Bus> {
    if (base.natsUrl !== null) {
      const url = base.natsUrl
      const options = { servers: url.split(','), replicas: base.natsReplicas, clock, logger }
      return once(`bus ${url}`, () => watched('nats', factories.natsBus(options)))
    }
    if (shape === 'cluster') demand(null, 'natsUrl', 'a NATS server with JetStream')
    const url = demand(base.postgresUrl, 'postgresUrl', 'a PostgreSQL server for the bus')
    return once(`bus ${url}`, () => factories.postgresBus({ url, clock, logger }))
  }
}

/** Folder of one replica: `<dataDir>/<target>-<instance>`. */
export function dataFolder(base: Pick<BaseConfig, 'dataDir'>, target: string, instance: number): string {
  return join(resolve(base.dataDir), `${target}-${instance}`)
}

/** Folder of a named store of one replica, also for tools that check or repair it while the replica is stopped. */
export function storeFolder(folder: string, name: string, kind: 'kv' | 'blobs'): string {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) throw new TypeError(`store name "${name}" must be a-z, 0-9 and hyphen`)
  return join(folder, `${name}.${kind}`)
}

export async function makeDataFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOSPC')
      throw new ZerogError('DISK_FULL', { message: `no space for the data folder ${path}; free some or move dataDir`, cause })
    throw new ZerogError('CONFIG_INVALID', {
      message: `the data folder ${path} cannot be made (${code}); check owner and permissions, or set another dataDir`,
      cause,
    })
  }
}

function demand(url: string | null, field: string, what: string): string {
  if (url !== null) return url
  throw new ZerogError('CONFIG_INVALID', {
    message: `${field} is not set, but this target needs ${what}; set ZEROG_COMMON_${field.replace(/[A-Z]/g, '_$&').toUpperCase()}`,
    metadata: { field },
  })
}

import type { BlobStore, Bus, Cache, ChainClient, Clock, Kv, Leases, Logger, Meter, Random, Rpc, Sql, Traces } from '@zerog/ports'
import type { z } from 'zod'

export type HealthReport = {
  /** Whether traffic may be sent here now. */
  readonly ready: boolean
  /** One line per dependency or lag: what it is, whether it is fine, and if not why. Shown by /readyz and `zerog doctor`. */
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[]
}

/** Everything a module may touch. A port is connected when it is first asked for and closed by the runner. */
export type ModuleContext<Config> = {
  readonly target: string
  /** 0 for the first replica of a target in this devnet; the ordinal of the pod in a StatefulSet. */
  readonly instance: number
  readonly config: Config
  /** Chain id of the network and whether it is the development network (31337). */
  readonly network: { readonly chainId: number; readonly development: boolean }
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
  readonly traces: Traces
  readonly rpc: Rpc
  readonly bus: () => Promise<Bus>
  readonly sql: () => Promise<Sql>
  readonly cache: () => Promise<Cache>
  readonly leases: () => Promise<Leases>
  /** Opened below the data folder of this target and instance. */
  readonly kv: (name: string) => Promise<Kv>
  readonly blobs: (name: string) => Promise<BlobStore>
  /** The chain as the layers above it see it: finalized blocks only. */
  readonly chain: () => Promise<ChainClient>
  /** Folder of this target and instance; exists, mode 0700. */
  readonly dataDir: string
  /** Aborts when the stop begins, after drain. */
  readonly signal: AbortSignal
  /** Stops the process in order after a failure that the module cannot survive (a damaged record, a full disk). */
  readonly fatal: (error: unknown) => void
}

export type RunningModule = {
  readonly health: () => HealthReport | Promise<HealthReport>
  /** Stop intake, finish what was accepted. Health is already NOT_SERVING. */
  readonly drain?: () => Promise<void>
  /** Flush and close. */
  readonly stop: () => Promise<void>
  /** URLs of public faces for endpoints.json and the start-up banner, e.g. {rpcUrl}. */
  readonly faces?: Readonly<Record<string, string>>
}

/** One target. The runner starts modules in the order of `dependsOn` and stops them in reverse. */
export type ServiceModule<Schema extends z.ZodType = z.ZodType> = {
  readonly target: string
  /** Targets that must be ready first when they run in the same process or devnet. */
  readonly dependsOn: readonly string[]
  /** Every field has a default and a `.describe()`; env ZEROG_<TARGET>_<FIELD>, unknown keys refused. */
  readonly config: Schema
  /** Endpoints are served before `start` resolves; calls to them wait until the module is ready. */
  readonly start: (context: ModuleContext<z.output<Schema>>) => Promise<RunningModule>
}

/** Keeps the type of the config schema. */
export function defineModule<Schema extends z.ZodType>(module: ServiceModule<Schema>): ServiceModule<Schema> {
  return module
}

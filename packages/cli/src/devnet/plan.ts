import type { UpOptions } from './options.ts'

/** One running copy of a target. */
export type PlannedInstance = {
  readonly target: string
  readonly instance: number
  /** `chain-rpc` for the first, `chain-rpc-1` for the second: the key in endpoints.json and the name in messages. */
  readonly name: string
}

/** The largest plan fits between the firsts: at most 45 instances, and all within 100, the offset that we recommend for a second devnet. */
export const DEFAULT_PORTS = {
  gateway: 8545,
  broker: 8546,
  router: 8547,
  disperser: 51_001,
  grpcFirst: 8600,
  adminFirst: 8650,
} as const

/** Targets that serve HTTP only: nobody calls them by gRPC. */
const HTTP_TARGETS: ReadonlySet<string> = new Set(['gateway', 'compute-router', 'compute-broker'])
export const servesGrpc = ({ target }: { readonly target: string }): boolean => !HTTP_TARGETS.has(target)

/** Which instances a devnet has, in the order in which they start. */
export function planInstances(
  options: Pick<UpOptions, 'chainOnly' | 'rpcReplicas' | 'storageNodes' | 'daNodes' | 'computeWorkers'>,
): readonly PlannedInstance[] {
  const copies = (target: string, count: number): PlannedInstance[] =>
    Array.from({ length: count }, (_, instance) => ({
      target,
      instance,
      name: instance === 0 ? target : `${target}-${instance}`,
    }))
  const chain = [...copies('chain-validator', 1), ...copies('chain-rpc', options.chainOnly ? 0 : options.rpcReplicas)]
  const storage = options.chainOnly ? [] : [...copies('storage-node', options.storageNodes), ...copies('storage-gateway', 1)]
  const services = ['da-retriever', 'da-encoder', 'da-disperser']
  const da = options.chainOnly ? [] : [...copies('da-node', options.daNodes), ...services.flatMap((target) => copies(target, 1))]
  const compute = options.chainOnly
    ? []
    : [...copies('compute-worker', options.computeWorkers), ...copies('compute-broker', 1), ...copies('compute-router', 1)]
  return [...chain, ...storage, ...da, ...compute, ...copies('gateway', 1)]
}

export type PlannedPorts = {
  readonly gateway: number
  /** 0G's provider API of the broker. */
  readonly broker: number
  /** OpenAI's API, which clients reach through the gateway. */
  readonly router: number
  /** 0G's interface of the disperser. */
  readonly disperser: number
  /** By name of instance; one process has only `devnet`. */
  readonly grpc: Readonly<Record<string, number>>
  readonly admin: Readonly<Record<string, number>>
}

/** Fixed ports, moved by the offset. 0 stands for a free one, taken by the caller. */
export function planPorts(names: readonly string[], options: Pick<UpOptions, 'port' | 'portOffset'>): PlannedPorts {
  const free = options.port === 0
  const at = (base: number, index: number): number => (free ? 0 : base + options.portOffset + index)
  return {
    gateway: options.port ?? DEFAULT_PORTS.gateway + options.portOffset,
    broker: free ? 0 : DEFAULT_PORTS.broker + options.portOffset,
    router: free ? 0 : DEFAULT_PORTS.router + options.portOffset,
    disperser: free ? 0 : DEFAULT_PORTS.disperser + options.portOffset,
    grpc: Object.fromEntries(names.map((name, index) => [name, at(DEFAULT_PORTS.grpcFirst, index)])),
    admin: Object.fromEntries(names.map((name, index) => [name, at(DEFAULT_PORTS.adminFirst, index)])),
  }
}

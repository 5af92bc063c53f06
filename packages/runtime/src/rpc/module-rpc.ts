import type { Endpoint, Rpc } from '@zerog/ports'
import { type ClientDeps, createClient } from './client.ts'
import type { RpcHost } from './host.ts'
import type { InProcessNetwork } from './in-process.ts'
import type { Transport } from './transport.ts'

/** The ways out of this process, by target; see grpc-client.ts. */
export type Peers = {
  readonly instances: (target: string) => number
  readonly transport: (target: string, instance?: number) => Transport
}

/**
 * The Rpc port of one module. Targets named in `peers` are called over gRPC; all others over the in-process channel. Either way the
 * caller is `identity`.
 */
export function createModuleRpc(
  options: {
    readonly identity: string
    readonly network: InProcessNetwork
    /** Absent for a mere client such as a test or a tool. */
    readonly host?: RpcHost
    readonly peers?: Peers
  },
  deps: ClientDeps,
): Rpc {
  const { identity, network, host, peers } = options

  function transport(target: string, instance?: number): Transport {
    if (peers !== undefined && peers.instances(target) > 0) return peers.transport(target, instance)
    return network.transport(identity, target, instance)
  }

  return {
    serve(service, endpoints) {
      if (host === undefined) throw new TypeError(`${identity} is a client only and cannot serve ${service.fullName}`)
      host.add(service, endpoints as Readonly<Record<string, Endpoint>>) // the port's type demands one endpoint per method
    },
    client: (service, target, instance) => createClient(service, { target, pick: () => transport(target, instance) }, deps),
    instances: (target) => peers?.instances(target) || network.instances(target),
  }
}

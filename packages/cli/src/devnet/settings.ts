import { join } from 'node:path'
import type { Hex } from '@zerog/primitives'
import type { UpOptions } from './options.ts'
import { type PlannedInstance, type PlannedPorts, servesGrpc } from './plan.ts'

/** Name of the network in certificates; chain id of every devnet. */
export const DEVNET_NETWORK = 'devnet'
export const DEVNET_CHAIN_ID = 31337

/** As public as the development accounts: they open nothing but a devnet. */
export const DEVELOPMENT_OPENAI_KEY = `sk-zerog-${'development'.padEnd(43, '0')}`
export const DEVELOPMENT_ADMIN_TOKEN = 'zerog-devnet-administrator'

/** Long enough for a block on a busy machine; a transaction with a nonce gap is held back no longer than this. */
const SEND_WAIT_MS = 1_000

export type Overrides = Readonly<Record<string, unknown>>

/** Settings of the launcher that hold for every target. */
export function commonSettings(dataDir: string, postgresUrl: string | undefined): Overrides {
  return {
    network: DEVNET_NETWORK,
    chainId: DEVNET_CHAIN_ID,
    dataDir: join(dataDir, 'targets'),
    tlsDir: join(dataDir, 'tls'),
    ...(postgresUrl === undefined ? {} : { postgresUrl }),
  }
}

/** Settings of one target that follow from the flags of `zerog up`; the same in one process and in many. */
export function targetSettings(
  instance: PlannedInstance,
  options: UpOptions,
  facts: { readonly ports: PlannedPorts; readonly funded: readonly Hex[] },
): Overrides {
  const grpcPort = facts.ports.grpc[instance.name]
  // Sealing on demand, the answer to a sent transaction waits for its block: clients that poll for blocks must not start too late.
  const sendWaitMs = options.blockTime === undefined ? SEND_WAIT_MS : 0
  const chain = {
    chainOnly: options.chainOnly,
    baseFee: options.baseFee,
    fundedAccounts: facts.funded,
    daMembers: options.chainOnly ? 0 : options.daNodes,
    sendWaitMs,
    verifyWith: options.verifyWith ?? null,
  }
  switch (instance.target) {
    case 'chain-validator':
      return { grpcPort, ...chain, blockTimeMs: Math.round((options.blockTime ?? 0) * 1000) }
    case 'chain-rpc':
      return { grpcPort, ...chain }
    case 'da-disperser':
      // Whoever reaches a devnet sits at the machine.
      return { grpcPort, publicPort: facts.ports.disperser, publicUnlimited: ['127.0.0.1', '::1'] }
    case 'compute-broker':
      // Nobody waits for minutes on a devnet to see a settlement.
      return {
        grpcPort: null,
        port: facts.ports.broker,
        settleAfterMs: 2000,
        settleIntervalMs: 250,
        settleRetryMs: 5000,
        // The model that is shipped (docs/inference.md); a registered model is a link of evidence.
        registerModels: { 'zerog-assistant-1': { licence: 'Apache-2.0' } },
      }
    case 'compute-router':
      return {
        grpcPort: null,
        port: facts.ports.router,
        developmentKey: DEVELOPMENT_OPENAI_KEY,
        adminToken: DEVELOPMENT_ADMIN_TOKEN,
        refreshMs: 1000,
        firstProviderWaitMs: 15_000,
      }
    case 'gateway': {
      const computeRouterUrl = options.chainOnly ? '' : `http://127.0.0.1:${facts.ports.router}`
      return { grpcPort: null, port: facts.ports.gateway, heightStamping: !options.chainOnly, computeRouterUrl }
    }
    default:
      return { grpcPort }
  }
}

/** gRPC addresses by target, as every other process of the devnet needs them. */
export function peersOf(instances: readonly PlannedInstance[], ports: PlannedPorts): Readonly<Record<string, readonly string[]>> {
  const peers: Record<string, string[]> = {}
  for (const { target, name } of instances) {
    if (!servesGrpc({ target })) continue
    peers[target] ??= []
    peers[target].push(`127.0.0.1:${ports.grpc[name]}`)
  }
  return peers
}

/**
 * The same settings as environment variables of a child: `ZEROG_CHAIN_RPC_GRPC_PORT=8601`. null is the default of every field that these
 * settings leave out, and is not written: a child of an older release (docs/deployment.md) refuses variables that it does not know.
 */
export function settingsToEnv(target: string, settings: Overrides): Readonly<Record<string, string>> {
  const prefix = `ZEROG_${target.replaceAll('-', '_').toUpperCase()}_`
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([, value]) => value !== null)
      .map(([field, value]) => [
        prefix + field.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase(),
        typeof value === 'object' ? JSON.stringify(value) : String(value),
      ]),
  )
}

/** The variables of the command that share a prefix with those of target gateway. */
export function targetEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { ZEROG_GATEWAY_URL: _url, ...rest } = env
  return rest
}

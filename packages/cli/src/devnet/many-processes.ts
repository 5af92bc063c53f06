import { join } from 'node:path'
import type { Hex } from '@zerog/primitives'
import type { ChildSpec } from './child.ts'
import type { UpOptions } from './options.ts'
import { type PlannedInstance, type PlannedPorts, servesGrpc } from './plan.ts'
import { commonSettings, peersOf, settingsToEnv, targetSettings } from './settings.ts'
import type { RunningDevnet } from './shape.ts'
import { createSupervisor } from './supervisor.ts'

/** One child process per target, joined by gRPC with mutual TLS: the shape of a cluster on one machine. */
export async function startManyProcesses(
  plan: {
    readonly instances: readonly PlannedInstance[]
    readonly ports: PlannedPorts
    readonly options: UpOptions
    readonly funded: readonly Hex[]
    readonly dataDir: string
    readonly postgresUrl: string | undefined
  },
  deps: {
    readonly say: (text: string) => void
    readonly changed: () => void
    readonly onReady: (name: string) => void
    readonly signal: AbortSignal
  },
): Promise<RunningDevnet> {
  const { instances, ports } = plan
  const supervisor = createSupervisor(deps)
  const common = {
    ...commonSettings(plan.dataDir, plan.postgresUrl),
    peers: peersOf(instances, ports),
    adminAddress: '127.0.0.1',
  }
  const specs = instances.map((instance): ChildSpec => {
    const admin = ports.admin[instance.name] ?? 0
    const own = { ...targetSettings(instance, plan.options, plan), adminPort: admin, instance: instance.instance }
    return {
      ...instance,
      admin,
      logDir: join(plan.dataDir, 'logs'),
      env: { ...settingsToEnv('common', common), ...settingsToEnv(instance.target, own) },
    }
  })
  try {
    await supervisor.start(specs)
  } catch (error) {
    await supervisor.stop()
    throw error
  }
  const gatewayUrl = `http://127.0.0.1:${ports.gateway}`
  return {
    faces: {
      gatewayUrl,
      rpcUrl: gatewayUrl,
      wsUrl: gatewayUrl.replace(/^http/, 'ws'),
      ...(plan.options.chainOnly ? {} : { nodeUrl: `${gatewayUrl}/storage`, indexerUrl: `${gatewayUrl}/indexer` }),
    },
    services: () =>
      Object.fromEntries(
        supervisor.children().map(({ spec, id }) => [
          spec.name,
          {
            ...(!servesGrpc(spec) ? {} : { grpc: `127.0.0.1:${ports.grpc[spec.name]}` }),
            admin: `127.0.0.1:${spec.admin}`,
            pid: id.pid,
          },
        ]),
      ),
    processes: supervisor.ids,
    stop: supervisor.stop,
    // Children are started again, so the devnet as a whole does not fail.
    failed: new Promise(() => {}),
  }
}

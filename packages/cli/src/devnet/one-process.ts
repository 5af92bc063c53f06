import type { Hex } from '@zerog/primitives'
import { type Logging, run, type TargetRequest } from '@zerog/runtime'
import { loadModules, TARGETS, type Target } from './modules.ts'
import type { UpOptions } from './options.ts'
import type { PlannedInstance, PlannedPorts } from './plan.ts'
import { commonSettings, targetEnv, targetSettings } from './settings.ts'
import type { RunningDevnet } from './shape.ts'

/** Every target in this process, joined by the in-process channel; gRPC is there for tools. */
export async function startOneProcess(
  plan: {
    readonly instances: readonly PlannedInstance[]
    readonly ports: PlannedPorts
    readonly options: UpOptions
    readonly funded: readonly Hex[]
    readonly dataDir: string
    readonly postgresUrl: string | undefined
  },
  deps: { readonly env: NodeJS.ProcessEnv; readonly logging: Logging; readonly onReady: (name: string) => void },
): Promise<RunningDevnet> {
  const { instances, ports, options } = plan
  const adminPort = ports.admin.devnet ?? 0
  const common = commonSettings(plan.dataDir, plan.postgresUrl)
  const wanted = new Set(instances.map(({ target }) => target))
  const modules = await loadModules(TARGETS.filter((target): target is Target => wanted.has(target)))
  const targets = instances.map(
    (instance): TargetRequest => ({
      target: instance.target,
      instance: instance.instance,
      overrides: { ...common, ...targetSettings(instance, options, plan) },
    }),
  )
  const running = await run({
    modules,
    targets,
    shape: 'embedded',
    env: targetEnv(deps.env),
    admin: { address: '127.0.0.1', port: adminPort },
    logging: deps.logging,
    handleProcess: false,
    onProgress: ({ target, instance, state }) => {
      if (state === 'ready') deps.onReady(instance === 0 ? target : `${target}-${instance}`)
    },
  })
  const gateway = running.services.find(({ target }) => target === 'gateway')
  let stopping = false
  return {
    faces: gateway?.faces ?? {},
    services: () =>
      Object.fromEntries(
        running.services.map(({ target, instance, grpc }) => [
          instance === 0 ? target : `${target}-${instance}`,
          {
            ...(grpc === undefined ? {} : { grpc }),
            ...(running.admin === undefined ? {} : { admin: running.admin }),
            pid: process.pid,
          },
        ]),
      ),
    processes: () => [],
    stop: async () => {
      stopping = true
      await running.stop('the devnet is stopping')
    },
    failed: new Promise((resolve) => {
      void running.ended.then(({ error, why }) => {
        if (!stopping) resolve(error ?? new Error(why))
      })
    }),
  }
}

import type { Client, Clock, Logger, Rpc } from '@zerog/ports'
import { ChainServiceDefinition, JsonRpcServiceDefinition } from '@zerog/proto/chain'
import { failed, type Instance, newInstance, orderFor, succeeded } from '../core/instances.ts'
import { LIMITS } from '../limits.ts'

export type JsonRpcClient = Client<typeof JsonRpcServiceDefinition>

/** Every chain instance with a client, and what was learned about it from replies and from asking its head once a second. */
export type ChainInstances = {
  readonly order: (request: { readonly minHeight: bigint; readonly validatorOnly: boolean }) => readonly Instance[]
  readonly client: (instance: Instance) => JsonRpcClient
  readonly answered: (instance: Instance, height: bigint) => void
  readonly unreachable: (instance: Instance, problem: string) => void
  readonly list: () => readonly Instance[]
  /** Asks every instance for its head once; also runs in the background until the signal aborts. */
  readonly poll: () => Promise<void>
}

export function createChainInstances(deps: {
  readonly rpc: Rpc
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}): ChainInstances {
  const instances = new Map<string, Instance>()
  const jsonRpc = new Map<string, JsonRpcClient>()
  let turn = 0

  const keyOf = (instance: Pick<Instance, 'target' | 'index'>): string => `${instance.target}/${instance.index}`
  const known = (instance: Instance): Instance => instances.get(keyOf(instance)) ?? instance
  const keep = (instance: Instance): void => void instances.set(keyOf(instance), instance)

  function discover(): void {
    for (const target of ['chain-rpc', 'chain-validator'] as const) {
      const count = deps.rpc.instances(target)
      for (let index = 0; index < count; index++) {
        if (!instances.has(`${target}/${index}`)) keep(newInstance(target, index))
      }
    }
  }

  function unreachable(instance: Instance, problem: string): void {
    const before = known(instance)
    if (before.failures === 0) deps.logger.warn('chain_instance_unreachable', { instance: keyOf(instance), problem })
    keep(failed(before, problem, deps.clock.nowMs()))
  }

  function answered(instance: Instance, height: bigint): void {
    const before = known(instance)
    if (before.failures > 0) deps.logger.info('chain_instance_back', { instance: keyOf(instance) })
    keep(succeeded(before, height))
  }

  async function askHead(instance: Instance): Promise<void> {
    if (instance.restsUntilMs > deps.clock.nowMs()) return
    try {
      const head = await deps.rpc
        .client(ChainServiceDefinition, instance.target, instance.index)
        .getHead({}, { signal: deps.signal, timeoutMs: 2_000, retriesMax: 0 })
      answered(instance, head.height)
    } catch (error) {
      if (!deps.signal.aborted) unreachable(instance, error instanceof Error ? error.message : String(error))
    }
  }

  async function poll(): Promise<void> {
    discover()
    await Promise.all([...instances.values()].map(askHead))
  }

  async function pollForever(): Promise<void> {
    while (!deps.signal.aborted) {
      await poll()
      await deps.clock.sleep(LIMITS.headPollMs, deps.signal).catch(() => {})
    }
  }

  discover()
  void pollForever()

  return {
    order: (request) => orderFor([...instances.values()], { ...request, nowMs: deps.clock.nowMs(), turn: turn++ }),
    client: (instance) => {
      const key = keyOf(instance)
      const client = jsonRpc.get(key) ?? deps.rpc.client(JsonRpcServiceDefinition, instance.target, instance.index)
      jsonRpc.set(key, client)
      return client
    },
    answered,
    unreachable,
    list: () => [...instances.values()],
    poll,
  }
}

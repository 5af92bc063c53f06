import type { ChainInstances } from './chain-instances.ts'
import type { Heights } from './heights.ts'

export type LayerStatus = {
  readonly ready: boolean
  readonly detail: string
  readonly instances: readonly {
    readonly target: string
    readonly instance: number
    readonly ok: boolean
    /** Decimal; absent while unknown or where a layer has no heights. */
    readonly height?: string
    readonly problem?: string
  }[]
}

/** The document of GET /status. */
export type GatewayStatus = {
  readonly v: 1
  readonly name: 'zerog'
  readonly version: string
  readonly chainId: number
  /** Highest finalized height that this network's gateways have shown, decimal. */
  readonly height: string
  readonly ready: boolean
  readonly layers: Readonly<Record<string, LayerStatus>>
  readonly faces: Readonly<Record<string, string>>
}

export function chainStatus(instances: ChainInstances): LayerStatus {
  const list = instances.list()
  const working = list.filter((instance) => instance.failures === 0)
  return {
    ready: working.length > 0,
    detail: `${working.length} of ${list.length} instances answer`,
    instances: list.map((instance) => ({
      target: instance.target,
      instance: instance.index,
      ok: instance.failures === 0,
      height: String(instance.height),
      ...(instance.problem === undefined ? {} : { problem: instance.problem }),
    })),
  }
}

export async function gatewayStatus(deps: {
  readonly version: string
  readonly chainId: number
  readonly instances: ChainInstances
  readonly heights: Heights
  readonly faces: () => Readonly<Record<string, string>>
  readonly layers: Readonly<Record<string, () => Promise<LayerStatus>>>
}): Promise<GatewayStatus> {
  const chain = chainStatus(deps.instances)
  const others = await Promise.all(Object.entries(deps.layers).map(async ([name, ask]) => [name, await ask()] as const))
  // The document shows heights like any other reply: whoever read it must not be sent back afterwards.
  for (const { height } of deps.instances.list()) await deps.heights.shown(height)
  return {
    v: 1,
    name: 'zerog',
    version: deps.version,
    chainId: deps.chainId,
    height: String(deps.heights.highest()),
    ready: chain.ready,
    layers: { chain, ...Object.fromEntries(others) },
    faces: deps.faces(),
  }
}

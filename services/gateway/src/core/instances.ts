import { BACKOFF_MAX_MS, BACKOFF_MS } from './limits.ts'

/** One instance of the chain that can answer JSON-RPC, as far as the gateway knows it. */
export type Instance = {
  readonly target: 'chain-rpc' | 'chain-validator'
  readonly index: number
  /** Highest height that it has shown; 0 while unknown. */
  readonly height: bigint
  /** Failures in a row; 0 when the last call went through. */
  readonly failures: number
  /** Not asked before this moment unless nothing else is left, ms since the epoch. */
  readonly restsUntilMs: number
  readonly problem: string | undefined
}

export function newInstance(target: Instance['target'], index: number): Instance {
  return { target, index, height: 0n, failures: 0, restsUntilMs: 0, problem: undefined }
}

/** It answered, showing `height`. Heights only grow. */
export function succeeded(instance: Instance, height: bigint): Instance {
  const highest = height > instance.height ? height : instance.height
  return { ...instance, height: highest, failures: 0, restsUntilMs: 0, problem: undefined }
}

/** It did not answer: rest it for a while, longer each time. */
export function failed(instance: Instance, problem: string, nowMs: number): Instance {
  const restMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(instance.failures, 10))
  return { ...instance, failures: instance.failures + 1, restsUntilMs: nowMs + restMs, problem }
}

const RANKS = [0, 1, 2, 3] as const

/**
 * The order in which instances are tried for a request that must see `minHeight`: replicas before the validator, those known
 * to be high enough first, resting ones last; within each class round robin by `turn`.
 */
export function orderFor(
  instances: readonly Instance[],
  request: {
    readonly minHeight: bigint
    readonly nowMs: number
    readonly turn: number
    readonly validatorOnly: boolean
  },
): readonly Instance[] {
  const usable = instances.filter((instance) => !request.validatorOnly || instance.target === 'chain-validator')
  const rank = (instance: Instance): (typeof RANKS)[number] => {
    if (instance.restsUntilMs > request.nowMs) return 3
    if (instance.target === 'chain-validator') return 1
    return instance.height >= request.minHeight ? 0 : 2
  }
  // Turns are dealt within a class: over all, whoever stands behind one of another class would get its turns as well.
  return RANKS.flatMap((of) => {
    const equals = usable.filter((instance) => rank(instance) === of)
    const start = equals.length === 0 ? 0 : request.turn % equals.length
    return [...equals.slice(start), ...equals.slice(0, start)]
  })
}

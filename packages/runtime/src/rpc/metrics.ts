import type { Meter } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

/** Seconds; the same for both sides so that they can be drawn over each other. */
export const RPC_DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export type CallMetrics = {
  readonly done: (method: string, peer: string, startedMs: number, endedMs: number, error?: unknown) => void
}

/** Rate, errors and duration per RPC. `peer` is the caller on the server's side and the called target on the client's. */
export function callMetrics(meter: Meter, side: 'server' | 'client'): CallMetrics {
  const calls = meter.counter({
    name: `zerog_rpc_${side}_calls_total`,
    help: `RPCs that ended on the ${side}'s side, by status`,
    labels: ['method', 'peer', 'status'],
  })
  const duration = meter.histogram({
    name: `zerog_rpc_${side}_duration_seconds`,
    help: `Time from start to end of an RPC on the ${side}'s side`,
    labels: ['method'],
    buckets: RPC_DURATION_BUCKETS,
  })
  return {
    done(method, peer, startedMs, endedMs, error) {
      const status = error === undefined ? 'OK' : error instanceof ZerogError ? error.status : 'INTERNAL'
      calls.add(1, { method, peer, status })
      duration.observe((endedMs - startedMs) / 1000, { method })
    },
  }
}

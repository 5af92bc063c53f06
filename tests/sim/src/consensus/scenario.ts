import { Prng } from '@zerog/sim'
import { Cluster, type ClusterOptions, type ClusterReport } from './cluster.ts'
import type { Consensus } from './node.ts'

type Observe = Pick<ClusterOptions, 'trace' | 'onStep'>

/** Delays, loss, crashes, partitions, clock skew and lies are all drawn from the seed; each kind is absent in part of the seeds. */
export function hostileCluster(consensus: Consensus, seed: bigint, count: number, observe: Observe = {}): Cluster {
  const prng = Prng.fromSeed(seed).fork('scenario')
  const some = (probability: number, value: number) => (prng.chance(probability) ? value : 0)
  const max = prng.pick([5, 20, 50, 150])
  const options: ClusterOptions = {
    consensus,
    seed,
    count,
    byzantine: prng.chance(0.75) ? prng.between(0, Math.floor((count - 1) / 3)) : 0,
    churn: prng.chance(0.5),
    epochLength: prng.pick([4, 10, 1_000]),
    delayMs: { min: 1, max },
    loss: some(0.5, prng.pick([0.01, 0.1, 0.3])),
    duplication: some(0.5, 0.1),
    crashes: prng.chance(0.5),
    partitions: prng.chance(0.5),
    skewMsMax: some(0.5, 500),
    syncMsMax: prng.pick([0, 2, 20]),
    executionMsMax: prng.pick([1, 10, 100]),
    timeouts: { leaderMs: 2 * max + 50, advanceMs: 3 * max + 75, certifyMs: 500, retryMs: 200 },
    ...observe,
  }
  return new Cluster(options)
}

/** One seed: faults for some seconds of virtual time, then every honest validator finalizes five more blocks. */
export function runHostile(consensus: Consensus, seed: bigint, count: number, observe: Observe = {}): ClusterReport {
  const cluster = hostileCluster(consensus, seed, count, observe)
  return cluster.run({ faultyMs: count > 10 ? 2_000 : 6_000, blocks: 5 })
}

/** How many validators a seed plays with: mostly 4, every fifth 7, every fiftieth 31. */
export function validatorCount(seed: bigint): number {
  if (seed % 50n === 0n) return 31
  return seed % 5n === 0n ? 7 : 4
}

/** No faults but the given ones: for figures. */
export function calmCluster(
  consensus: Consensus,
  options: { readonly count: number; readonly delayMs: number; readonly executionMs: number } & Pick<ClusterOptions, 'deaths'>,
): Cluster {
  const { count, delayMs, executionMs, ...rest } = options
  return new Cluster({
    consensus,
    seed: 7n,
    count,
    byzantine: 0,
    epochLength: 100_000,
    delayMs: { min: delayMs, max: delayMs },
    loss: 0,
    duplication: 0,
    crashes: false,
    partitions: false,
    skewMsMax: 0,
    syncMsMax: 2,
    executionMsMax: executionMs,
    timeouts: { leaderMs: 2 * delayMs + 10, advanceMs: 3 * delayMs + 15, certifyMs: 500, retryMs: 4 * delayMs },
    ...rest,
  })
}

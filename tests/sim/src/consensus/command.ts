import * as consensus from '@zerog/consensus'
import { recordSeed } from '../corpus.ts'
import { runHostile, validatorCount } from './scenario.ts'

export type ConsensusRun = { readonly seed: bigint; readonly trace?: (line: string) => void }

/**
 * One seed of the hostile cluster, for `pnpm sim --scenario consensus`. It runs synchronously, a hundred times faster than a scenario of
 * whole services, and so has its own loop. Returns a line to print; throws what it found, with the command that shows it again.
 */
export function runConsensus({ seed, trace }: ConsensusRun): { readonly hash: string; readonly line: string } {
  const count = validatorCount(seed)
  try {
    const { hash, events, height, faults } = runHostile(consensus, seed, count, trace ? { trace } : {})
    const told = Object.entries(faults).map(([fault, times]) => `${fault}=${times}`)
    return {
      hash,
      line: `seed ${seed}  ok  hash ${hash}  ${count} validators  height ${height}  ${events} events  faults: ${told.join(' ')}`,
    }
  } catch (cause) {
    const { message } = cause as Error
    throw new Error(
      `seed ${seed}  FAILED  ${count} validators: ${message}\n  replay: pnpm sim --scenario consensus --seed ${seed} --trace`,
      { cause },
    )
  }
}

/** `--seed`: twice, the stories compared; else `runs` seeds from `first` on, of which failing ones join the corpus. Returns whether all held. */
export function consensusCommand(
  options: {
    readonly seed: bigint | undefined
    readonly trace: boolean
    readonly first: number
    readonly runs: number
    readonly keepGoing: boolean
  },
  print: (line: string) => void,
): boolean {
  const seeds =
    options.seed === undefined
      ? Array.from({ length: options.runs }, (_, index) => BigInt(options.first + index))
      : [options.seed]
  let failures = 0
  for (const seed of seeds) {
    try {
      const { hash, line } = runConsensus({ seed, ...(options.trace && { trace: print }) })
      if (options.seed !== undefined && runConsensus({ seed }).hash !== hash) throw new Error(`seed ${seed} does not replay`)
      print(line)
    } catch (error) {
      failures++
      const { message, cause } = error as Error
      print(message)
      if (options.seed === undefined) recordSeed('consensus', seed, (cause as Error | undefined)?.message ?? message)
      if (!options.keepGoing) break
    }
  }
  if (seeds.length > 1) print(`${seeds.length} seeds, ${failures} failed`)
  return failures === 0
}

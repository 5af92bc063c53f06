import { readFileSync } from 'node:fs'
import { type Difference, type RunOptions, runScenario } from './run-scenario.ts'
import { randomScenario, type Scenario } from './scenario.ts'
import { shrink } from './shrink.ts'

/** A scenario that once showed a difference, whole and small. */
export type KeptCase = { readonly found: string; readonly scenario: Scenario }

export function readCorpus(): readonly KeptCase[] {
  return JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8')) as KeptCase[]
}

export type Failure = { readonly seed: bigint; readonly difference: Difference; readonly scenario: Scenario }

/** Runs a seed; a difference comes back with the smallest scenario that shows the same field differing. */
export async function runSeed(
  seed: bigint,
  options: RunOptions,
  attemptsMax?: number,
): Promise<{ readonly cases: number; readonly failure: Failure | undefined }> {
  const scenario = randomScenario(seed)
  const { cases, difference } = await runGuarded(scenario, options)
  if (difference === undefined) return { cases, failure: undefined }
  const kind = kindOf(difference)
  const small = await shrink(
    scenario,
    async (candidate) => {
      const again = (await runGuarded(candidate, options)).difference
      return again !== undefined && kindOf(again) === kind
    },
    attemptsMax,
  )
  return { cases, failure: { seed, difference: (await runGuarded(small, options)).difference ?? difference, scenario: small } }
}

/** An engine that throws differs from one that does not. */
async function runGuarded(scenario: Scenario, options: RunOptions) {
  try {
    return await runScenario(scenario, options)
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const difference: Difference = { block: -1, field: 'exception', ours: text.split('\n').slice(0, 4).join(' '), oracle: '' }
    return { cases: 0, difference }
  }
}

/** Frames are numbered; a smaller scenario may show the same thing in another one. */
function kindOf({ field }: Difference): string {
  return field.replaceAll(/\d+/g, '')
}

import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Seeds that once showed a bug, from `tests/sim/corpus/<scenario>.txt`: one decimal seed per line, then `#` and what it showed.
 * A seed only means the same as long as scenario and simulator are the same; it is still as good as any other afterwards.
 */
export function readCorpus(scenario: string): readonly bigint[] {
  const path = pathOf(scenario)
  return existsSync(path) ? parseCorpus(readFileSync(path, 'utf8')) : []
}

/** Throws on a line that is no seed: a corpus that is not read protects nobody. */
export function parseCorpus(text: string): readonly bigint[] {
  const seeds: bigint[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const seed = line.replace(/#.*/, '').trim()
    if (seed === '') continue
    if (!/^\d{1,20}$/.test(seed) || BigInt(seed) >= 1n << 64n)
      throw new Error(`line ${index + 1} of the corpus is no 64-bit seed: ${line}`)
    seeds.push(BigInt(seed))
  }
  return seeds
}

/** Adds a seed that failed, once, with the first line of what it showed. */
export function recordSeed(scenario: string, seed: bigint, showed: string): void {
  if (readCorpus(scenario).includes(seed)) return
  appendFileSync(pathOf(scenario), `${seed}   # ${showed.split('\n')[0]}\n`)
}

function pathOf(scenario: string): string {
  return fileURLToPath(new URL(`../corpus/${scenario}.txt`, import.meta.url))
}

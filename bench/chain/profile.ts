import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

type Profile = {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: readonly number[]
  }[]
  /** Microseconds of CLOCK_MONOTONIC, as `process.hrtime`. */
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const LINES = 80

export type Span = { readonly fromUs: number; readonly untilUs: number }

export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** Prints self time and inclusive time by function over all profiles of a folder, within the measured spans and without idle time. */
export function printProfile(folder: string, spans: readonly Span[]): void {
  const self = new Map<string, number>()
  const inclusive = new Map<string, number>()
  let total = 0
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile
    for (const { stack, us } of samplesWithin(profile, spans)) {
      add(self, stack[0] as string, us) // a sample has a frame
      for (const place of new Set(stack)) add(inclusive, place, us)
      total += us
    }
  }
  console.log(`\n${(total / 1e6).toFixed(1)} s in JavaScript and what it calls; self time, then time with callees`)
  for (const sums of [self, inclusive]) {
    const sorted = [...sums].sort((a, b) => b[1] - a[1]).slice(0, LINES)
    for (const [place, us] of sorted) console.log(`  ${((100 * us) / total).toFixed(1).padStart(5)} %  ${place}`)
    console.log()
  }
}

function* samplesWithin({ nodes, samples, timeDeltas, startTime }: Profile, spans: readonly Span[]) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  let nowUs = startTime
  for (const [index, id] of samples.entries()) {
    const us = timeDeltas[index] ?? 0
    nowUs += us
    const at = nowUs
    const leaf = byId.get(id)
    if (leaf === undefined || WAITING.has(leaf.callFrame.functionName)) continue
    if (!spans.some(({ fromUs, untilUs }) => at >= fromUs && at <= untilUs)) continue
    const stack: string[] = []
    for (let node = byId.get(id); node !== undefined; node = byId.get(parents.get(node.id) ?? -1)) stack.push(placeOf(node))
    yield { stack, us }
  }
}

const WAITING = new Set(['(idle)', '(program)', '(root)'])

function placeOf({ callFrame: { functionName, url, lineNumber } }: Profile['nodes'][number]): string {
  return `${functionName || '(anonymous)'} ${url.split('/').slice(-3).join('/')}:${lineNumber + 1}`
}

function add(sums: Map<string, number>, key: string, us: number): void {
  sums.set(key, (sums.get(key) ?? 0) + us)
}

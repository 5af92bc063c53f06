import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

type Profile = {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const LINES = 45

/** Prints self time by function over all profiles of a folder, without idle time. */
export function printProfile(folder: string): void {
  const self = new Map<string, number>()
  let total = 0
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'))) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile
    const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
    for (const [index, id] of samples.entries()) {
      const frame = frames.get(id)
      if (frame === undefined || ['(idle)', '(program)', '(root)'].includes(frame.functionName)) continue
      const place = frame.url.split('/').slice(-3).join('/')
      const key = `${frame.functionName || '(anonymous)'} ${place}:${frame.lineNumber + 1}`
      const us = timeDeltas[index] ?? 0
      self.set(key, (self.get(key) ?? 0) + us)
      total += us
    }
  }
  console.log(`\nself time, ${(total / 1e6).toFixed(1)} s in JavaScript and what it calls`)
  const sorted = [...self].sort((a, b) => b[1] - a[1]).slice(0, LINES)
  for (const [key, us] of sorted)
    console.log(`  ${((100 * us) / total).toFixed(1).padStart(5)} %  ${(us / 1000).toFixed(0).padStart(7)} ms  ${key}`)
}

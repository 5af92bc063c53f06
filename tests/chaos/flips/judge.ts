// A child process: native code may not take the campaign with it. One JSON line in, one out.
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { judgeChain, learnChain } from './chain-store.ts'
import { judgePromises, judgeSegments, learnPromises, learnSegments } from './storage-store.ts'
import { describe, type Verdict } from './verdict.ts'

type Task = { readonly kind: keyof typeof STORES; readonly name: string; readonly path: string; readonly learn: boolean }

const STORES = {
  chain: { learn: learnChain, judge: judgeChain },
  segments: { learn: learnSegments, judge: judgeSegments },
  promises: { learn: learnPromises, judge: judgePromises },
} as const

const truths = new Map<string, ReadonlyMap<string, string>>()

for await (const text of createInterface({ input: process.stdin })) {
  writeSync(1, `${JSON.stringify(await run(JSON.parse(text) as Task))}\n`)
}

async function run({ kind, name, path, learn }: Task): Promise<Verdict> {
  try {
    if (!learn) return await STORES[kind].judge(path, truths.get(name) ?? new Map())
    const truth = await STORES[kind].learn(path)
    truths.set(name, truth)
    return { kind: 'unchanged', detail: `${truth.size} values` }
  } catch (error) {
    return { kind: 'WRONG', detail: describe(error) }
  }
}

// Random models through every implementation: node packages/inference/tools/equality.ts --models 1000 --seed 1 --threads 2

import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { randomOf } from '../training/random.ts'
import { compareImplementations } from './compare.ts'
import { randomModel } from './random-model.ts'

type Part = { readonly seed: number; readonly first: number; readonly count: number }

/** Models `first` to `first + count` of a seed. Returns how many positions were compared. */
export function compareMany({ seed, first, count }: Part): { compared: number } {
  let compared = 0
  for (let index = first; index < first + count; index++) {
    const random = randomOf(Math.imul(seed, 1_000_003) + index)
    const model = randomModel(random)
    const lists = Array.from({ length: 3 }, () => {
      const length = 1 + Math.floor(random() * model.contextTokens)
      return Array.from({ length }, () => Math.floor(random() * model.shape.vocabularySize))
    })
    try {
      compared += compareImplementations(model, lists, random)
    } catch (cause) {
      throw new Error(`seed ${seed}, model ${index} (${JSON.stringify(model.shape)})`, { cause })
    }
  }
  return { compared }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      models: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string', default: '2' },
    },
  })
  const [models, seed, threads] = [Number(values.models), Number(values.seed), Number(values.threads)]
  console.log(`seed ${seed}, ${models} models, ${threads} threads`)
  const share = Math.ceil(models / threads)
  const parts = Array.from({ length: threads }, (_, i) => ({
    seed,
    first: i * share,
    count: Math.min(share, models - i * share),
  }))
  const results = await Promise.all(parts.map((part) => inThread(part)))
  const compared = results.reduce((sum, value) => sum + value, 0)
  console.log(
    `${models} models, logits of ${compared} positions, bit for bit: interpreter = WebAssembly, prefill = decode, batched = alone`,
  )
}

function inThread(part: Part): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: part })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

if (!isMainThread) parentPort?.postMessage(compareMany(workerData as Part).compared)
else if (import.meta.main) await main()

// Tokens per second of the integer-exact transformer on one core: node bench/inference.ts [--model models/zerog-assistant.zim] [--seconds 2]
// Peer: the plain TypeScript interpreter, which is the oracle.
import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createEngine, type Engine, loadModel, type Model } from '@zerog/inference'

const { values } = parseArgs({
  options: { model: { type: 'string', default: 'models/zerog-assistant.zim' }, seconds: { type: 'string', default: '2' } },
})
const seconds = Number(values.seconds)
if (!existsSync(values.model)) throw new Error(`${values.model} does not exist`)
const model = loadModel(readFileSync(values.model))
console.log(`${model.id}: ${model.parameterCount} parameters, context ${model.contextTokens}; rates are per second of CPU time`)

for (const kernels of ['wasm', 'typescript'] as const) {
  for (const batch of kernels === 'wasm' ? [1, 4, 16, 32] : [1]) {
    const engine = createEngine(model, { kernels, sequencesMax: batch })
    const rates = [0, 2_000].map((temperatureMilli) => decodeRate(engine, batch, temperatureMilli).toFixed(0))
    console.log(`${kernels}, decode, ${batch} at once: greedy ${rates[0]}, sampled ${rates[1]} tokens/s`)
    engine.close()
  }
  const engine = createEngine(model, { kernels, sequencesMax: 1, stepTokensMax: 64 })
  console.log(`${kernels}, prompt of ${model.contextTokens - 1}: ${prefillRate(engine, model).toFixed(0)} tokens/s`)
  engine.close()
}

/** Tokens that come out; short prompts are read for each answer. */
function decodeRate(engine: Engine, batch: number, temperatureMilli: number): number {
  return rate(() => {
    const sequences = Array.from({ length: batch }, (_, i) =>
      engine.createSequence({
        promptTokens: [2, 20 + i, 3],
        maxTokens: 100,
        sampling: { temperatureMilli, topPMilli: 1_000, topK: 0 },
        seed: BigInt(i),
      }),
    )
    let tokens = 0
    for (let alive = sequences; alive.length > 0; alive = alive.filter(({ finished }) => finished === undefined)) {
      tokens += engine.step(alive).filter(({ token }) => token !== undefined).length
    }
    for (const sequence of sequences) sequence.release()
    return tokens
  })
}

function prefillRate(engine: Engine, { contextTokens, shape }: Model): number {
  const promptTokens = Array.from({ length: contextTokens - 1 }, (_, i) => (i * 7_919) % shape.vocabularySize)
  return rate(() => {
    const sequence = engine.createSequence({ promptTokens, maxTokens: 1 })
    while (sequence.finished === undefined) engine.step([sequence])
    sequence.release()
    return promptTokens.length
  })
}

/** Tokens per second of user CPU time. */
function rate(work: () => number): number {
  work()
  const before = process.cpuUsage()
  const start = performance.now()
  let tokens = 0
  while (performance.now() - start < seconds * 1_000) tokens += work()
  const { user, system } = process.cpuUsage(before)
  return tokens / ((user + system) / 1e6)
}

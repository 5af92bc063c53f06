import { assert, ZerogError } from '@zerog/primitives'
import type { Row } from './backend.ts'
import { createInterpreter } from './interpreter.ts'
import { CACHE_BYTES_MAX, SEQUENCES_MAX, STEP_TOKENS_MAX, TEMPERATURE_MILLI_MAX, TOP_LOGPROBS_MAX } from './limits.ts'
import { GREEDY, logprobOf, sampleToken } from './sampling.ts'
import { tensorRoot, traceOf } from './trace.ts'
import type { Engine, EngineOptions, FinishReason, Model, Sampling, Sequence, SequenceOptions, StepResult } from './types.ts'
import { createWasmBackend } from './wasm-backend.ts'

/** What the engine keeps of a sequence. */
type State = {
  readonly slot: number
  readonly prompt: readonly number[]
  readonly tokens: number[]
  readonly maxTokens: number
  readonly sampling: Sampling
  readonly seed: bigint
  readonly topLogprobs: number | undefined
  readonly logitsRoots: Uint8Array[]
  /** Positions computed so far. */
  computed: number
  finished: FinishReason | undefined
  released: boolean
}

/** Runs many sequences of one model at once; see `Engine`. */
export function createEngine(model: Model, options: EngineOptions = {}): Engine {
  const { kernels = 'wasm', sequencesMax = 16, stepTokensMax = 64 } = options
  checkRange('sequencesMax', sequencesMax, 1, SEQUENCES_MAX)
  checkRange('stepTokensMax', stepTokensMax, 1, STEP_TOKENS_MAX)
  const { layerCount, contextTokens, width } = model.shape
  const cacheBytes = sequencesMax * layerCount * contextTokens * width * 4
  checkRange('sequencesMax (bytes of caches)', cacheBytes, 0, CACHE_BYTES_MAX)
  const create = kernels === 'wasm' ? createWasmBackend : createInterpreter
  const backend = create(model, { slots: sequencesMax, rowsMax: stepTokensMax })
  const freeSlots = Array.from({ length: sequencesMax }, (_, slot) => sequencesMax - 1 - slot)
  const states = new Map<Sequence, State>()
  let closed = false

  return {
    model,
    kernels,
    sequencesMax,
    get sequencesAlive() {
      return states.size
    },
    get memoryBytes() {
      return backend.memoryBytes
    },
    createSequence(given) {
      assert(!closed, 'the engine is open')
      checkSequence(model, given)
      const slot = freeSlots.pop()
      if (slot === undefined) {
        throw new ZerogError('QUEUE_FULL', { message: `the engine holds ${sequencesMax} sequences already: release one or wait` })
      }
      const state = stateOf(slot, given)
      const sequence = sequenceOf(state, () => {
        if (state.released) return
        state.released = true
        states.delete(sequence)
        freeSlots.push(slot)
      })
      states.set(sequence, state)
      return sequence
    },
    step(sequences) {
      assert(!closed, 'the engine is open')
      const jobs = sequences.map((sequence) => {
        const state = states.get(sequence)
        assert(state !== undefined, 'a stepped sequence belongs to this engine and is not released')
        return { sequence, state }
      })
      assert(new Set(sequences).size === sequences.length, 'a sequence is stepped once per step')
      const { rows, steps } = planStep(jobs, stepTokensMax)
      const logits = backend.run(rows)
      let next = 0
      return steps.map(({ sequence, state, count, last }) => {
        state.computed += count
        if (!last) return { sequence }
        return { sequence, ...advance(model, state, logits[next++] as Int32Array) } // one per row that wants them
      })
    },
    close() {
      closed = true
      for (const sequence of [...states.keys()]) sequence.release()
    },
  }
}

type Job = { readonly sequence: Sequence; readonly state: State }
type PlannedStep = Job & { readonly count: number /** Whether a token comes out. */; readonly last: boolean }

/**
 * Rows of one step. Decoding sequences get one row each while there is room, then prompts the rest, in the given order; who gets none
 * is not in the result. Where more decode than fit, callers rotate the order.
 */
function planStep(jobs: readonly Job[], rowsMax: number): { rows: Row[]; steps: PlannedStep[] } {
  const rows: Row[] = []
  const steps: PlannedStep[] = []
  const plan = ({ sequence, state }: Job, count: number): void => {
    const { slot, prompt, tokens, computed } = state
    const last = computed + count === prompt.length + tokens.length
    for (let position = computed; position < computed + count; position++) {
      const token = (position < prompt.length ? prompt[position] : tokens[position - prompt.length]) as number
      rows.push({ slot, position, token, wantsLogits: last && position === computed + count - 1 })
    }
    steps.push({ sequence, state, count, last })
  }
  const alive = jobs.filter(({ state }) => state.finished === undefined)
  const waiting = ({ state }: Job): number => state.prompt.length + state.tokens.length - state.computed
  for (const job of alive) if (waiting(job) === 1 && rows.length < rowsMax) plan(job, 1)
  for (const job of alive) {
    const count = Math.min(waiting(job), rowsMax - rows.length)
    if (waiting(job) > 1 && count > 0) plan(job, count)
  }
  return { rows, steps }
}

/** Draws the next token and decides whether the sequence ends. */
function advance(model: Model, state: State, logits: Int32Array): Omit<StepResult, 'sequence'> {
  const token = sampleToken(logits, state.sampling, { seed: state.seed, index: state.tokens.length })
  state.logitsRoots.push(tensorRoot(logits))
  if (token === model.tokenizer.endToken) {
    state.finished = 'stop'
    return { finished: 'stop' }
  }
  state.tokens.push(token)
  const used = state.prompt.length + state.tokens.length
  if (state.tokens.length >= state.maxTokens || used >= model.contextTokens) state.finished = 'length'
  return {
    token,
    ...(state.topLogprobs === undefined ? {} : { logprob: logprobOf(logits, token, state.topLogprobs) }),
    ...(state.finished === undefined ? {} : { finished: state.finished }),
  }
}

function stateOf(slot: number, options: SequenceOptions): State {
  return {
    slot,
    prompt: [...options.promptTokens],
    tokens: [],
    maxTokens: options.maxTokens,
    sampling: options.sampling ?? GREEDY,
    seed: options.seed ?? 0n,
    topLogprobs: options.topLogprobs,
    logitsRoots: [],
    computed: 0,
    finished: undefined,
    released: false,
  }
}

function sequenceOf(state: State, release: () => void): Sequence {
  return {
    promptTokens: state.prompt,
    tokens: state.tokens,
    get finished() {
      return state.finished
    },
    get promptRemaining() {
      return Math.max(0, state.prompt.length - state.computed)
    },
    trace: () => traceOf(state.prompt, state.tokens, state.logitsRoots),
    release,
  }
}

function checkSequence(model: Model, { promptTokens, maxTokens, sampling, seed, topLogprobs }: SequenceOptions): void {
  checkRange('prompt tokens', promptTokens.length, 1, model.contextTokens - 1)
  for (const token of promptTokens) checkRange('prompt token', token, 0, model.shape.vocabularySize - 1)
  checkRange('maxTokens', maxTokens, 1, Number.MAX_SAFE_INTEGER)
  const { temperatureMilli, topPMilli, topK } = sampling ?? GREEDY
  checkRange('temperatureMilli', temperatureMilli, 0, TEMPERATURE_MILLI_MAX)
  checkRange('topPMilli', topPMilli, 1, 1_000)
  checkRange('topK', topK, 0, 2 ** 32 - 1)
  if (seed !== undefined && (seed < 0n || seed >= 1n << 64n)) throw outside('seed', String(seed), '0', '2^64 - 1')
  checkRange('topLogprobs', topLogprobs ?? 0, 0, TOP_LOGPROBS_MAX)
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw outside(name, String(value), String(least), String(most))
}

function outside(name: string, value: string, least: string, most: string): ZerogError {
  return new ZerogError('LIMIT_EXCEEDED', {
    message: `${name} is ${value}; it must be from ${least} to ${most}`,
    metadata: { field: name, value, least, most },
  })
}

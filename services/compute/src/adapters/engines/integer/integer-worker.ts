import { parentPort, workerData } from 'node:worker_threads'
import { createEngine, loadModel, type Sequence, type StepResult, type TokenLogprob } from '@zerog/inference'
import { assert } from '@zerog/primitives'
import type { EngineEvent, EngineLogprob } from '../../../app/worker/engine.ts'
import { createStopFilter } from '../../../core/worker/stop-filter.ts'
import type { FromThread, StartMessage, ThreadData, ToThread } from './messages.ts'

// One engine in one thread: all its answers go through the same steps (continuous batching). Between two steps messages are taken in, so
// a new answer joins and a cancelled one leaves within one step.

assert(parentPort !== null, 'this file runs in a worker thread')
const port = parentPort
const { file, sequencesMax } = workerData as ThreadData // given by thread.ts
const model = loadModel(Uint8Array.from(new Uint8Array(file)))
const engine = createEngine(model, { sequencesMax })

type Running = {
  readonly id: number
  readonly sequence: Sequence
  readonly filter: ReturnType<typeof createStopFilter>
  readonly reader: ReturnType<typeof model.tokenizer.decodeStream>
  readonly withTrace: boolean
}
const running = new Map<Sequence, Running>()
let scheduled = false

port.on('message', (message: ToThread) => {
  if (message.kind === 'start') start(message)
  else cancel(message.id)
})
send({ kind: 'ready', memoryBytes: engine.memoryBytes })

function start(message: StartMessage): void {
  try {
    const { promptTokens, maxTokens, sampling, seed, topLogprobs } = message
    const sequence = engine.createSequence({
      promptTokens,
      maxTokens,
      sampling,
      seed,
      ...(topLogprobs === undefined ? {} : { topLogprobs }),
    })
    const filter = createStopFilter(message.stop)
    running.set(sequence, {
      id: message.id,
      sequence,
      filter,
      reader: model.tokenizer.decodeStream(),
      withTrace: message.withTrace,
    })
    schedule()
  } catch (error) {
    send({ kind: 'failed', id: message.id, message: error instanceof Error ? error.message : String(error) })
  }
}

function cancel(id: number): void {
  for (const one of running.values()) if (one.id === id) release(one)
}

function release({ sequence }: Running): void {
  running.delete(sequence)
  sequence.release()
}

/** After messages that wait, so that nobody has to wait for the end of a batch. */
function schedule(): void {
  if (scheduled || running.size === 0) return
  scheduled = true
  setImmediate(() => {
    scheduled = false
    step()
    schedule()
  })
}

function step(): void {
  if (running.size === 0) return
  const events: { id: number; event: EngineEvent }[] = []
  for (const result of engine.step([...running.keys()])) {
    const one = running.get(result.sequence)
    assert(one !== undefined, 'a step answers for what it was given')
    const event = eventOf(one, result)
    if (event === undefined) continue
    events.push({ id: one.id, event })
    if (event.finish !== undefined) release(one)
  }
  if (events.length > 0) send({ kind: 'events', events })
}

/** undefined while the prompt is read. */
function eventOf(one: Running, { token, logprob, finished }: StepResult): EngineEvent | undefined {
  if (token === undefined && finished === undefined) return undefined
  const passed = token === undefined ? { text: '', stopped: false } : one.filter.push(one.reader.push(token))
  let { text, stopped } = passed
  if (finished !== undefined && !stopped) {
    const last = one.filter.push(one.reader.end())
    const rest = last.stopped ? { text: '', stopped: true } : one.filter.flush()
    text += last.text + rest.text
    stopped = last.stopped || rest.stopped
  }
  const piece = {
    text,
    tokens: token === undefined ? [] : [token],
    logprobs: logprob === undefined ? [] : [logprobOf(logprob)],
  }
  if (finished === undefined && !stopped) return piece
  const { sequence, withTrace } = one
  const usage = { promptTokens: sequence.promptTokens.length, completionTokens: sequence.tokens.length, cachedTokens: 0 }
  const reason = stopped ? 'stop' : (finished ?? 'stop')
  return { ...piece, finish: { reason, usage, ...(withTrace ? { trace: sequence.trace() } : {}) } }
}

function logprobOf({ token, logprobMicro, top }: TokenLogprob): EngineLogprob {
  const text = (id: number) => model.tokenizer.tokenBytes(id)
  return {
    token,
    text: text(token),
    logprobMicro,
    top: top.map((other) => ({ token: other.token, text: text(other.token), logprobMicro: other.logprobMicro, top: [] })),
  }
}

function send(message: FromThread): void {
  port.postMessage(message)
}

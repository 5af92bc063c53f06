import type { Endpoint, Rpc, RpcMethod } from '@zerog/ports'
import type { ZerogError } from '@zerog/primitives'
import {
  EngineKind,
  FinishReason,
  type GenerateRequest,
  type GenerateResponse,
  type Model,
  WorkerServiceDefinition,
} from '@zerog/proto/compute'
import { defineModule } from '@zerog/runtime'
import { z } from 'zod'

/** What the mock does to the next requests; a test changes it as it goes. */
export type MockBehaviour = {
  models: Model[]
  /** Pause before each token, ms. */
  tokenMs: number
  /** Waited for before the first token. */
  gate: Promise<void> | undefined
  /** Throws this instead of the token of this number. */
  failAt: { readonly token: number; readonly error: ZerogError } | undefined
  /** Stops answering at this token, and ignores that the caller left. */
  hangAt: number | undefined
  /** Usage as it claims it; undefined: the truth. */
  claims: { readonly promptTokens: number; readonly completionTokens: number } | undefined
  /** Ends the stream without the last event. */
  dropsEnd: boolean
  /** Calls so far, and how many of them ended because the caller left. */
  generated: GenerateRequest[]
  cancelled: number
}

export function mockModel(id: string, of: Partial<Model> = {}): Model {
  return {
    id,
    engine: EngineKind.ENGINE_KIND_INTEGER,
    root: Buffer.alloc(32, 7),
    contextTokens: 4096,
    chat: true,
    completions: true,
    embeddings: true,
    logprobs: true,
    parameterCount: 1n,
    reExecutable: true,
    ...of,
  }
}

export function mockBehaviour(): MockBehaviour {
  return {
    models: [mockModel('mock-model')],
    tokenMs: 0,
    gate: undefined,
    failAt: undefined,
    hangAt: undefined,
    claims: undefined,
    dropsEnd: false,
    generated: [],
    cancelled: 0,
  }
}

/**
 * A worker that is no worker: a mock that speaks WorkerService and counts words instead of running a model. Its answer names itself and
 * repeats the last message, so a test can tell whose prompt it answered. A word is a token.
 */
export function mockWorkerModule(behaviour: MockBehaviour) {
  return defineModule({
    target: 'compute-worker',
    dependsOn: [],
    config: z.strictObject({}),
    async start(context) {
      serve(context.rpc, behaviour)
      return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
    },
  })
}

const ALLOW = ['compute-broker', 'developer']

type Methods = typeof WorkerServiceDefinition.methods

function serve(rpc: Rpc, behaviour: MockBehaviour): void {
  const { methods } = WorkerServiceDefinition
  const endpoint = <M extends RpcMethod>(method: M, handle: Endpoint<M>['handle']): Endpoint<M> => ({
    method,
    allow: ALLOW,
    handle,
  })
  rpc.serve(WorkerServiceDefinition, {
    listModels: endpoint<Methods['listModels']>(methods.listModels, async () => ({ models: behaviour.models })),
    countTokens: endpoint<Methods['countTokens']>(methods.countTokens, async (request) => ({
      tokenCount: wordsOf(promptOf(request)).length,
      contextTokens: 4096,
    })),
    embed: endpoint<Methods['embed']>(methods.embed, async ({ inputs }) => ({
      embeddings: inputs.map((text) => ({ values: [text.length, 0.5] })),
      usage: usage(inputs.flatMap(wordsOf).length, 0),
    })),
    generate: endpoint<Methods['generate']>(methods.generate, (request, { signal }) => generate(request, behaviour, signal)),
  })
}

async function* generate(
  request: GenerateRequest,
  behaviour: MockBehaviour,
  signal: AbortSignal,
): AsyncGenerator<GenerateResponse> {
  behaviour.generated.push(request)
  const prompt = promptOf(request)
  const words = ['mock', 'says:', ...wordsOf(prompt)]
  const length = Math.min(words.length, request.maxTokens)
  let produced = 0
  try {
    await behaviour.gate
    for (; produced < length; produced++) {
      if (behaviour.failAt?.token === produced) throw behaviour.failAt.error
      if (behaviour.hangAt === produced) await new Promise(() => {})
      if (behaviour.tokenMs > 0) await pause(behaviour.tokenMs, signal)
      if (signal.aborted) throw signal.reason
      const text = `${produced === 0 ? '' : ' '}${words[produced]}`
      const logprob = { token: produced, text: Buffer.from(text), logprobMicro: -250_000n, top: [] }
      yield { ...EMPTY, text, tokens: [produced], logprobs: request.withLogprobs ? [logprob] : [] }
    }
  } finally {
    if (produced < length) behaviour.cancelled++
  }
  if (behaviour.dropsEnd) return
  const claimed = behaviour.claims ?? { promptTokens: wordsOf(prompt).length, completionTokens: produced }
  yield {
    ...EMPTY,
    finishReason: length < words.length ? FinishReason.FINISH_REASON_LENGTH : FinishReason.FINISH_REASON_STOP,
    usage: usage(claimed.promptTokens, claimed.completionTokens),
    traceRoot: request.withTrace ? Buffer.alloc(32, 9) : Buffer.alloc(0),
  }
}

const EMPTY: GenerateResponse = {
  text: '',
  tokens: [],
  logprobs: [],
  finishReason: FinishReason.FINISH_REASON_UNSPECIFIED,
  usage: undefined,
  tokenIdsRoot: Buffer.alloc(0),
  traceRoot: Buffer.alloc(0),
  upstreamDeltaJson: '',
}

function usage(promptTokens: number, completionTokens: number) {
  return { promptTokens, completionTokens, cachedTokens: 0 }
}

function promptOf({ input }: Pick<GenerateRequest, 'input'>): string {
  if (input?.$case === 'prompt') return input.value
  return input?.value.messages.at(-1)?.content ?? ''
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

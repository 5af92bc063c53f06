import { z } from 'zod'

const milliseconds = (min: number, max: number, value: number) => z.int().min(min).max(max).default(value)

/** Target `compute-broker`: env ZEROG_COMPUTE_BROKER_<FIELD>. */
export const computeBrokerConfig = z.strictObject({
  host: z.string().default('127.0.0.1').describe('address that the HTTP face listens on'),
  port: z.int().min(0).max(65_535).default(8555).describe('port of the HTTP face; 0 takes a free one'),
  workerRefreshMs: milliseconds(50, 60_000, 1000).describe('how often the worker is asked which models it has, ms'),
})
export type ComputeBrokerConfig = z.output<typeof computeBrokerConfig>

const modelId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/, 'expected 1 to 128 of letters, digits and . _ : / -')
const root = z.string().regex(/^0x[0-9a-fA-F]{64}$/, 'expected 0x and 64 hexadecimal digits')
/** Where the bytes of a model are: a root in storage, a local file, or both (the file must have the root). */
const modelFile = { root: root.optional(), path: z.string().min(1).optional() }

const modelEntry = z.discriminatedUnion('engine', [
  z.strictObject({
    engine: z.literal('integer'),
    /** Default: the id in the file. */
    id: modelId.optional(),
    ...modelFile,
    threads: z.int().min(1).max(64).default(1),
    sequences: z.int().min(1).max(256).default(16),
  }),
  z.strictObject({
    engine: z.literal('gguf'),
    id: modelId,
    ...modelFile,
    contextTokens: z.int().min(16).max(1_048_576).default(4096),
    sequences: z.int().min(1).max(64).default(4),
    threads: z.int().min(1).max(256).default(1),
  }),
  z.strictObject({
    engine: z.literal('upstream'),
    id: modelId,
    url: z.url({ protocol: /^https?$/ }),
    /** Default: the id. */
    upstreamModel: z.string().min(1).max(256).optional(),
    /** File with the upstream's key. */
    apiKeyFile: z.string().min(1).optional(),
    contextTokens: z.int().min(16).max(10_000_000).default(8192),
    chat: z.boolean().default(true),
    completions: z.boolean().default(false),
    embeddings: z.boolean().default(false),
    logprobs: z.boolean().default(false),
    stream: z.boolean().default(true),
    slots: z.int().min(1).max(4096).default(64),
  }),
])
export type ModelEntry = z.output<typeof modelEntry>

/** Target `compute-worker`: env ZEROG_COMPUTE_WORKER_<FIELD>. */
export const computeWorkerConfig = z.strictObject({
  models: z
    .array(modelEntry)
    .max(64)
    .nullable()
    .default(null)
    .describe(
      'models to run, JSON: [{"engine":"integer","root":"0x…"},{"engine":"gguf","id":"…","path":"…"},{"engine":"upstream","id":"…","url":"http://…/v1"}]; null: the model that is shipped',
    ),
  waitingMax: z.int().min(1).max(100_000).default(1024).describe('requests that may wait per model'),
  waitingPerAccountMax: z.int().min(1).max(100_000).default(256).describe('requests of one account that may wait per model'),
  quantumTokens: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(256)
    .describe('tokens that an account may take per round of the fair queue'),
  upstreamFirstByteMs: milliseconds(100, 600_000, 60_000).describe('an upstream must begin its answer within this time, ms'),
  upstreamIdleMs: milliseconds(100, 600_000, 30_000).describe('an upstream may pause this long within an answer, ms'),
  modelFetchMs: milliseconds(1000, 86_400_000, 600_000).describe('time to fetch one model from storage, ms'),
})
export type ComputeWorkerConfig = z.output<typeof computeWorkerConfig>

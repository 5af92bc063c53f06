import { z } from 'zod'

const milliseconds = (min: number, max: number, value: number) => z.int().min(min).max(max).default(value)

const modelId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/, 'expected 1 to 128 of letters, digits and . _ : / -')
const root = z.string().regex(/^0x[0-9a-fA-F]{64}$/, 'expected 0x and 64 hexadecimal digits')
/** Where the bytes of a model are: a root in storage, a local file, or both (the file must have the root). */
const modelFile = { root: root.optional(), path: z.string().min(1).optional() }

const wei = (value: string) =>
  z
    .string()
    .regex(/^\d{1,38}$/, 'expected a whole number of wei in decimal')
    .default(value)
const privateKey = z.string().regex(/^0x[0-9a-fA-F]{64}$/, 'expected 0x and 64 hexadecimal digits')
const multiplier = z.int().min(0).max(1_000_000)

/** Prices of one model: wei per token, tiers by the length of the prompt (fractions of the price), prefix cache. */
const modelPrice = z.strictObject({
  inputPriceWei: wei('100000000000'),
  outputPriceWei: wei('400000000000'),
  tiers: z
    .array(
      z.strictObject({
        inputTokensMax: z.int().min(1),
        inputMultiplier: multiplier,
        inputMultiplierDenominator: multiplier.min(1).default(1),
        outputMultiplier: multiplier,
        outputMultiplierDenominator: multiplier.min(1).default(1),
      }),
    )
    .max(16)
    .default([]),
  cachedDivisor: z.int().min(1).max(1000).default(1),
})

const upstreamEntry = z.strictObject({
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
})

/** Of whoever runs engines. */
const engineSettings = {
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
}

/** What stands in ModelRegistry of a model that this provider owns. */
const modelTerms = z.strictObject({
  licence: z.string().regex(/^[\x20-\x7e]{1,32}$/, 'expected an SPDX identifier of 1 to 32 characters'),
  pricePerMillionTokensWei: wei('0'),
})

/** Target `compute-broker`: env ZEROG_COMPUTE_BROKER_<FIELD>. */
export const computeBrokerConfig = z.strictObject({
  host: z.string().default('127.0.0.1').describe('address that the HTTP face listens on'),
  port: z.int().min(0).max(65_535).default(8546).describe('port of the HTTP face; 0 takes a free one'),
  publicUrl: z
    .string()
    .default('')
    .describe('URL that is registered on chain and that clients call; empty: where the HTTP face listens'),
  providerKey: privateKey
    .nullable()
    .default(null)
    .meta({ secret: true })
    .describe('key of the provider: owns the service, pays gas, is paid; null: a public development key, on chain id 31337 only'),
  signerKey: privateKey
    .nullable()
    .default(null)
    .meta({ secret: true })
    .describe(
      'key that signs answers and settlements, the same for every broker of a provider; null: made once in the data folder',
    ),
  sells: z
    .array(z.enum(['integer', 'gguf', 'upstream']))
    .min(1)
    .default(['integer', 'gguf', 'upstream'])
    .describe('engines whose models are offered; with others than integer the service is not registered as verifiable'),
  defaultModel: z.string().default('').describe('model whose prices stand on chain; empty: the first by kind and name'),
  inputPriceWei: wei('100000000000').describe('wei per prompt token of models without a price of their own'),
  outputPriceWei: wei('400000000000').describe('wei per completion token of models without a price of their own'),
  prices: z
    .record(z.string(), modelPrice)
    .default({})
    .describe('prices by model, JSON: {"<model>":{"inputPriceWei":"…","outputPriceWei":"…","tiers":[…],"cachedDivisor":1}}'),
  registerModels: z
    .record(z.string(), modelTerms)
    .default({})
    .describe('models that this provider enters into ModelRegistry where nobody did, JSON: {"<model>":{"licence":"MIT"}}'),
  stakeWei: wei('100000000000000000000').describe('stake at the first registration, wei; the contract wants 100 0G'),
  completionTokensDefault: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1024)
    .describe('tokens of an answer where the request sets no limit'),
  publish: z
    .enum(['auto', 'da', 'none'])
    .default('auto')
    .describe(
      'where receipts are published; auto: data availability where it is installed, else nowhere and batches are not anchored',
    ),
  acknowledgeMs: milliseconds(1000, 3_600_000, 60_000).describe(
    'an answer that is not acknowledged within this time is void, ms',
  ),
  settleAfterMs: milliseconds(100, 86_400_000, 300_000).describe('fees are settled when the oldest is this old, ms'),
  settleAmountWei: wei('1000000000000000000').describe('fees of a user are settled at once from this amount, wei'),
  settleIntervalMs: milliseconds(20, 600_000, 1000).describe('pause between the steps of settlement, ms'),
  settleRetryMs: milliseconds(100, 86_400_000, 60_000).describe('a user who could not pay is tried again after this time, ms'),
  stuckAfterMs: milliseconds(1000, 3_600_000, 60_000).describe('a transaction without effect is replaced after this time, ms'),
  maxFeePerGasWei: wei('20000000000').describe('most that a transaction pays per gas, wei'),
  maxPriorityFeePerGasWei: wei('1000000000').describe('tip per gas, wei'),
  leaseTtlMs: milliseconds(1000, 600_000, 10_000).describe(
    'after this time another broker takes over settlement from a dead one, ms',
  ),
  upstreams: z
    .array(upstreamEntry)
    .max(64)
    .default([])
    .describe(
      'models of OpenAI-compatible servers that the broker asks itself, without a worker between, JSON: [{"engine":"upstream","id":"…","url":"http://…/v1"}]',
    ),
  ...engineSettings,
  workerRefreshMs: milliseconds(50, 60_000, 1000).describe('how often workers are asked which models they have, ms'),
  firstTokenMs: milliseconds(100, 3_600_000, 120_000).describe('a worker must begin its answer within this time, ms'),
  tokenMs: milliseconds(100, 3_600_000, 30_000).describe('a worker may pause this long within an answer, ms'),
  requestsAtOnceMax: z
    .int()
    .min(1)
    .max(100_000)
    .default(512)
    .describe('running requests of this broker; more are told to come back'),
  requestsPerAccountMax: z
    .int()
    .min(1)
    .max(100_000)
    .default(384)
    .describe(
      'running requests of one account, so that one cannot take every place; a router with all its customers is one account',
    ),
  factsMs: milliseconds(50, 60_000, 2000).describe('balances are read again after this time even if no block changed them, ms'),
  retentionMs: milliseconds(60_000, 31_536_000_000, 604_800_000).describe('how long receipts and signatures can be fetched, ms'),
})
export type ComputeBrokerConfig = z.output<typeof computeBrokerConfig>

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
  upstreamEntry,
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
  ...engineSettings,
  modelFetchMs: milliseconds(1000, 86_400_000, 600_000).describe('time to fetch one model from storage, ms'),
})
export type ComputeWorkerConfig = z.output<typeof computeWorkerConfig>

/** Target `compute-router`: env ZEROG_COMPUTE_ROUTER_<FIELD>. */
export const computeRouterConfig = z.strictObject({
  host: z.string().default('127.0.0.1').describe('address that the HTTP face listens on'),
  port: z.int().min(0).max(65_535).default(8565).describe('port of the HTTP face; 0 takes a free one'),
  publicUrl: z.string().default('').describe('URL that other targets reach this router by; empty: where the HTTP face listens'),
  privateKey: privateKey
    .nullable()
    .default(null)
    .meta({ secret: true })
    .describe('key of the account that pays providers; null: a public development key, on chain id 31337 only'),
  adminToken: z
    .string()
    .min(16)
    .max(512)
    .nullable()
    .default(null)
    .meta({ secret: true })
    .describe('token of whoever manages virtual keys; null: they cannot be managed over HTTP'),
  developmentKey: z
    .string()
    .regex(/^sk-zerog-[A-Za-z0-9_-]{43}$/, 'expected sk-zerog- and 43 characters of base64url')
    .nullable()
    .default(null)
    .meta({ secret: true })
    .describe('a virtual key without limits that exists from the start, on chain id 31337 only'),
  bodyBytesMax: z.int().min(1024).max(104_857_600).default(4_194_304).describe('largest body of a request, bytes'),
  providerHeadMs: milliseconds(100, 3_600_000, 120_000).describe('a provider must begin its answer within this time, ms'),
  refreshMs: milliseconds(100, 600_000, 5000).describe('how often providers are read from the chain and probed, ms'),
  firstProviderWaitMs: milliseconds(0, 600_000, 0).describe(
    'time that the start waits for a provider that answers: a devnet says it is ready when questions are answered, ms',
  ),
  keyTtlMs: milliseconds(0, 600_000, 2000).describe('a change of a key at another router counts here after this time, ms'),
  accountMinWei: wei('2000000000000000000').describe('the balance at a provider is filled up below this, wei'),
  accountTargetWei: wei('5000000000000000000').describe('what the balance at a provider is filled up to, wei'),
  ledgerMinWei: wei('10000000000000000000').describe('first deposit into the ledger, wei; the contract wants 3 0G'),
  fundingMs: milliseconds(100, 3_600_000, 30_000).describe('how often balances at providers are looked at, ms'),
  privateProviders: z
    .boolean()
    .default(false)
    .describe('ask providers at loopback and private addresses; always so on chain id 31337'),
  maxFeePerGasWei: wei('100000000000').describe('highest price of gas, wei'),
  maxPriorityFeePerGasWei: wei('1000000000').describe('tip per gas, wei'),
})
export type ComputeRouterConfig = z.output<typeof computeRouterConfig>

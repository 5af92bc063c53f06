import { ZerogError } from '@zerog/primitives'
import {
  type ChatAnswer,
  chat,
  createKey,
  getEvidence,
  getKeyBalance,
  listKeys,
  listModels,
  listProviders,
  listUsage,
  revokeKey,
  verifyAnswer,
} from '@zerog/sdk'
import type { Command } from 'commander'
import type { Act, ActionContext } from '../action.ts'
import { DEVELOPMENT_ADMIN_TOKEN } from '../devnet/settings.ts'
import { table } from '../output/output.ts'
import { readingClient } from './client.ts'
import { requireWritable, writeOutput } from './files.ts'
import { formatAmount, parseAmount, parseInteger } from './values.ts'

export function addComputeCommands(program: Command, act: Act): void {
  const compute = program.command('compute').description('models, chat, keys and balances of the compute network')

  compute
    .command('models')
    .description('what the network runs, with the cheapest price')
    .action(
      act(async (context) => {
        const models = await listModels(await readingClient(context), await credentials(context))
        const rows = models.map(({ id, contextTokens, promptWei, completionWei, providers }) => [
          id,
          String(contextTokens ?? ''),
          String(promptWei),
          String(completionWei),
          String(providers.length),
        ])
        const text =
          rows.length === 0
            ? 'no provider runs a model'
            : table(['model', 'context', 'wei/prompt', 'wei/answer', 'providers'], rows)
        return { data: models, text }
      }),
    )

  compute
    .command('chat')
    .argument('<text>', 'what to ask')
    .option('--model <id>', 'model (default: the first of `compute models`)')
    .option('--system <text>', 'instruction before the question')
    .option('--max-tokens <n>', 'longest answer')
    .option('--temperature <t>', 'from 0 (always the same) to 2', '0')
    .option('--seed <n>', 'draws the same tokens again')
    .option('--no-stream', 'the answer in one piece')
    .option('--no-verify', 'do not check the answer against its receipt')
    .option('--evidence <file>', 'wait for the settlement and write evidence of the answer, which zerog verify checks offline')
    .description('ask a model; the answer is checked against its signed receipt and the chain')
    .addHelpText('after', '\nExamples:\n  zerog compute chat "What is a bundle?"\n  zerog compute chat "Hi" --json --no-stream\n')
    .action(act(async (context, text: string, options: ChatFlags) => ask(context, text, options)))

  compute
    .command('balance')
    .description('what the key may spend and spent')
    .action(
      act(async (context) => {
        const balance = await getKeyBalance(await readingClient(context), await credentials(context))
        const limit = balance.remainingWei === null ? 'no limit' : `${formatAmount(balance.remainingWei)} left`
        return { data: balance, text: `${balance.name || balance.key}: ${formatAmount(balance.spentWei)} spent, ${limit}` }
      }),
    )

  compute
    .command('usage')
    .option('--limit <n>', 'how many at most', '20')
    .description('the last answers of the key with cost and state, newest first')
    .action(
      act(async (context, options: { limit: string }) => {
        const limit = parseInteger(options.limit, { what: '--limit', min: 1, max: 100 })
        const spends = await listUsage(await readingClient(context), { ...(await credentials(context)), limit })
        const rows = spends.map((spend) => [
          spend.at,
          spend.model,
          spend.state,
          `${spend.promptTokens}+${spend.completionTokens}`,
          `${spend.costWei} wei`,
          spend.id,
        ])
        return {
          data: spends,
          text: rows.length === 0 ? 'no answers yet' : table(['at', 'model', 'state', 'tokens', 'cost', 'id'], rows),
        }
      }),
    )

  compute
    .command('provider')
    .description('providers as the chain registers them and the router sees them')
    .action(
      act(async (context) => {
        const providers = await listProviders(await readingClient(context), await credentials(context))
        const rows = providers.map((one) => [
          one.provider,
          one.up ? 'up' : 'down',
          one.verifiability || 'signed only',
          one.models.join(' '),
          one.url,
        ])
        return {
          data: providers,
          text:
            rows.length === 0
              ? 'no provider is registered'
              : table(['provider', 'state', 'verifiability', 'models', 'url'], rows),
        }
      }),
    )

  addKeyCommands(compute, act)
}

function addKeyCommands(compute: Command, act: Act): void {
  const key = compute
    .command('key')
    .description('virtual keys (administrator: env ZEROG_COMPUTE_ADMIN_TOKEN, on a devnet its own)')
  key
    .command('create')
    .option('--name <text>', 'what it is for', '')
    .option('--budget <amount>', 'most that it may spend: 1.5, 20gwei, 100wei (default: no limit)')
    .option('--requests-per-minute <n>', 'limit')
    .option('--tokens-per-minute <n>', 'limit')
    .description('make a key; it is shown once')
    .action(
      act(async (context, options: KeyFlags) => {
        const count = (text: string | undefined, what: string) =>
          text === undefined ? undefined : parseInteger(text, { what, min: 1, max: Number.MAX_SAFE_INTEGER })
        const requestsPerMinute = count(options.requestsPerMinute, '--requests-per-minute')
        const tokensPerMinute = count(options.tokensPerMinute, '--tokens-per-minute')
        const created = await createKey(
          await readingClient(context),
          {
            name: options.name,
            ...(options.budget === undefined ? {} : { budgetWei: parseAmount(options.budget) }),
            ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
            ...(tokensPerMinute === undefined ? {} : { tokensPerMinute }),
          },
          await administrator(context),
        )
        return { data: created, text: created.key }
      }),
    )
  key
    .command('ls')
    .description('all keys, without their text')
    .action(
      act(async (context) => {
        const keys = await listKeys(await readingClient(context), await administrator(context))
        const amount = (wei: unknown) => (wei === null || wei === undefined ? 'no limit' : formatAmount(BigInt(String(wei))))
        const rows = keys.map((one) => [
          String(one.id),
          String(one.name),
          String(one.shown),
          formatAmount(BigInt(String(one.spent_wei))),
          amount(one.budget_wei),
          one.revoked === true ? 'revoked' : 'valid',
        ])
        return { data: keys, text: table(['id', 'name', 'key', 'spent', 'budget', 'state'], rows) }
      }),
    )
  key
    .command('revoke')
    .argument('<id>', 'key_…')
    .description('refuse a key from its next request on')
    .action(
      act(async (context, id: string) => {
        await revokeKey(await readingClient(context), id, await administrator(context))
        return { data: { id, revoked: true }, text: `${id} is revoked` }
      }),
    )
}

type ChatFlags = {
  model?: string
  system?: string
  maxTokens?: string
  temperature: string
  seed?: string
  stream: boolean
  verify: boolean
  evidence?: string
}
type KeyFlags = { name: string; budget?: string; requestsPerMinute?: string; tokensPerMinute?: string }

async function ask(context: ActionContext, text: string, flags: ChatFlags) {
  if (flags.evidence !== undefined) await requireWritable(flags.evidence)
  const client = await readingClient(context)
  const options = { ...(await credentials(context)), signal: context.signal }
  const models = await listModels(client, options)
  const model = flags.model ?? models[0]?.id
  if (model === undefined)
    throw new ZerogError('NOT_FOUND', { message: 'no provider runs a model yet; zerog compute provider shows who is there' })
  const temperature = Number(flags.temperature)
  const system = flags.system === undefined ? [] : [{ role: 'system' as const, content: flags.system }]
  const number = (given: string | undefined, what: string) =>
    given === undefined ? undefined : parseInteger(given, { what, min: 0, max: Number.MAX_SAFE_INTEGER })
  const maxTokens = number(flags.maxTokens, '--max-tokens')
  const seed = number(flags.seed, '--seed')
  const shows = flags.stream && context.flags.json !== true
  const answer = await chat(
    client,
    {
      model,
      messages: [...system, { role: 'user', content: text }],
      temperature,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(seed === undefined ? {} : { seed }),
    },
    {
      ...options,
      ...(flags.stream ? { onText: shows ? (piece: string) => void context.output.streams.out.write(piece) : () => {} } : {}),
    },
  )
  const known = models.find(({ id }) => id === model)
  const price = known === undefined ? {} : { price: { promptWei: known.promptWei, completionWei: known.completionWei } }
  const verified = flags.verify ? await verifyAnswer(client, answer, { ...options, ...price }) : undefined
  const cost = verified?.receipt.fee ?? answer.costWei
  const evidence = flags.evidence === undefined ? undefined : await writeEvidence(context, answer, flags.evidence)
  const data = {
    id: answer.id,
    model,
    provider: answer.provider,
    text: answer.text,
    finishReason: answer.finishReason,
    usage: answer.usage,
    costWei: cost,
    ...(verified === undefined ? {} : { verified: verified.checks, signer: verified.signer }),
    ...(evidence === undefined ? {} : { evidence }),
  }
  const note = `${cost === undefined ? '' : `${cost} wei, `}receipt ${answer.id}${verified === undefined ? ', not checked' : `, checked: ${verified.checks.join(' ')}`}${evidence === undefined ? '' : `, evidence in ${evidence.file}`}`
  return { data, text: shows ? `\n${note}` : `${answer.text}\n${note}` }
}

/** With the bytes of request and answer, which nobody else has. */
async function writeEvidence(context: ActionContext, answer: ChatAnswer, file: string) {
  const { timeoutMs } = await context.settings()
  const options = { ...(await credentials(context)), waitMs: timeoutMs, signal: context.signal }
  const { attachAnswer } = await import('@zerog/sdk/verify')
  const hashes = await getEvidence(await readingClient(context), answer.id, options)
  const bytes = attachAnswer(hashes, { request: answer.requestBytes, response: answer.responseBytes })
  await writeOutput(file, bytes)
  return { file, sizeBytes: bytes.length }
}

/** The key of the customer: environment, or the public one of a running devnet. */
export async function credentials(context: ActionContext): Promise<{ readonly apiKey: string }> {
  const apiKey = context.env.ZEROG_COMPUTE_KEY ?? (await context.settings()).devnet?.compute?.openaiKey
  if (apiKey !== undefined) return { apiKey }
  throw new ZerogError('UNAUTHENTICATED', {
    message: 'set ZEROG_COMPUTE_KEY to a key of the router (sk-zerog-…); zerog compute key create makes one',
  })
}

async function administrator(context: ActionContext): Promise<{ readonly apiKey: string }> {
  const devnet = (await context.settings()).devnet?.compute === undefined ? undefined : DEVELOPMENT_ADMIN_TOKEN
  const apiKey = context.env.ZEROG_COMPUTE_ADMIN_TOKEN ?? devnet
  if (apiKey !== undefined) return { apiKey }
  throw new ZerogError('UNAUTHENTICATED', {
    message: "set ZEROG_COMPUTE_ADMIN_TOKEN to the router's administrator token (adminToken)",
  })
}

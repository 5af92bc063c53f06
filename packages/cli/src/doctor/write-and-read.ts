import { createHash, randomBytes } from 'node:crypto'
import { ZerogError } from '@zerog/primitives'
import type { ZerogClient } from '@zerog/sdk'
import type { Hex } from 'viem'
import type { ActionContext } from '../action.ts'
import { signingClient } from '../commands/client.ts'
import type { Settings } from '../settings/settings.ts'

/** Small enough to cost next to nothing, new each time: a network that only remembers an earlier run does not pass. */
const PROBE_BYTES = 2_048

export type LayerProbe = {
  readonly name: string
  /** What was written and read back; throws where that did not work. */
  readonly run: () => Promise<string>
  /** Why it cannot be tried. */
  readonly lacks: string | undefined
}

/** One write and read through each layer by way of the gateway, as clients do it. */
export function layerProbes(
  context: ActionContext,
  of: { readonly client: ZerogClient; readonly settings: Settings; readonly layers: ReadonlySet<string> },
): readonly LayerProbe[] {
  const { client, settings, layers } = of
  const limits = { signal: context.signal, timeoutMs: settings.timeoutMs }
  const canSign = settings.account.from !== 'default' || settings.devnet !== undefined
  const noAccount = canSign ? undefined : 'needs an account with money: --key-file or --account'
  const apiKey = context.env.ZEROG_COMPUTE_KEY ?? settings.devnet?.compute?.openaiKey
  const without = (layer: string) => (layers.has(layer) ? undefined : 'this installation has no such layer')
  let signing: Promise<ZerogClient> | undefined
  const signer = () => {
    signing ??= signingClient(context)
    return signing
  }
  return [
    { name: 'write to the chain', lacks: noAccount, run: async () => probeChain(await signer(), limits) },
    { name: 'write to storage', lacks: without('storage') ?? noAccount, run: async () => probeStorage(await signer(), limits) },
    { name: 'write to data availability', lacks: without('da'), run: () => probeDa(client, limits) },
    {
      name: 'ask a model',
      lacks: apiKey === undefined ? 'needs a key of the router: ZEROG_COMPUTE_KEY' : undefined,
      run: () => probeCompute(client, apiKey ?? '', limits.signal),
    },
  ]
}

type Limits = { readonly signal: AbortSignal; readonly timeoutMs: number }

/** A transaction of nothing, whose data comes back with it. */
async function probeChain(client: ZerogClient, limits: Limits): Promise<string> {
  const data: Hex = `0x${randomBytes(32).toString('hex')}`
  const { hash } = await client.chain.send({ to: '0x0000000000000000000000000000000000000000', data, signal: limits.signal })
  const receipt = await client.chain.waitForReceipt({ hash, ...limits })
  const { input } = await client.viem
    .request({ method: 'eth_getTransactionByHash', params: [hash] })
    .then((found) => found ?? none(hash))
  mustEqual(input, data, 'the transaction that came back has other data')
  return `transaction ${hash} in block ${receipt.blockNumber}`
}

async function probeStorage(client: ZerogClient, limits: Limits): Promise<string> {
  const bytes = randomBytes(PROBE_BYTES)
  const { root } = await client.storage.upload(bytes, limits)
  const back = await client.storage.downloadBytes(root, { signal: limits.signal })
  mustEqual(digestOf(back), digestOf(bytes), `file ${root} came back with other bytes`)
  return `file ${root}`
}

async function probeDa(client: ZerogClient, limits: Limits): Promise<string> {
  const bytes = randomBytes(PROBE_BYTES)
  const blob = await client.da.disperse(bytes, { wait: 'finalized', ...limits })
  const back = await client.da.retrieve(blob.id, { sha256: digestOf(bytes), ...limits })
  mustEqual(digestOf(back), digestOf(bytes), `blob ${blob.id} came back with other bytes`)
  return `blob ${blob.id}`
}

async function probeCompute(client: ZerogClient, apiKey: string, signal: AbortSignal): Promise<string> {
  const [model] = await client.compute.models({ apiKey, signal })
  if (model === undefined) throw new ZerogError('NOT_FOUND', { message: 'no provider runs a model' })
  const messages = [{ role: 'user', content: 'What is zerog?' }] as const
  const answer = await client.compute.chat({ model: model.id, messages, maxTokens: 8, temperature: 0 }, { apiKey, signal })
  const { checks } = await client.compute.verify(answer, { apiKey, signal })
  return `answer ${answer.id} of ${model.id} (${checks.join(', ')})`
}

function digestOf(bytes: Uint8Array): Hex {
  return `0x${createHash('sha256').update(bytes).digest('hex')}`
}

function mustEqual(found: string, wanted: string, problem: string): void {
  if (found !== wanted) throw new ZerogError('VERIFICATION_FAILED', { message: problem })
}

function none(hash: Hex): never {
  throw new ZerogError('NOT_FOUND', { message: `transaction ${hash} has a receipt but is not there` })
}

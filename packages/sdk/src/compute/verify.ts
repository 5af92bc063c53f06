import { decodeSignedReceipt, type InferenceReceipt, receiptDomain, receiptHash } from '@zerog/evidence'
import { ZerogError } from '@zerog/primitives'
import { type Hex, hexToBytes, parseAbi, recoverAddress, sha256 } from 'viem'
import { readContract } from 'viem/actions'
import type { Context } from '../client.ts'
import { inferenceServing, RECEIPT_ANCHOR } from './addresses.ts'
import type { ComputeOptions } from './api.ts'
import { type ChatAnswer, readAnswer, readEvents } from './chat.ts'
import { getInferenceReceipt } from './read.ts'

const ABI = parseAbi([
  'struct Service { address provider; string serviceType; string url; uint256 inputPrice; uint256 outputPrice; uint256 updatedAt; string model; string verifiability; string additionalInfo; address teeSignerAddress; bool teeSignerAcknowledged; }',
  'function getService(address provider) view returns (Service)',
])

export type VerifiedAnswer = {
  readonly receipt: InferenceReceipt
  readonly signer: Hex
  /** What was shown, each by name. All are true, or the function throws. */
  readonly checks: readonly ('request' | 'response' | 'order' | 'provider' | 'usage' | 'signature' | 'signer' | 'fee' | 'model')[]
}

const FETCH_ATTEMPTS = 50
const FETCH_PAUSE_MS = 100

/**
 * The strict client: the receipt is about exactly these request and response bytes, in the order of a stream; it is signed by the key
 * that the provider registered on chain; usage and fee are those of the answer and of the price on chain; with `modelRoot`, the weights are those.
 * @throws ZerogError VERIFICATION_FAILED, its metadata names the check
 */
export async function verifyAnswer(
  context: Context,
  answer: ChatAnswer,
  options: ComputeOptions & {
    /** Storage root that the model must have. */
    readonly modelRoot?: Hex
    /** wei per token where the model has a price of its own; default: the provider's price on chain. */
    readonly price?: { readonly promptWei: bigint; readonly completionWei: bigint }
  },
): Promise<VerifiedAnswer> {
  const stored = await receiptOf(context, answer.id, options)
  const { receipt, signature } = decodeSignedReceipt(hexToBytes(stored))
  demand('request', receipt.requestHash === sha256(answer.requestBytes))
  demand('response', receipt.responseHash === sha256(answer.responseBytes))
  const read = orderOf(answer)
  demand('provider', receipt.provider.toLowerCase() === answer.provider.toLowerCase())
  const { promptTokens, completionTokens } = receipt
  const usage = read.usage
  demand(
    'usage',
    usage === undefined || (BigInt(usage.promptTokens) === promptTokens && BigInt(usage.completionTokens) === completionTokens),
  )
  const chainId = await context.chainId()
  const domain = receiptDomain({ chainId: BigInt(chainId), receiptAnchor: RECEIPT_ANCHOR })
  // By viem, which is there anyway: a second copy of the curve would double what a page loads.
  const signer = await recoverAddress({ hash: receiptHash(receipt, domain), signature }).catch((cause) => {
    throw failed('signature', cause)
  })
  const service = await readContract(context.viem, {
    address: inferenceServing(chainId),
    abi: ABI,
    functionName: 'getService',
    args: [receipt.provider],
  })
  demand('signer', service.teeSignerAcknowledged && service.teeSignerAddress.toLowerCase() === signer.toLowerCase())
  const price = options.price ?? { promptWei: service.inputPrice, completionWei: service.outputPrice }
  // Cached prompt tokens and tiers make it cheaper than this, never dearer without a tier that says so on chain.
  demand('fee', receipt.fee <= promptTokens * price.promptWei + completionTokens * price.completionWei)
  demand('fee', answer.costWei === undefined || answer.costWei === receipt.fee)
  if (options.modelRoot !== undefined) demand('model', receipt.modelRoot === options.modelRoot.toLowerCase())
  const checks = ['request', 'response', 'order', 'provider', 'usage', 'signature', 'signer', 'fee'] as const
  return { receipt, signer, checks: options.modelRoot === undefined ? checks : [...checks, 'model'] }
}

/** The receipt of a stream is written a moment after its last byte. */
async function receiptOf(context: Context, id: string, options: ComputeOptions): Promise<Hex> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { receipt } = await getInferenceReceipt(context, id, options)
      if (receipt !== '0x') return receipt
    } catch (error) {
      if (!(error instanceof ZerogError) || error.reason !== 'NOT_FOUND' || attempt >= FETCH_ATTEMPTS) throw error
    }
    if (attempt >= FETCH_ATTEMPTS) throw new ZerogError('NOT_FOUND', { message: `answer ${id} has no receipt yet` })
    await new Promise((resolve) => setTimeout(resolve, FETCH_PAUSE_MS))
  }
}

function orderOf(answer: ChatAnswer) {
  try {
    return answer.stream ? readEvents(answer.responseBytes) : readAnswer(answer.responseBytes)
  } catch (cause) {
    throw failed('order', cause)
  }
}

function demand(check: string, holds: boolean): void {
  if (!holds) throw failed(check)
}

function failed(check: string, cause?: unknown): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', {
    message: `the answer does not fit its receipt: ${check}`,
    metadata: { check },
    ...(cause === undefined ? {} : { cause }),
  })
}

import { encodeSignedReceipt, type SumProof } from '@zerog/evidence'
import { type Hex, isHex, toHex, ZerogError } from '@zerog/primitives'
import type { FastifyInstance } from 'fastify'
import type { Broker } from '../../../app/broker/broker.ts'
import type { AnswerSigner } from '../../../app/broker/ports.ts'
import { type ReceiptProof, receiptProof } from '../../../app/broker/receipt-proof.ts'
import type { BrokerRepository, StoredReceipt } from '../../../app/broker/repository.ts'
import { readPublication } from '../../../app/broker/settlement.ts'
import { signatureText } from '../../../core/broker/signature-text.ts'
import { parseJsonObject } from '../../../core/openai/fields.ts'

export type AnswerRoutesOptions = { readonly signer: AnswerSigner; readonly chainId: bigint; readonly receiptAnchor: Hex }

/** What remains of an answer: 0G's signature, our receipt and its place in a batch, and acknowledgements. */
export function registerAnswerRoutes(
  app: FastifyInstance,
  options: AnswerRoutesOptions,
  { broker, repository }: { readonly broker: Broker; readonly repository: BrokerRepository },
): void {
  const { signer } = options
  /** 0G's SDK asks without credentials: the text holds two hashes and nothing else. */
  app.get<{ Params: { id: string } }>('/v1/proxy/signature/:id', async ({ params }) => {
    const { receipt } = await broker.receipt(params.id)
    const text = signatureText(receipt.requestHash, receipt.responseHash)
    // Made when it is asked for: few callers do, signing is deterministic, and every answer carries a signed receipt anyway.
    const signature = signer.signText(text)
    return {
      text,
      signature,
      signature_ecdsa: signature,
      signing_address: signer.address,
      signing_address_ecdsa: signer.address,
      signing_algo: 'ecdsa',
    }
  })

  app.get<{ Params: { id: string } }>('/v1/receipts/:id', async ({ params, headers }) => {
    const user = await broker.authorize(headers.authorization)
    const stored = await broker.receipt(params.id)
    // Whether an id exists is nobody's business but its user's.
    if (stored.receipt.user !== user)
      throw new ZerogError('NOT_FOUND', { message: `there is no answer ${params.id} of yours here` })
    return receiptJson(stored, await receiptProof(stored, repository), options)
  })

  app.post<{ Params: { id: string } }>('/v1/receipts/:id/ack', async ({ params, body }) => {
    const { signature } = parseJsonObject(body as Uint8Array) // the server parses bodies to bytes
    return { id: params.id, state: await broker.acknowledge(params.id, checkedSignature(signature)) }
  })

  app.post('/v1/receipts/ack', async ({ body }) => {
    const { acks, signature } = parseJsonObject(body as Uint8Array) // as above
    if (!Array.isArray(acks) || acks.length > ACKS_MAX) {
      throw new ZerogError('INVALID_ARGUMENT', { message: `acks must be a list of at most ${ACKS_MAX}` })
    }
    const ids = acks.map(idOf)
    const answers =
      signature === undefined
        ? acks.map(async (ack, index) => broker.acknowledge(ids[index] as string, checkedSignature(ack.signature))) // idOf read it as an object
        : broker.acknowledgeTogether(
            acks.map((ack, index) => ({ id: ids[index] as string, receiptHash: checkedHash(ack.receiptHash) })),
            checkedSignature(signature),
          )
    return { results: await Promise.all(answers.map((answer, index) => resultOf(ids[index] as string, answer))) }
  })
}

/** Acknowledgements of one call. */
const ACKS_MAX = 256

function idOf(ack: unknown): string {
  const { id } = (ack ?? {}) as { id?: unknown }
  if (typeof id === 'string') return id
  throw new ZerogError('INVALID_ARGUMENT', { message: 'each of acks needs an id' })
}

/** One bad item must not keep the others from counting. */
async function resultOf(id: string, answer: Promise<string>): Promise<{ id: string; state: string }> {
  try {
    return { id, state: await answer }
  } catch (error) {
    if (!(error instanceof ZerogError)) throw error
    if (error.reason === 'NOT_FOUND') return { id, state: 'unknown' }
    if (error.reason === 'WRONG_STATE') return { id, state: 'void' }
    if (error.reason === 'UNAUTHENTICATED' || error.reason === 'INVALID_ARGUMENT') return { id, state: 'pending' }
    throw error
  }
}

function checkedSignature(value: unknown): Hex {
  if (typeof value === 'string' && isHex(value, 65)) return value
  throw new ZerogError('INVALID_ARGUMENT', { message: 'signature must be 0x and 130 hexadecimal digits' })
}

function checkedHash(value: unknown): Hex {
  if (typeof value === 'string' && isHex(value, 32)) return value
  throw new ZerogError('INVALID_ARGUMENT', { message: 'receiptHash must be 0x and 64 hexadecimal digits' })
}

function receiptJson(stored: StoredReceipt, proof: ReceiptProof | undefined, options: AnswerRoutesOptions) {
  const { id, kind, model, receipt, receiptHash, signature, salt, params } = stored
  return {
    id,
    state: stateOf(stored, proof),
    complete: kind === 'final',
    model,
    receipt: toHex(encodeSignedReceipt({ receipt, signature })),
    receiptHash,
    signature,
    signer: options.signer.address,
    domain: { name: '0G Receipt', version: '1', chainId: String(options.chainId), verifyingContract: options.receiptAnchor },
    fields: Object.fromEntries(
      Object.entries(receipt).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]),
    ),
    params,
    salt,
    batch: proof === undefined ? null : batchJson(proof),
  }
}

/** In the words of docs/spec/compute-http.md: what is in a batch stays billable until the batch is settled. */
function stateOf({ state }: StoredReceipt, proof: ReceiptProof | undefined): string {
  if (state !== 'batched') return state
  return proof?.batch.state === 'settled' ? 'settled' : 'billable'
}

function batchJson({ batch, requestsHash, userSum, commitment, amount, claimProof, userProof, batchSum }: ReceiptProof) {
  const { publication, transactions } = batch
  const anchored = publication === undefined ? undefined : readPublication(publication)
  return {
    batchRoot: batch.root,
    batchSum: String(batchSum),
    requestsHash,
    userSum: String(userSum),
    claim: { kind: 'receipt', commitment, amount: String(amount), proof: proofJson(claimProof) },
    userProof: proofJson(userProof),
    // null: this installation publishes nothing, so the batch is settled without an anchor.
    anchor:
      anchored === undefined
        ? null
        : {
            dataRoot: anchored.dataRoot,
            epoch: String(anchored.epoch),
            quorumId: String(anchored.quorumId),
            transaction: transactions.anchor?.hash ?? null,
          },
    settlementTransaction: transactions.settle?.hash ?? null,
  }
}

function proofJson({ index, count, path }: SumProof) {
  return { index, count, path: path.map(({ hash, sum }) => ({ hash, sum: String(sum) })) }
}

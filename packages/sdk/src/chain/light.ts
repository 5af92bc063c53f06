import type { Multisignature } from '@zerog/consensus'
import {
  decodeCertificate,
  epochOf,
  hashOfSet,
  type LightHeader,
  type ProofResponse,
  type ProvenAccount,
  readHeader,
  trustSet,
  verifyFinality,
  verifyProofResponse,
} from '@zerog/consensus/light-client'
import { fromHex, isHex, ZerogError } from '@zerog/primitives'
import type { Hash, Hex } from 'viem'
import type { Context } from '../client.ts'

export type TrustOptions = {
  /** BLS12-381: `nobleMultisignature` of this entry anywhere, blst in Node. */
  readonly multisignature: Multisignature
  /**
   * Hash of the validator set that is believed, from a source that is not the node. Absent: whatever set the node names, so a lying
   * node is believed in everything; the answer then says `trusted: false`.
   */
  readonly trust?: Hash
  /** Seconds since 1970; default now. */
  readonly nowSeconds?: bigint
  readonly signal?: AbortSignal
}

export type ProvenBlock = {
  /** As it was signed; its state root is what `eth_getProof` is checked against. */
  readonly header: LightHeader
  /** Of the set that voted. */
  readonly validatorSetHash: Hash
  readonly validatorCount: number
  /** Whether the caller named the set. */
  readonly trusted: boolean
  /** What was verified. */
  readonly certificate: {
    readonly epoch: bigint
    readonly view: number
    readonly signerCount: number
    readonly sizeBytes: number
  }
}

/** These bound how long a set is believed after a header that was seen of it; here the caller vouches for the set now. */
const PERIODS = { undelegationDelaySeconds: 1_814_400n, trustingPeriodSeconds: 1_209_600n, clockDriftSeconds: 30n }

/**
 * The header of a finalized block, proven by its validators' certificate here and not by the node's word. Throws PROOF_INVALID when
 * the proof does not hold, NOT_FOUND when there is no such block, WRONG_STATE for genesis, which nobody votes on.
 * @example const { header } = await proveBlock(client, 'latest', { multisignature: nobleMultisignature, trust: setHash })
 */
export async function proveBlock(context: Context, height: bigint | 'latest', options: TrustOptions): Promise<ProvenBlock> {
  const { multisignature, nowSeconds = BigInt(Math.floor(Date.now() / 1000)), signal } = options
  const { headers, certificate, validators: named, epochLength } = await ask(context, height, signal)
  const asked = readHeader(headers[0] ?? refuse('the node sent no header'))
  if (height !== 'latest' && asked.height !== height) refuse(`the node sent block ${asked.height}, asked for was ${height}`)
  if (asked.height === 0n) throw new ZerogError('WRONG_STATE', { message: 'nobody votes on the genesis block: compare its hash' })
  if (certificate === undefined) return refuse('the node sent no certificate')
  const network = { chainId: BigInt(await context.chainId()), epochLength, ...PERIODS }
  // A header names who votes on the next height: the last block of an epoch was voted on by those whom its parent names.
  const validators = asked.height % epochLength === 0n ? (await ask(context, asked.height - 1n, signal)).validators : named
  const validatorSetHash = options.trust ?? hashOfSet(validators)
  const state = trustSet({ hash: validatorSetHash, epoch: epochOf(network, asked.height), validators })
  const header = verifyFinality(network, state, { headers, certificate }, { multisignature, nowSeconds })
  const { signers, ballot } = decodeCertificate(certificate).certificate
  return {
    header,
    validatorSetHash,
    validatorCount: state.validators.length,
    trusted: options.trust !== undefined,
    certificate: { epoch: state.epoch, view: ballot.view, signerCount: signers.length, sizeBytes: certificate.length },
  }
}

/**
 * An account and words of its storage at a finalized block, each proven down from the validators' certificate. `account` is undefined
 * when it is proven not to exist. Throws as `proveBlock`.
 */
export async function proveAccount(
  context: Context,
  asked: { readonly address: Hex; readonly slots?: readonly Hex[]; readonly height?: bigint },
  options: TrustOptions,
): Promise<{ readonly block: ProvenBlock; readonly account: ProvenAccount | undefined; readonly storage: readonly bigint[] }> {
  const { address, slots = [], height = 'latest' } = asked
  const block = await proveBlock(context, height, options)
  const params = [address, slots, { blockHash: block.header.hash }]
  const response = await context.transport.request('rpc', { method: 'eth_getProof', params }, signalOf(options.signal))
  if (!isProofResponse(response)) return refuse('the answer of eth_getProof has another form')
  return { block, ...verifyProofResponse(block.header.stateRoot, { address, slots }, response) }
}

type Answer = {
  readonly headers: readonly Uint8Array[]
  readonly certificate: Uint8Array | undefined
  readonly validators: Uint8Array
  readonly epochLength: bigint
}

async function ask(context: Context, height: bigint | 'latest', signal: AbortSignal | undefined): Promise<Answer> {
  const params = [height === 'latest' ? height : `0x${height.toString(16)}`]
  const answer = await context.transport.request('rpc', { method: 'zerog_getCertificate', params }, signalOf(signal))
  if (answer === null) throw new ZerogError('NOT_FOUND', { message: `there is no finalized block ${height}` })
  const { headers, certificate, validators, epochLength } = answer as Record<keyof Answer, unknown> // each is checked below
  if (!Array.isArray(headers) || headers.length > HEADERS_MAX) return refuse('the node sent no list of headers')
  return {
    headers: headers.map(bytesOf),
    certificate: certificate === null ? undefined : bytesOf(certificate),
    validators: bytesOf(validators),
    epochLength: lengthOf(epochLength),
  }
}

/** As many as the light client takes. */
const HEADERS_MAX = 1_024

const signalOf = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal })

function bytesOf(value: unknown): Uint8Array {
  return typeof value === 'string' && isHex(value) ? fromHex(value) : refuse('the node sent something else than bytes')
}

function lengthOf(value: unknown): bigint {
  const length = typeof value === 'string' && /^0x[0-9a-f]{1,16}$/.test(value) ? BigInt(value) : 0n
  return length > 0n ? length : refuse('the node sent no length of epochs')
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
const fieldsOf = (value: unknown) =>
  (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>

function isProofResponse(value: unknown): value is ProofResponse {
  const { address, accountProof, balance, nonce, codeHash, storageHash, storageProof } = fieldsOf(value)
  const isSlot = (item: unknown): boolean => {
    const { key, value: word, proof } = fieldsOf(item)
    return isText(key) && isText(word) && isTexts(proof)
  }
  const isAccount = [address, balance, nonce, codeHash, storageHash].every(isText) && isTexts(accountProof)
  return isAccount && Array.isArray(storageProof) && storageProof.every(isSlot)
}

function refuse(problem: string): never {
  throw new ZerogError('PROOF_INVALID', { message: `proof refused: ${problem}` })
}

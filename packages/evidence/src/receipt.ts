import { type Hex, isHex, ZerogError } from '@zerog/primitives'
import { type Domain, hashStruct, typedDigest, typeHash } from './eip712.ts'
import { SUM_MAX } from './limits.ts'
import { recoverSigner, signDigest } from './signature.ts'

/** What makes an answer credible. A receipt never names a higher mode than what was done. */
export const RECEIPT_MODES = {
  none: 0,
  /** signed by the provider's registered signer, nothing more */
  signer: 1,
  /** the signer's key is bound to a TEE quote */
  tee: 2,
  /** the integer engine: anyone who has model and request computes the same tokens */
  reExecutable: 3,
  /** a zero-knowledge proof */
  zk: 4,
} as const

export type ReceiptMode = (typeof RECEIPT_MODES)[keyof typeof RECEIPT_MODES]

/** What a provider says about one answer. Hashes are 32 bytes, addresses 20, all in lower case. */
export type InferenceReceipt = {
  /** sha256 of the exact request and response bytes on the wire */
  readonly requestHash: Hex
  readonly responseHash: Hex
  /** storage root of the model's file; zero for an upstream that has none */
  readonly modelRoot: Hex
  /** `paramsHash` of the sampling parameters with their seed */
  readonly paramsHash: Hex
  /** `traceRoot`, whose first leaf is the root of the token ids; zero where the engine does not give them */
  readonly traceRoot: Hex
  readonly user: Hex
  readonly provider: Hex
  /** id in the agent registry; 0 for none */
  readonly agentId: bigint
  /** storage root of the agent's memory; zero for none */
  readonly memoryRoot: Hex
  readonly promptTokens: bigint
  readonly completionTokens: bigint
  /** wei, below 2^128 */
  readonly fee: bigint
  /** per user and provider, rising */
  readonly nonce: bigint
  /** milliseconds since the Unix epoch */
  readonly finishedAt: bigint
  readonly mode: ReceiptMode
}

export const RECEIPT_TYPE =
  'InferenceReceipt(bytes32 requestHash,bytes32 responseHash,bytes32 modelRoot,bytes32 paramsHash,bytes32 traceRoot,address user,address provider,uint256 agentId,bytes32 memoryRoot,uint64 promptTokens,uint64 completionTokens,uint256 fee,uint64 nonce,uint64 finishedAt,uint8 mode)'

/** Fields in the order of the type, with their size in bytes as EIP-712 types them. */
export const RECEIPT_FIELDS = [
  { name: 'requestHash', type: 'bytes32', sizeBytes: 32 },
  { name: 'responseHash', type: 'bytes32', sizeBytes: 32 },
  { name: 'modelRoot', type: 'bytes32', sizeBytes: 32 },
  { name: 'paramsHash', type: 'bytes32', sizeBytes: 32 },
  { name: 'traceRoot', type: 'bytes32', sizeBytes: 32 },
  { name: 'user', type: 'address', sizeBytes: 20 },
  { name: 'provider', type: 'address', sizeBytes: 20 },
  { name: 'agentId', type: 'uint256', sizeBytes: 32 },
  { name: 'memoryRoot', type: 'bytes32', sizeBytes: 32 },
  { name: 'promptTokens', type: 'uint64', sizeBytes: 8 },
  { name: 'completionTokens', type: 'uint64', sizeBytes: 8 },
  { name: 'fee', type: 'uint256', sizeBytes: 32 },
  { name: 'nonce', type: 'uint64', sizeBytes: 8 },
  { name: 'finishedAt', type: 'uint64', sizeBytes: 8 },
  { name: 'mode', type: 'uint8', sizeBytes: 1 },
] as const satisfies readonly { name: keyof InferenceReceipt; type: string; sizeBytes: number }[]

export const RECEIPT_TYPE_HASH = typeHash(RECEIPT_TYPE)

/** `verifyingContract` is the ReceiptAnchor of the network. */
export function receiptDomain(options: { readonly chainId: bigint; readonly receiptAnchor: Hex }): Domain {
  return { name: '0G Receipt', version: '1', chainId: options.chainId, verifyingContract: options.receiptAnchor }
}

/** EIP-712's hashStruct. @throws ZerogError INVALID_ARGUMENT for a field out of range */
export function receiptStructHash(receipt: InferenceReceipt): Hex {
  checkReceipt(receipt)
  return hashStruct(
    RECEIPT_TYPE,
    RECEIPT_FIELDS.map(({ name }) => (name === 'mode' ? BigInt(receipt.mode) : receipt[name])),
  )
}

/** The receipt's name everywhere: the typed digest that its signer signs, which binds chain and contract. */
export function receiptHash(receipt: InferenceReceipt, domain: Domain): Hex {
  return typedDigest(domain, receiptStructHash(receipt))
}

export function signReceipt(
  receipt: InferenceReceipt,
  options: { readonly domain: Domain; readonly privateKey: Uint8Array },
): Hex {
  return signDigest(receiptHash(receipt, options.domain), options.privateKey)
}

/** The address that signed. Compare it with the provider's registered signer. @throws ZerogError ENCODING_INVALID */
export function recoverReceiptSigner(
  receipt: InferenceReceipt,
  options: { readonly domain: Domain; readonly signature: Hex },
): Hex {
  return recoverSigner(receiptHash(receipt, options.domain), options.signature)
}

/** @throws ZerogError INVALID_ARGUMENT naming the field */
export function checkReceipt(receipt: InferenceReceipt): void {
  for (const { name, type, sizeBytes } of RECEIPT_FIELDS) {
    const value: unknown = receipt[name]
    if (name === 'mode') {
      if (!isReceiptMode(value as number)) throw outOfRange(name, 'from 0 to 4')
    } else if (type.startsWith('uint')) {
      const max = name === 'fee' ? SUM_MAX : 2n ** BigInt(8 * sizeBytes) - 1n
      if (typeof value !== 'bigint' || value < 0n || value > max) throw outOfRange(name, `a bigint from 0 to ${max}`)
    } else if (typeof value !== 'string' || !isHex(value, sizeBytes) || value !== value.toLowerCase()) {
      throw outOfRange(name, `0x and ${2 * sizeBytes} hexadecimal digits in lower case`)
    }
  }
}

export function isReceiptMode(value: number): value is ReceiptMode {
  return Number.isInteger(value) && value >= RECEIPT_MODES.none && value <= RECEIPT_MODES.zk
}

function outOfRange(field: string, form: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message: `${field} of a receipt must be ${form}`, metadata: { field } })
}

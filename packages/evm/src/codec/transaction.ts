import { type Hex, toHex, ZerogError } from '@zerog/primitives'
import type { AccessListItem, Authorization, Transaction } from '../executor.ts'
import { TRANSACTION_BYTES_MAX } from '../limits.ts'
import { keccak256, keccakHex } from './keccak.ts'
import { type RlpItem, rlpDecode, rlpEncode, rlpInteger, toBytes, toInteger, toList } from './rlp.ts'
import { recoverAddress } from './signature.ts'
import { SIGNED_FIELDS } from './signing.ts'
import { readUsual } from './usual.ts'

export type DecodeTransactionOptions = {
  /** Refuses transactions that were signed for another chain. Type 0 without a chain id (before EIP-155) passes. */
  readonly chainId?: bigint
  /** A sender that was recovered before (our own store): recovery costs 75 µs. Never for bytes from outside. */
  readonly sender?: Hex
}

/**
 * Decodes and checks a signed transaction of type 0 to 4: canonical RLP, field sizes, chain id, signature in the lower half.
 * A type-3 network wrapper (with blobs) is reduced to its transaction. Throws INVALID_ARGUMENT with geth's text.
 */
export function decodeTransaction(raw: Uint8Array, options: DecodeTransactionOptions = {}): Transaction {
  if (raw.length > TRANSACTION_BYTES_MAX && raw[0] !== 3) {
    throw refused(`oversized data: transaction size ${raw.length}, limit ${TRANSACTION_BYTES_MAX}`)
  }
  const first = raw[0]
  if (first === undefined) throw refused('typed transaction too short')
  const usual = first === 2 && options.sender !== undefined ? readUsual(raw, options.sender) : undefined
  const transaction = usual ?? (first >= 0xc0 ? decodeLegacy(raw, options.sender) : decodeTyped(raw, first, options.sender))
  const { chainId } = options
  if (chainId !== undefined && transaction.chainId !== undefined && transaction.chainId !== chainId) {
    throw refused(`invalid sender: invalid chain id for signer: have ${transaction.chainId} want ${chainId}`)
  }
  if (transaction.nonce === U64_MAX) throw refused('nonce has max value')
  if (transaction.gasLimit * transaction.maxFeePerGas >= 1n << 256n) throw refused('gas * price does not fit into 256 bits')
  if (transaction.maxPriorityFeePerGas > transaction.maxFeePerGas) {
    throw refused(
      `max priority fee per gas higher than max fee per gas: address ${transaction.from}, maxPriorityFeePerGas: ${transaction.maxPriorityFeePerGas}, maxFeePerGas: ${transaction.maxFeePerGas}`,
    )
  }
  return transaction
}

/** The item that stands for a transaction in a block body: a list for type 0, the bytes else. */
export function bodyItem(raw: Uint8Array): RlpItem {
  return (raw[0] as number) >= 0xc0 ? rlpDecode(raw) : raw
}

const U64_MAX = (1n << 64n) - 1n

function refused(message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message })
}

function sender(signingHash: Uint8Array, signature: { r: bigint; s: bigint; yParity: number }): Hex {
  const address = recoverAddress(signingHash, signature)
  if (address === undefined) throw refused('invalid sender: invalid transaction v, r, s values')
  return toHex(address)
}

function target(item: RlpItem | undefined, creation: boolean): Hex | null {
  const bytes = toBytes(item, 'to')
  if (bytes.length === 0 && creation) return null
  return toHex(toBytes(bytes, 'to', 20))
}

function decodeLegacy(raw: Uint8Array, known: Hex | undefined): Transaction {
  const fields = toList(rlpDecode(raw), 'transaction', 9)
  const v = toInteger(fields[6], 'v', 32)
  const r = toInteger(fields[7], 'r', 32)
  const s = toInteger(fields[8], 's', 32)
  let chainId: bigint | undefined
  let yParity: number
  const signed: RlpItem[] = fields.slice(0, 6)
  if (v === 27n || v === 28n) {
    yParity = Number(v - 27n)
  } else if (v >= 35n) {
    chainId = (v - 35n) / 2n
    yParity = Number((v - 35n) % 2n)
    signed.push(rlpInteger(chainId), NOTHING, NOTHING)
  } else {
    throw refused('invalid sender: invalid transaction v, r, s values')
  }
  const gasPrice = toInteger(fields[1], 'gasPrice', 32)
  const nonce = toInteger(fields[0], 'nonce', 8)
  const gasLimit = toInteger(fields[2], 'gasLimit', 8)
  const to = target(fields[3], true)
  const value = toInteger(fields[4], 'value', 32)
  const data = toHex(toBytes(fields[5], 'data'))
  return {
    ...ABSENT,
    hash: keccakHex(raw),
    raw,
    type: 0,
    chainId,
    from: known ?? sender(keccak256(rlpEncode(signed)), { r, s, yParity }),
    to,
    nonce,
    gasLimit,
    value,
    data,
    gasPrice,
    maxFeePerGas: gasPrice,
    maxPriorityFeePerGas: gasPrice,
    v,
    r,
    s,
  }
}

const NOTHING = new Uint8Array(0)
const ABSENT = {
  accessList: undefined,
  authorizationList: undefined,
  blobVersionedHashes: undefined,
  maxFeePerBlobGas: undefined,
} as const

function decodeTyped(input: Uint8Array, type: number, known: Hex | undefined): Transaction {
  if (type !== 1 && type !== 2 && type !== 3 && type !== 4) throw refused('transaction type not supported')
  if (input.length < 2) throw refused('typed transaction too short')
  let body = toList(rlpDecode(input.subarray(1)), 'transaction')
  let raw = input
  if (type === 3 && body[0] !== undefined && !(body[0] instanceof Uint8Array)) {
    body = body[0]
    raw = prefixed(type, body)
  }
  const signed = SIGNED_FIELDS[type]
  toList(body, 'transaction', signed + 3)
  const priced = type === 1 ? 1 : 2
  const gasPrice = type === 1 ? toInteger(body[2], 'gasPrice', 32) : undefined
  const maxPriorityFeePerGas = gasPrice ?? toInteger(body[2], 'maxPriorityFeePerGas', 32)
  const maxFeePerGas = gasPrice ?? toInteger(body[3], 'maxFeePerGas', 32)
  const at = 2 + priced
  const nonce = toInteger(body[1], 'nonce', 8)
  const gasLimit = toInteger(body[at], 'gasLimit', 8)
  const to = target(body[at + 1], type <= 2)
  const value = toInteger(body[at + 2], 'value', 32)
  const data = toHex(toBytes(body[at + 3], 'data'))
  const accessList = toAccessList(body[at + 4])
  const yParity = Number(toInteger(body[signed], 'yParity', 1))
  const r = toInteger(body[signed + 1], 'r', 32)
  const s = toInteger(body[signed + 2], 's', 32)
  return {
    ...ABSENT,
    hash: keccakHex(raw),
    raw,
    type,
    chainId: toInteger(body[0], 'chainId', 32),
    from: known ?? sender(keccak256(prefixed(type, body.slice(0, signed))), { r, s, yParity }),
    to,
    nonce,
    gasLimit,
    value,
    data,
    gasPrice,
    maxFeePerGas,
    maxPriorityFeePerGas,
    accessList,
    ...(type === 3 && blobFields(body[at + 5], body[at + 6])),
    ...(type === 4 && { authorizationList: toAuthorizations(body[at + 5]) }),
    v: BigInt(yParity),
    r,
    s,
  }
}

function prefixed(type: number, body: readonly RlpItem[]): Uint8Array {
  const encoded = rlpEncode(body)
  const out = new Uint8Array(encoded.length + 1)
  out[0] = type
  out.set(encoded, 1)
  return out
}

function toAccessList(item: RlpItem | undefined): AccessListItem[] {
  return toList(item, 'accessList').map((entry) => {
    const [address, keys] = toList(entry, 'accessList entry', 2)
    return {
      address: toHex(toBytes(address, 'accessList address', 20)),
      storageKeys: toList(keys, 'storageKeys').map((key) => toHex(toBytes(key, 'storageKey', 32))),
    }
  })
}

function blobFields(fee: RlpItem | undefined, hashes: RlpItem | undefined) {
  const blobVersionedHashes = toList(hashes, 'blobVersionedHashes').map((hash) => toHex(toBytes(hash, 'blob hash', 32)))
  if (blobVersionedHashes.length === 0) throw refused('blob transaction missing blob hashes')
  return { maxFeePerBlobGas: toInteger(fee, 'maxFeePerBlobGas', 32), blobVersionedHashes }
}

function toAuthorizations(item: RlpItem | undefined): Authorization[] {
  const list = toList(item, 'authorizationList')
  if (list.length === 0) throw refused('set code tx must have at least one authorization tuple')
  return list.map((entry) => {
    const fields = toList(entry, 'authorization', 6)
    return {
      chainId: toInteger(fields[0], 'authorization chainId', 32),
      address: toHex(toBytes(fields[1], 'authorization address', 20)),
      nonce: toInteger(fields[2], 'authorization nonce', 8),
      yParity: Number(toInteger(fields[3], 'authorization yParity', 1)),
      r: toInteger(fields[4], 'authorization r', 32),
      s: toInteger(fields[5], 'authorization s', 32),
    }
  })
}

/** keccak256(0x05 || rlp([chainId, address, nonce])): what an EIP-7702 authority signs. */
export function authorizationHash(authorization: Pick<Authorization, 'chainId' | 'address' | 'nonce'>): Uint8Array {
  const { chainId, address, nonce } = authorization
  const body = [rlpInteger(chainId), new Uint8Array(Buffer.from(address.slice(2), 'hex')), rlpInteger(nonce)]
  return keccak256(prefixed(5, body))
}

/** Address of a contract created by `from` with `nonce`. */
export function createAddress(from: Uint8Array, nonce: bigint): Uint8Array {
  return keccak256(rlpEncode([from, rlpInteger(nonce)])).subarray(12)
}

/** Address of a contract created by CREATE2. */
export function createAddress2(from: Uint8Array, salt: Uint8Array, initCode: Uint8Array): Uint8Array {
  const input = new Uint8Array(85)
  input[0] = 0xff
  input.set(from, 1)
  input.set(salt, 53 - salt.length)
  input.set(keccak256(initCode), 53)
  return keccak256(input).subarray(12)
}

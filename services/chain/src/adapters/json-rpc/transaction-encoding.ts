import { type AccessListItem, type Authorization, keccak256, type RlpItem, rlpEncode, rlpInteger } from '@zerog/evm'
import { fromHex, type Hex } from '@zerog/primitives'

/** Everything of a transaction but its signature. */
export type UnsignedTransaction = {
  readonly type: 0 | 1 | 2 | 4
  readonly chainId: bigint
  readonly nonce: bigint
  readonly gas: bigint
  readonly to: Hex | null
  readonly value: bigint
  readonly data: Hex
  /** Types 0 and 1. */
  readonly gasPrice: bigint
  /** Types 2 and 4. */
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
  readonly accessList: readonly AccessListItem[]
  /** Type 4. */
  readonly authorizationList: readonly Authorization[]
}

export type Signature = { readonly r: bigint; readonly s: bigint; readonly yParity: 0 | 1 }

/** The 32 bytes that the sender signs (EIP-155 for type 0). */
export function signingHash(transaction: UnsignedTransaction): Uint8Array {
  const replayGuard = [rlpInteger(transaction.chainId), EMPTY, EMPTY]
  return keccak256(encode(transaction, transaction.type === 0 ? replayGuard : []))
}

/** The bytes that `eth_sendRawTransaction` takes. */
export function encodeSigned(transaction: UnsignedTransaction, { r, s, yParity }: Signature): Uint8Array {
  const v = transaction.type === 0 ? transaction.chainId * 2n + 35n + BigInt(yParity) : BigInt(yParity)
  return encode(transaction, [rlpInteger(v), rlpInteger(r), rlpInteger(s)])
}

/** geth's form of a transaction that nobody signed: the signature is three zeros. */
export function encodeUnsigned(transaction: UnsignedTransaction): Uint8Array {
  return encode(transaction, [EMPTY, EMPTY, EMPTY])
}

const EMPTY = new Uint8Array(0)

function encode(transaction: UnsignedTransaction, tail: readonly RlpItem[]): Uint8Array {
  const { type, chainId, nonce, gas, to, value, data } = transaction
  const body = rlpEncode([
    ...(type === 0 ? [] : [rlpInteger(chainId)]),
    rlpInteger(nonce),
    ...(type <= 1
      ? [rlpInteger(transaction.gasPrice)]
      : [rlpInteger(transaction.maxPriorityFeePerGas), rlpInteger(transaction.maxFeePerGas)]),
    rlpInteger(gas),
    to === null ? EMPTY : fromHex(to),
    rlpInteger(value),
    fromHex(data),
    ...(type === 0 ? [] : [accessListItems(transaction.accessList)]),
    ...(type === 4 ? [transaction.authorizationList.map(authorizationItem)] : []),
    ...tail,
  ])
  return type === 0 ? body : Buffer.concat([Buffer.of(type), body])
}

function accessListItems(list: readonly AccessListItem[]): RlpItem {
  return list.map(({ address, storageKeys }) => [fromHex(address), storageKeys.map((key) => fromHex(key))])
}

function authorizationItem({ chainId, address, nonce, yParity, r, s }: Authorization): RlpItem {
  return [rlpInteger(chainId), fromHex(address), rlpInteger(nonce), rlpInteger(BigInt(yParity)), rlpInteger(r), rlpInteger(s)]
}

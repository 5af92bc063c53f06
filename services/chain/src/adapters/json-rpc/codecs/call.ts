import type { AccessListItem, Authorization, BlockOverrides, CallRequest, StateOverrides } from '@zerog/evm'
import type { Hex } from '@zerog/primitives'
import { serverError } from '../errors.ts'
import { checksumAddress } from '../format/hex.ts'
import { array, type Codec, DecodeError, record, struct } from './decode.ts'
import { address, bytes, hash, uint64, uint256 } from './hex.ts'

const LIST_MAX = 10_000

const accessListItem: Codec<AccessListItem> = (value) => {
  const item = struct('AccessTuple', { address, storageKeys: array(hash, '[]common.Hash', { lengthMax: LIST_MAX }) })(value)
  if (item.address === undefined) throw new DecodeError("missing required field 'address' for AccessTuple")
  return { address: item.address, storageKeys: item.storageKeys ?? [] }
}

export const accessList = array(accessListItem, 'types.AccessList', { lengthMax: LIST_MAX })

const authorization: Codec<Authorization> = (value) => {
  const item = struct('SetCodeAuthorization', {
    chainId: uint256,
    address,
    nonce: uint64,
    yParity: uint64,
    v: uint64,
    r: uint256,
    s: uint256,
  })(value)
  const missing = (['chainId', 'address', 'nonce', 'r', 's'] as const).find((name) => item[name] === undefined)
  if (missing !== undefined) throw new DecodeError(`missing required field '${missing}' for SetCodeAuthorization`)
  return {
    chainId: item.chainId ?? 0n,
    address: item.address ?? '0x',
    nonce: item.nonce ?? 0n,
    yParity: (item.yParity ?? item.v ?? 0n) === 0n ? 0 : 1,
    r: item.r ?? 0n,
    s: item.s ?? 0n,
  }
}

const transactionFields = struct('TransactionArgs', {
  from: address,
  to: address,
  gas: uint64,
  gasPrice: uint256,
  maxFeePerGas: uint256,
  maxPriorityFeePerGas: uint256,
  value: uint256,
  nonce: uint64,
  data: bytes,
  input: bytes,
  accessList,
  chainId: uint256,
  authorizationList: array(authorization, '[]types.SetCodeAuthorization', { lengthMax: LIST_MAX }),
  maxFeePerBlobGas: uint256,
  blobVersionedHashes: array(hash, '[]common.Hash', { lengthMax: 16 }),
})

/** geth's TransactionArgs: what `eth_call`, `eth_estimateGas`, `eth_sendTransaction` … take. */
export type TransactionRequest = CallRequest & { readonly chainId?: bigint }

export const transactionRequest: Codec<TransactionRequest> = (value) => {
  const { data, input, chainId, maxFeePerBlobGas: _blobFee, blobVersionedHashes: _blobs, ...rest } = transactionFields(value)
  if (data !== undefined && input !== undefined && data !== input) {
    throw serverError('both "data" and "input" are set and not equal. Please use "input" to pass transaction call data')
  }
  if (rest.gasPrice !== undefined && (rest.maxFeePerGas !== undefined || rest.maxPriorityFeePerGas !== undefined)) {
    throw serverError('both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified')
  }
  const tip = rest.maxPriorityFeePerGas
  if (rest.maxFeePerGas !== undefined && tip !== undefined && rest.maxFeePerGas < tip) {
    throw serverError(`maxFeePerGas (${rest.maxFeePerGas}) < maxPriorityFeePerGas (${tip})`)
  }
  const payload = input ?? data
  return { ...rest, ...(payload === undefined ? {} : { data: payload }), ...(chainId === undefined ? {} : { chainId }) }
}

/** A JSON object from slots to words. */
const words: Codec<Readonly<Record<Hex, Hex>>> = (value) => {
  const out: Record<Hex, Hex> = {}
  const entries = Object.entries(record(value, 'map[common.Hash]common.Hash'))
  if (entries.length > LIST_MAX) throw new DecodeError(`more than ${LIST_MAX} slots in a state override`)
  for (const [slot, word] of entries) out[hash(slot)] = hash(word)
  return out
}

const overrideAccount = struct('OverrideAccount', {
  balance: uint256,
  nonce: uint64,
  code: bytes,
  state: words,
  stateDiff: words,
  movePrecompileToAddress: address,
})

/** Prague's precompiles are 0x01 to 0x11. */
const PRECOMPILE_LAST = 0x11n

function notMovable(account: Hex): Error {
  const value = BigInt(account)
  const isPrecompile = value > 0n && value <= PRECOMPILE_LAST
  return serverError(
    isPrecompile ? 'movePrecompileToAddress is not supported' : `account ${checksumAddress(account)} is not a precompile`,
  )
}

/** The third parameter of `eth_call`. */
export const stateOverrides: Codec<StateOverrides> = (value) => {
  const out: Record<Hex, StateOverrides[Hex]> = {}
  const entries = Object.entries(record(value, 'override.StateOverride'))
  if (entries.length > LIST_MAX) throw new DecodeError(`more than ${LIST_MAX} accounts in a state override`)
  for (const [key, account] of entries) {
    const { movePrecompileToAddress, ...override } = overrideAccount(account)
    if (override.state !== undefined && override.stateDiff !== undefined) {
      throw serverError(`account ${key} has both 'state' and 'stateDiff'`)
    }
    if (movePrecompileToAddress !== undefined) throw notMovable(address(key))
    out[address(key)] = override
  }
  return out
}

const overrideFields = struct('BlockOverrides', {
  number: uint256,
  difficulty: uint256,
  time: uint64,
  gasLimit: uint64,
  feeRecipient: address,
  prevRandao: hash,
  baseFeePerGas: uint256,
  blobBaseFee: uint256,
})

/** The fourth parameter of `eth_call`. `difficulty` and `blobBaseFee` have no meaning on this chain and are ignored. */
export const blockOverrides: Codec<BlockOverrides> = (value) => {
  const { number, time, gasLimit, feeRecipient, prevRandao, baseFeePerGas } = overrideFields(value)
  return {
    ...(number === undefined ? {} : { height: number }),
    ...(time === undefined ? {} : { timestampSeconds: time }),
    ...(gasLimit === undefined ? {} : { gasLimit }),
    ...(feeRecipient === undefined ? {} : { beneficiary: feeRecipient }),
    ...(prevRandao === undefined ? {} : { prevRandao }),
    ...(baseFeePerGas === undefined ? {} : { baseFeePerGas }),
  }
}

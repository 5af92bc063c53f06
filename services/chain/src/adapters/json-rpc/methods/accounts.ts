import { decodeTransaction, keccak256, keccakHex } from '@zerog/evm'
import { bigintToBytes, concatBytes, fromHex, type Hex, toHex } from '@zerog/primitives'
import { type TransactionRequest, transactionRequest } from '../codecs/call.ts'
import { type Codec, DecodeError, record } from '../codecs/decode.ts'
import { address, bytes } from '../codecs/hex.ts'
import { invalidParams, serverError } from '../errors.ts'
import { fillTransaction } from '../fill-transaction.ts'
import { formatTransaction } from '../format/transaction.ts'
import { type Method, type MethodContext, method, required } from '../method.ts'
import { encodeSigned, encodeUnsigned, type Signature, signingHash } from '../transaction-encoding.ts'

/** What a node signs itself: only for the public development accounts of the devnet, else there are no accounts. */
export const accountMethods: Readonly<Record<string, Method>> = {
  eth_accounts: method([], ({ backend }) => backend.accounts),
  eth_sendTransaction: method([required(transactionRequest)], async (context, request) => {
    const { raw } = await signRequest(context, request)
    const hash = await context.backend.submit(raw)
    context.sent.push(hash)
    return hash
  }),
  eth_signTransaction: method([required(transactionRequest)], async (context, request) => {
    for (const name of ['gas', 'nonce'] as const) if (request[name] === undefined) throw serverError(`${name} not specified`)
    const { raw } = await signRequest(context, request)
    return { raw: toHex(raw), tx: formatTransaction(decodeTransaction(raw)) }
  }),
  eth_fillTransaction: method([required(transactionRequest)], async (context, request) => {
    const filled = await fillTransaction(context, request)
    const raw = encodeUnsigned(filled)
    const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = filled
    const tx = formatTransaction({
      ...filled,
      hash: keccakHex(raw),
      raw,
      gasLimit: filled.gas,
      gasPrice: filled.type <= 1 ? gasPrice : undefined,
      maxFeePerGas,
      maxPriorityFeePerGas,
      authorizationList: filled.type === 4 ? filled.authorizationList : undefined,
      blobVersionedHashes: undefined,
      maxFeePerBlobGas: undefined,
      v: 0n,
      r: 0n,
      s: 0n,
    })
    return { raw: toHex(raw), tx }
  }),
  eth_sign: method([required(address), required(bytes)], (context, account, data) => signMessage(context, account, data)),
  personal_sign: method([required(bytes), required(address)], (context, data, account) => signMessage(context, account, data)),
  eth_signTypedData_v4: method([required(address), required(typedData)], signTypedData),
  eth_signTypedData: method([required(address), required(typedData)], signTypedData),
}

async function sign({ backend }: MethodContext, account: Hex, digest: Uint8Array): Promise<Signature> {
  if (backend.sign === undefined || !backend.accounts.includes(account)) throw serverError('unknown account')
  return backend.sign(account, digest)
}

async function signRequest(context: MethodContext, request: TransactionRequest): Promise<{ readonly raw: Uint8Array }> {
  const { from } = request
  // Before estimating gas: an account that we cannot sign for is the caller's first problem.
  if (from === undefined || !context.backend.accounts.includes(from)) throw serverError('unknown account')
  const filled = await fillTransaction(context, request)
  return { raw: encodeSigned(filled, await sign(context, from, signingHash(filled))) }
}

/** EIP-191, version 0x45. */
async function signMessage(context: MethodContext, account: Hex, data: Hex): Promise<Hex> {
  const message = fromHex(data)
  const prefix = new TextEncoder().encode(`\u0019Ethereum Signed Message:\n${message.length}`)
  return packed(await sign(context, account, keccak256(concatBytes(prefix, message))))
}

/** 65 bytes: r, s, 27 + parity. */
function packed({ r, s, yParity }: Signature): Hex {
  return toHex(concatBytes(bigintToBytes(r, 32), bigintToBytes(s, 32), Uint8Array.of(27 + yParity)))
}

type TypedData = Readonly<Record<string, unknown>>

/** The object, or its JSON as text, as MetaMask takes it. */
function typedData(value: unknown): TypedData {
  const decode: Codec<TypedData> = (data) => {
    const read = record(data, 'apitypes.TypedData')
    for (const member of ['types', 'message']) record(read[member], `apitypes.TypedData.${member}`)
    if (typeof read.primaryType !== 'string') throw new DecodeError('apitypes.TypedData.primaryType is not the name of a type')
    return read
  }
  if (typeof value !== 'string') return decode(value)
  try {
    return decode(JSON.parse(value))
  } catch (error) {
    throw new DecodeError(error instanceof DecodeError ? error.message : 'typed data is neither an object nor JSON')
  }
}

async function signTypedData(context: MethodContext, account: Hex, data: TypedData): Promise<Hex> {
  // Only loaded by devnets that sign typed data.
  const { BaseError, hashTypedData } = await import('viem')
  let digest: Hex
  try {
    // viem checks the value against the types and says what does not fit; what it throws otherwise is about its own code.
    digest = hashTypedData(data as unknown as Parameters<typeof hashTypedData>[0])
  } catch (error) {
    throw invalidParams(`invalid typed data: ${error instanceof BaseError ? error.shortMessage : 'types and message do not fit'}`)
  }
  return packed(await sign(context, account, fromHex(digest)))
}

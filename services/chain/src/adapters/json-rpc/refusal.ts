import { ZerogError } from '@zerog/primitives'
import { type JsonRpcError, serverError } from './errors.ts'
import { checksumAddress } from './format/hex.ts'

/** Whether the executor would not even start a message: its sender, fees, nonce or gas limit do not allow it. */
export function isRefusal(error: unknown): error is ZerogError {
  return error instanceof ZerogError && error.reason === 'TRANSACTION_REFUSED'
}

/** The value; a refusal becomes geth's `err: … (supplied gas …)`. */
export async function orRefusal<T>(work: Promise<T>, gas: bigint): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw isRefusal(error) ? serverError(`err: ${refusalText(error)} (supplied gas ${gas})`) : error
  }
}

/** The machine's words, addresses as geth prints them in texts. */
export function refusalText(error: ZerogError): string {
  return error.message.replace(/\baddress (0x[0-9a-f]{40})\b/g, (_all, address) => `address ${checksumAddress(address)}`)
}

export function estimateRefusal(error: ZerogError, gas: bigint): JsonRpcError {
  return serverError(`failed with ${gas} gas: ${refusalText(error)}`)
}

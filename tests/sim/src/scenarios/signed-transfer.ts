import { decodeTransaction, keccak256, privateKeyAddress, rlpEncode, rlpInteger, signHash, type Transaction } from '@zerog/evm'
import { concatBytes, fromHex, type Hex, toHex } from '@zerog/primitives'

export type Account = { readonly address: Hex; readonly privateKey: Uint8Array }

export type Transfer = {
  readonly nonce: bigint
  readonly tip: bigint
  readonly feeMax: bigint
  readonly value?: bigint
  readonly dataBytes?: number
}

export const SIM_CHAIN_ID = 31_337n
const RECIPIENT = fromHex('0x00000000000000000000000000000000000a11ce')
const TYPE = Uint8Array.of(2)

const accounts = new Map<number, Account>()

/** Account `index` of a simulation; the key is its number. Remembered: deriving an address costs as much as a whole small run. */
export function simAccount(index: number): Account {
  const known = accounts.get(index)
  if (known) return known
  const privateKey = new Uint8Array(32)
  new DataView(privateKey.buffer).setUint32(28, index + 1)
  const account = { privateKey, address: toHex(privateKeyAddress(privateKey)) }
  accounts.set(index, account)
  return account
}

const signed = new Map<string, Transaction>()

/**
 * A type-2 transfer, signed and decoded again as any node would. Remembered, as signing takes longer than everything that a
 * simulated node does with the transaction; scenarios should draw fees and sizes from few values.
 */
export function signedTransfer(account: Account, transfer: Transfer): Transaction {
  const { nonce, tip, feeMax, value = 1n, dataBytes = 0 } = transfer
  const id = [account.address, nonce, tip, feeMax, value, dataBytes].join()
  const known = signed.get(id)
  if (known) return known
  const transaction = sign(account, { nonce, tip, feeMax, value, dataBytes })
  signed.set(id, transaction)
  return transaction
}

function sign({ privateKey }: Account, { nonce, tip, feeMax, value, dataBytes }: Required<Transfer>): Transaction {
  const gasLimit = 21_000n + 40n * BigInt(dataBytes)
  const fields = [
    ...[SIM_CHAIN_ID, nonce, tip, feeMax, gasLimit].map(rlpInteger),
    RECIPIENT,
    rlpInteger(value),
    new Uint8Array(dataBytes).fill(1),
    [],
  ]
  const { r, s, yParity } = signHash(keccak256(concatBytes(TYPE, rlpEncode(fields))), privateKey)
  const raw = concatBytes(TYPE, rlpEncode([...fields, rlpInteger(BigInt(yParity)), rlpInteger(r), rlpInteger(s)]))
  return decodeTransaction(raw, { chainId: SIM_CHAIN_ID })
}

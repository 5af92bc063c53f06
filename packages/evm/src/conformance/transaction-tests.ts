import { fromHex } from '@zerog/primitives'
import { decodeTransaction } from '../codec/transaction.ts'
import { checkBlobs } from '../engine/blobs.ts'
import { intrinsicGas } from '../engine/gas.ts'
import { type Fork, rulesOf } from '../interpreter/rules.ts'
import { INITCODE_BYTES_MAX } from '../limits.ts'
import { hexText, type Json, quantity } from './values.ts'

/** Which transactions a fork takes: what is judged here has few rules, so older forks cost a line each. */
type TransactionRules = {
  readonly typeMax: number
  /** EIP-3860: init code has a price and a limit. */
  readonly initCode: boolean
  readonly fork: Fork
}

export const TRANSACTION_FORKS: Readonly<Record<string, TransactionRules>> = {
  Berlin: { typeMax: 1, initCode: false, fork: 'cancun' },
  London: { typeMax: 2, initCode: false, fork: 'cancun' },
  Paris: { typeMax: 2, initCode: false, fork: 'cancun' },
  Shanghai: { typeMax: 2, initCode: true, fork: 'cancun' },
  Cancun: { typeMax: 3, initCode: true, fork: 'cancun' },
  Prague: { typeMax: 4, initCode: true, fork: 'prague' },
}

/** The bytes decode to this hash, sender and intrinsic gas, or they are refused. */
export function runTransactionCase(test: Json, wanted: Json, rules: TransactionRules): string | undefined {
  const judged = judge(test.txbytes, rules)
  if (wanted.exception !== undefined) return 'refused' in judged ? undefined : `accepted, wanted ${String(wanted.exception)}`
  if ('refused' in judged) return `refused: ${judged.refused}`
  if (judged.hash !== hexText(wanted.hash, 'hash')) return `hash ${judged.hash}, wanted ${String(wanted.hash)}`
  if (judged.sender !== hexText(wanted.sender, 'sender')) return `sender ${judged.sender}, wanted ${String(wanted.sender)}`
  const gas = wanted.intrinsicGas === undefined ? judged.intrinsic : quantity(wanted.intrinsicGas, 'intrinsicGas')
  return gas === judged.intrinsic ? undefined : `intrinsic gas ${judged.intrinsic}, wanted ${gas}`
}

type Judged = { readonly refused: string } | { readonly hash: string; readonly sender: string; readonly intrinsic: bigint }

/** What a pool looks at before any state. */
function judge(txbytes: unknown, { typeMax, initCode, fork }: TransactionRules): Judged {
  try {
    // As it stands: half a byte is no transaction.
    const transaction = decodeTransaction(fromHex(String(txbytes)), { chainId: 1n })
    const { data, to, accessList, authorizationList, gasLimit, blobVersionedHashes: hashes } = transaction
    const bytes = fromHex(data)
    const authorizationCount = authorizationList?.length ?? 0
    const gas = intrinsicGas({ data: bytes, creation: to === null, accessList: accessList ?? [], authorizationCount })
    if (transaction.type > typeMax) return { refused: 'transaction type not supported' }
    if (hashes !== undefined) {
      const blobs = { hashes, maxFeePerGas: transaction.maxFeePerBlobGas ?? 0n }
      const problem = checkBlobs(blobs, { from: transaction.from, to, fork, blobBaseFee: 0n })
      if (problem !== undefined) return { refused: problem.message }
    }
    const free = to === null && !initCode ? 2n * BigInt(Math.ceil(bytes.length / 32)) : 0n
    const intrinsic = gas.intrinsic - free
    if (gasLimit < intrinsic) return { refused: 'intrinsic gas too low' }
    if (rulesOf(fork).floorGas && gasLimit < gas.floor) return { refused: 'insufficient gas for floor data gas cost' }
    if (initCode && to === null && bytes.length > INITCODE_BYTES_MAX) return { refused: 'max initcode size exceeded' }
    return { hash: transaction.hash, sender: transaction.from, intrinsic }
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) }
  }
}

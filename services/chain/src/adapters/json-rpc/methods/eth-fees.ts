import { blockNumber } from '../codecs/block.ts'
import { array, float } from '../codecs/decode.ts'
import { hexOrDecimal } from '../codecs/hex.ts'
import { feeHistory } from '../fee-history.ts'
import { suggestTip } from '../fees.ts'
import { quantity } from '../format/hex.ts'
import { type Method, method, optional, required } from '../method.ts'

/** What a transaction should pay. `eth_gasPrice` and `eth_maxPriorityFeePerGas` are never below what the pool accepts. */
export const ethFeeMethods: Readonly<Record<string, Method>> = {
  eth_gasPrice: method([], ({ backend }) => quantity(backend.nextBaseFee(backend.head()) + suggestTip(backend))),
  eth_maxPriorityFeePerGas: method([], ({ backend }) => quantity(suggestTip(backend))),
  eth_baseFee: method([], ({ backend }) => quantity(backend.nextBaseFee(backend.head()))),
  // Blob transactions are refused, so the fee never leaves EIP-4844's minimum of 1 wei.
  eth_blobBaseFee: method([], () => '0x1'),
  eth_feeHistory: method(
    [required(hexOrDecimal), required(blockNumber), optional(array(float, '[]float64', { lengthMax: 1_000 }))],
    ({ backend, limits }, blockCount, newest, percentiles = []) =>
      feeHistory(backend, { blockCount, newest, percentiles }, limits),
  ),
}

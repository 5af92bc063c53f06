import type { Hex } from 'viem'

/** Where receipts are anchored: their EIP-712 domain. The same on every network; checked against @zerog/contracts by a test. */
export const RECEIPT_ANCHOR: Hex = '0x0600000000000000000000000000000000000304'

/** 0G's InferenceServing: on the devnet where 0G's SDK looks for it, elsewhere at the predeploy address. */
export function inferenceServing(chainId: number): Hex {
  return chainId === 31337 ? '0x0165878a594ca255338adfa4d48449f69242eb8f' : '0x0600000000000000000000000000000000000302'
}

/** Who registered which model. The same on every network; checked by the same test. */
export const MODEL_REGISTRY: Hex = '0x0600000000000000000000000000000000000305'

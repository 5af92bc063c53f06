import type { BlockOverrides, StateOverrides } from '@zerog/evm'
import { blockOverrides, stateOverrides, type TransactionRequest, transactionRequest } from '../codecs/call.ts'
import { array, bool, type Codec, struct } from '../codecs/decode.ts'
import { invalidParams, JsonRpcError } from '../errors.ts'

/** One block of `eth_simulateV1`. */
export type SimulatedBlockRequest = {
  readonly blockOverrides: BlockOverrides
  readonly stateOverrides: StateOverrides
  readonly calls: readonly TransactionRequest[]
}

export type SimulateRequest = {
  readonly blocks: readonly SimulatedBlockRequest[]
  /** Fees, nonces and funds are checked as for a real transaction. */
  readonly validation: boolean
  /** Moved ether shows as logs of ERC-7528's address. */
  readonly traceTransfers: boolean
  readonly returnFullTransactions: boolean
}

/** Codes of the execution-apis for `eth_simulateV1`. */
export const SIMULATE_CODE = {
  nonceTooLow: -38010,
  nonceTooHigh: -38011,
  feeTooLow: -38012,
  intrinsicGas: -38013,
  insufficientFunds: -38014,
  blockGasLimit: -38015,
  numberOrder: -38020,
  timestampOrder: -38021,
  tooManyBlocks: -38026,
  /** A call that failed without reverting; stands inside its result. */
  executionFailed: -32015,
} as const

const LIST_MAX = 100_000

const fields = struct('simOpts', {
  blockStateCalls: array(
    struct('simBlock', {
      blockOverrides,
      stateOverrides,
      calls: array(transactionRequest, '[]ethapi.TransactionArgs', { lengthMax: LIST_MAX }),
    }),
    '[]ethapi.simBlock',
    { lengthMax: LIST_MAX },
  ),
  validation: bool,
  traceTransfers: bool,
  returnFullTransactions: bool,
})

export const simulateRequest: Codec<SimulateRequest> = (value) => {
  const { blockStateCalls = [], validation, traceTransfers, returnFullTransactions } = fields(value)
  return {
    blocks: blockStateCalls.map((block) => ({
      blockOverrides: block.blockOverrides ?? {},
      stateOverrides: block.stateOverrides ?? {},
      calls: block.calls ?? [],
    })),
    validation: validation ?? false,
    traceTransfers: traceTransfers ?? false,
    returnFullTransactions: returnFullTransactions ?? false,
  }
}

/** Blocks without overrides are 12 s apart, as in geth. */
const SECONDS_PER_BLOCK = 12n

/**
 * Gives every block its height and time and fills gaps between heights with empty blocks, so the result is a chain. Throws
 * when heights or times do not grow, or when the chain is too long.
 */
export function planBlocks(
  blocks: readonly SimulatedBlockRequest[],
  options: {
    readonly base: { readonly height: bigint; readonly timestampSeconds: bigint }
    readonly blocksMax: number
    readonly callsMax: number
  },
): readonly (SimulatedBlockRequest & { readonly height: bigint; readonly timestampSeconds: bigint })[] {
  if (blocks.length === 0) throw invalidParams('empty input')
  if (blocks.length > options.blocksMax) throw tooManyBlocks()
  const calls = blocks.reduce((sum, block) => sum + block.calls.length, 0)
  if (calls > options.callsMax) throw invalidParams(`too many calls (max ${options.callsMax})`)
  const planned: (SimulatedBlockRequest & { height: bigint; timestampSeconds: bigint })[] = []
  let { height, timestampSeconds } = options.base
  const append = (block: SimulatedBlockRequest) => {
    height += 1n
    const next = block.blockOverrides.timestampSeconds ?? timestampSeconds + SECONDS_PER_BLOCK
    if (next <= timestampSeconds) {
      throw new JsonRpcError(SIMULATE_CODE.timestampOrder, `block timestamps must be in order: ${next} <= ${timestampSeconds}`)
    }
    timestampSeconds = next
    planned.push({ ...block, height, timestampSeconds })
  }
  for (const block of blocks) {
    const wanted = block.blockOverrides.height ?? height + 1n
    if (wanted <= height) {
      throw new JsonRpcError(SIMULATE_CODE.numberOrder, `block numbers must be in order: ${wanted} <= ${height}`)
    }
    if (wanted - options.base.height > BigInt(options.blocksMax)) throw tooManyBlocks()
    while (height + 1n < wanted) append({ blockOverrides: {}, stateOverrides: {}, calls: [] })
    append(block)
  }
  return planned
}

function tooManyBlocks(): JsonRpcError {
  return new JsonRpcError(SIMULATE_CODE.tooManyBlocks, 'too many blocks')
}

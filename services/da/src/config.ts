import { z } from 'zod'

const milliseconds = (min: number, max: number, value: number) => z.int().min(min).max(max).default(value)
const bytes = (value: number) => z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(value)

/** Target `da-node`: env ZEROG_DA_NODE_<FIELD>. */
export const daNodeConfig = z.strictObject({
  capacityBytes: bytes(64 * 1024 * 1024 * 1024).describe('room that this node offers for rows, bytes'),
  retentionSecondsMax: z
    .int()
    .min(60)
    .max(10 * 365 * 86_400)
    .default(400 * 86_400)
    .describe('bundles that expire later than this from now are refused, seconds'),
  pruneIntervalMs: milliseconds(100, 3_600_000, 60_000).describe('pause between two looks for expired bundles, ms'),
  scrubIntervalMs: milliseconds(1000, 2_592_000_000, 86_400_000).describe(
    'pause between two rounds of reading every stored row back, ms',
  ),
  repairIntervalMs: milliseconds(100, 3_600_000, 10_000).describe('pause between two attempts to refill damaged bundles, ms'),
  keyFile: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'file with the BLS12-381 secret key, 64 hexadecimal digits; null: made once in the data folder (development network: derived)',
    ),
})
export type DaNodeConfig = z.output<typeof daNodeConfig>

/** Target `da-retriever`: env ZEROG_DA_RETRIEVER_<FIELD>. */
export const daRetrieverConfig = z.strictObject({
  hedgeMsMin: milliseconds(1, 10_000, 20).describe('a read never asks further nodes sooner than this, ms'),
  hedgeMsMax: milliseconds(1, 60_000, 1000).describe('a read never waits longer than this before it asks further nodes, ms'),
})
export type DaRetrieverConfig = z.output<typeof daRetrieverConfig>

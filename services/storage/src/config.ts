import { z } from 'zod'

const milliseconds = (min: number, max: number, value: number) => z.int().min(min).max(max).default(value)
const bytes = (value: number) => z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(value)

/** Target `storage-gateway`: env ZEROG_STORAGE_GATEWAY_<FIELD>. */
export const storageGatewayConfig = z.strictObject({
  replicas: z
    .int()
    .min(1)
    .max(16)
    .default(3)
    .describe('storage nodes that get each segment (fewer where fewer exist); a majority of them must acknowledge'),
  flowAddress: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, 'expected 0x and 40 hexadecimal digits')
    .nullable()
    .default(null)
    .describe('flow contract to follow; null: the one of this network'),
  unsubmittedTtlMs: milliseconds(1000, 86_400_000, 300_000).describe(
    'how long segments are kept whose file was not submitted on chain, ms',
  ),
  unsubmittedFileBytesMax: bytes(10 * 1024 * 1024).describe('largest file that may arrive before its submission, bytes'),
  unsubmittedBytesMax: bytes(1024 * 1024 * 1024).describe('all files that arrived before their submission together, bytes'),
  hedgeMs: milliseconds(1, 10_000, 150).describe('a read asks a second replica when the first did not answer in this time, ms'),
  replaceAfterMs: milliseconds(1000, 604_800_000, 600_000).describe(
    'replicas of a node that was silent for so long are rebuilt on another one, ms',
  ),
  nodeRefreshMs: milliseconds(100, 60_000, 2000).describe('how often storage nodes are asked for their state, ms'),
  jobIntervalMs: milliseconds(50, 600_000, 2000).describe('pause between rounds of repair, expiry and finalization, ms'),
  leaseTtlMs: milliseconds(1000, 600_000, 10_000).describe(
    'after this time another gateway takes over the jobs of a dead one, ms',
  ),
  idleCheckpointMs: milliseconds(0, 60_000, 1000).describe(
    'the position on the chain is stored at most this often while nothing is submitted, ms',
  ),
})
export type StorageGatewayConfig = z.output<typeof storageGatewayConfig>

/** Target `storage-node`: env ZEROG_STORAGE_NODE_<FIELD>. */
export const storageNodeConfig = z.strictObject({
  capacityBytes: bytes(64 * 1024 * 1024 * 1024).describe('room that this node offers for segments, bytes'),
  scrubIntervalMs: milliseconds(1000, 2_592_000_000, 86_400_000).describe(
    'pause between two rounds of reading every stored byte back, ms',
  ),
})

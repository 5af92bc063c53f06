import { z } from 'zod'

const milliseconds = (min: number, max: number, value: number) => z.int().min(min).max(max).default(value)
const bytes = (value: number) => z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(value)

/** For every target that calls members. */
const identityDir = z
  .string()
  .nullable()
  .default(null)
  .describe(
    'folder with <target>.crt and <target>.key, shown to members of other installations; null: only members of this one are reached',
  )

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
  identityDir,
  chainRpcUrl: z
    .url({ protocol: /^https?$/ })
    .nullable()
    .default(null)
    .describe('JSON-RPC endpoint where the registry of members is read, for members without a chain service of this network'),
  doorAddress: z.string().min(1).default('0.0.0.0').describe('address of the door for other installations'),
  doorPort: z
    .int()
    .min(0)
    .max(65_535)
    .nullable()
    .default(null)
    .describe('port of the door for other installations, which is registered as host:port; 0 takes a free one, null opens none'),
  doorAuthoritiesFile: z
    .string()
    .nullable()
    .default(null)
    .describe('file with ca.crt of every installation that may call through the door, one after the other'),
})
export type DaNodeConfig = z.output<typeof daNodeConfig>

/** Target `da-retriever`: env ZEROG_DA_RETRIEVER_<FIELD>. */
export const daRetrieverConfig = z.strictObject({
  hedgeMsMin: milliseconds(1, 10_000, 20).describe('a read never asks further nodes sooner than this, ms'),
  hedgeMsMax: milliseconds(1, 60_000, 1000).describe('a read never waits longer than this before it asks further nodes, ms'),
  identityDir,
})

/** Target `da-encoder`: env ZEROG_DA_ENCODER_<FIELD>. */
export const daEncoderConfig = z.strictObject({
  threads: z.int().min(0).max(256).default(0).describe('threads that code bundles; 0: one per core'),
  memoryBytesMax: z
    .int()
    .min(640 * 1024 * 1024)
    .max(Number.MAX_SAFE_INTEGER)
    .default(1024 * 1024 * 1024)
    .describe('rows of bundles that are coded or handed out at once, bytes; the largest bundle needs 545 MiB'),
  identityDir,
})
export type DaEncoderConfig = z.output<typeof daEncoderConfig>

const perMinute = z.int().min(0).max(60_000).default(60)

/** Target `da-disperser`: env ZEROG_DA_DISPERSER_<FIELD>. */
export const daDisperserConfig = z.strictObject({
  identityDir,
  publicAddress: z.string().min(1).default('127.0.0.1').describe("address of the plaintext gRPC server for 0G's clients"),
  publicPort: z
    .int()
    .min(0)
    .max(65_535)
    .nullable()
    .default(51_001)
    .describe("port of the plaintext gRPC server for 0G's clients; 0 takes a free one, null opens none"),
  publicRequestBytesMax: z
    .int()
    .min(32 * 1024 * 1024)
    .max(300 * 1024 * 1024)
    .default(64 * 1024 * 1024)
    .describe("largest request of 0G's clients that is read at all, bytes; blobs above 32,505,852 are refused by name"),
  publicWritesPerMinute: perMinute.describe("blobs per minute and address at 0G's interface, one each 60 s / N; 0: no limit"),
  publicReadsPerMinute: perMinute.describe("status and retrieval calls per minute and address at 0G's interface; 0: no limit"),
  publicUnlimited: z
    .array(z.string().min(1))
    .default([])
    .describe('addresses without that limit: those that contain one of these texts, e.g. 10.1.'),
  blobBytesMax: z
    .int()
    .min(1)
    .max(64 * 1024 * 1024 * 1024)
    .default(1024 * 1024 * 1024)
    .describe('largest blob, bytes; one that does not fit into a bundle is split'),
  bundleBytesMax: z
    .int()
    .min(64 * 1024)
    .max(134_217_723)
    .default(32 * 1024 * 1024)
    .describe("largest bundle with its list, bytes; 0G's clients cannot send blobs that do not fit into one"),
  flushBytes: z
    .int()
    .min(1024)
    .max(134_217_723)
    .default(4 * 1024 * 1024)
    .describe('a bundle leaves as soon as it has so many bytes with its list'),
  flushMs: milliseconds(1, 10_000, 100).describe('a blob waits no longer than this for others, ms'),
  idleMs: milliseconds(0, 1000, 5).describe('while nothing is being coded, a bundle leaves when so long nothing came, ms'),
  codingMax: z.int().min(1).max(64).default(4).describe('bundles that are coded and handed out at once'),
  windowsMax: z
    .int()
    .min(1)
    .max(64)
    .default(2)
    .describe('windows that collect signatures at once; further bundles share the next one'),
  graceMs: milliseconds(0, 10_000, 100).describe('how long a certificate waits for late members before it is submitted, ms'),
  retentionSeconds: z
    .int()
    .min(60)
    .max(10 * 365 * 86_400)
    .default(30 * 86_400)
    .describe('how long members keep rows where the client says nothing, seconds'),
  retentionSecondsMax: z
    .int()
    .min(60)
    .max(10 * 365 * 86_400)
    .default(366 * 86_400)
    .describe('longest retention that is accepted, seconds'),
  retryFirstMs: milliseconds(10, 60_000, 250).describe('first pause before a bundle without two thirds is tried again, ms'),
  retryMaxMs: milliseconds(10, 600_000, 15_000).describe('longest such pause, ms'),
  giveUpMs: milliseconds(1000, 86_400_000, 900_000).describe('a bundle that finds no two thirds for so long is given up, ms'),
  refillsMax: z
    .int()
    .min(0)
    .max(20)
    .default(4)
    .describe('how often members that missed rows of a certified bundle get them again'),
  refillFirstMs: milliseconds(10, 3_600_000, 5000).describe('pause before the first such refill, doubled each time, ms'),
  hotMs: milliseconds(0, 86_400_000, 600_000).describe(
    'how long blob bytes are kept after their bundle is final, for refills, ms',
  ),
  forgetIntervalMs: milliseconds(50, 3_600_000, 10_000).describe(
    'pause between two rounds of forgetting bytes and counting blobs, ms',
  ),
  leaseTtlMs: milliseconds(500, 600_000, 5000).describe(
    'after this time another process takes over the work of a dead one of the same ordinal or account, ms',
  ),
  accountKeyFile: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'file with the private key that pays for certificates, 64 hexadecimal digits; null on the development network: derived',
    ),
  tipWei: z.int().min(0).max(1_000_000_000_000).default(1_000_000_000).describe('tip per gas of certificate transactions, wei'),
  epochKeeper: z
    .boolean()
    .default(true)
    .describe('begin the next epoch of the committee when the present one is over; one process at a time does, by a lease'),
  epochCheckMs: milliseconds(50, 3_600_000, 5000).describe('pause between two looks whether the epoch is over, ms'),
  heightFirst: z.int().min(0).default(0).describe('first block that is searched for certificates of this installation'),
})
export type DaDisperserConfig = z.output<typeof daDisperserConfig>

import { z } from 'zod'
import { DRAIN_TIMEOUT_MS } from '../limits.ts'

const port = z.int().min(0).max(65_535).nullable()
const hostPort = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$/, 'expected host:port')
const targetName = z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected a target name, e.g. chain-validator')

/** Fields that every target has beside its own. */
export const baseConfig = z.strictObject({
  network: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/)
    .default('devnet')
    .describe('name of the installation: the trust domain of its certificates, spiffe://<network>/<target>'),
  chainId: z.int().min(1).default(31_337).describe('chain id of the network; 31337 is the development network'),
  instance: z.int().min(0).max(9_999).default(0).describe('ordinal of this replica of the target'),
  dataDir: z.string().min(1).default('.zerog/data').describe('folder of all targets; each uses <dataDir>/<target>-<instance>'),
  tlsDir: z.string().min(1).default('.zerog/tls').describe('folder with ca.crt, <target>.crt and <target>.key'),
  grpcAddress: z.string().min(1).default('127.0.0.1').describe('address that the gRPC server listens on'),
  grpcPort: port.default(null).describe('port of the gRPC server; 0 takes a free one, null opens none'),
  adminAddress: z.string().min(1).default('127.0.0.1').describe('address of /livez, /readyz and /metrics'),
  adminPort: port.default(null).describe('port of /livez, /readyz and /metrics; 0 takes a free one, null opens none'),
  logLevel: z.enum(['error', 'warn', 'info', 'debug']).default('info').describe('least severe log line that is written'),
  peers: z
    .record(targetName, z.array(hostPort))
    .default({})
    .describe(
      'gRPC addresses of targets in other processes, by target; in the environment: target=host:port,host:port;target=...',
    ),
  chainTargets: z
    .array(targetName)
    .min(1)
    .default(['chain-rpc', 'chain-validator'])
    .describe('targets that are asked for finalized blocks; the first one that is known is used'),
  postgresUrl: z
    .string()
    .nullable()
    .default(null)
    .meta({ secret: true })
    .describe('postgresql:// URL; null where the target runs without SQL'),
  natsUrl: z.string().nullable().default(null).meta({ secret: true }).describe('nats:// URL; null uses the bus in PostgreSQL'),
  natsReplicas: z.int().min(1).max(5).default(1).describe('copies of each stream in NATS; production needs 3'),
  redisUrl: z.string().nullable().default(null).meta({ secret: true }).describe('redis:// URL; null caches in memory'),
  otlpEndpoint: z
    .url()
    .nullable()
    .default(null)
    .describe('OTLP/HTTP collector for traces, e.g. http://collector:4318; null exports none'),
  drainTimeoutMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(DRAIN_TIMEOUT_MS)
    .describe('time for what runs to finish after a stop was asked for, ms'),
  stopTimeoutMs: z.int().min(0).max(600_000).default(10_000).describe('time for flushing and closing after drain, ms'),
  dependencyTimeoutMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(60_000)
    .describe('time to wait at start for targets in other processes that this one depends on, ms'),
})

export type BaseConfig = z.output<typeof baseConfig>

import { z } from 'zod'

/** Target `gateway`: env ZEROG_GATEWAY_<FIELD>. */
export const gatewayConfig = z.strictObject({
  host: z
    .string()
    .default('127.0.0.1')
    .describe('address that the public face listens on; a devnet never listens beyond loopback'),
  port: z.int().min(0).max(65_535).default(8545).describe('port of the public face; 0 takes a free one'),
  publicUrl: z
    .string()
    .default('')
    .describe('URL under which clients reach this gateway when a proxy stands before it; empty: host and port'),
  rpcBodyBytesMax: z
    .int()
    .min(1_024)
    .max(104_857_600)
    .default(5_242_880)
    .describe('largest JSON-RPC body or WebSocket frame, bytes'),
  storageBodyBytesMax: z
    .int()
    .min(1_024)
    .max(268_435_456)
    .default(104_857_600)
    .describe('largest body at the storage faces, bytes'),
  requestTimeoutMs: z.int().min(100).max(600_000).default(30_000).describe('time for one JSON-RPC body, ms'),
  requestsPerConnectionMax: z
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .describe('requests that run at once on one HTTP connection (pipelining)'),
  // A file of 4 GiB is 16,384 parallel posts of 0G's SDK, each on a connection of its own; the rest is for everybody else.
  connectionsMax: z.int().min(1).max(100_000).default(20_000).describe('open connections, HTTP and WebSocket together'),
  webSocketsMax: z.int().min(1).max(100_000).default(2_000).describe('open WebSockets'),
  rateLimitPerSecond: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe('requests per second and client address, counted over all gateways; 0 is no limit'),
  trustProxy: z.boolean().default(false).describe('take the client address from X-Forwarded-For'),
  corsOrigins: z.string().default('*').describe('origins that browsers may call from, comma separated, or *'),
  computeRouterUrl: z
    .string()
    .default('')
    .describe('compute router behind /v1 (OpenAI-compatible), e.g. http://compute-router:8565; empty: no such face'),
  heightStamping: z
    .boolean()
    .default(true)
    .describe('heights of replies never decrease; only a chain-only devnet, where evm_revert goes back, turns it off'),
})

export type GatewayConfig = z.output<typeof gatewayConfig>

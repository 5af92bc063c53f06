export type { BlobStore } from './blob-store.ts'
export type { Bus, BusDelivery, BusMessage, SubscribeOptions, Subscription } from './bus.ts'
export type { Cache } from './cache.ts'
export type { ChainClient, ChainLog, FinalizedBlock, LogFilter } from './chain-client.ts'
export type { Cancel, Clock } from './clock.ts'
export type { Kv, KvRange, KvWrite } from './kv.ts'
export type { Lease, Leases } from './lease.ts'
export type { LogFields, Logger } from './logger.ts'
export type { Counter, Gauge, Histogram, InstrumentOptions, Labels, Meter } from './meter.ts'
export type { Random } from './random.ts'
export type {
  CallContext,
  CallOptions,
  Client,
  Endpoint,
  Handler,
  MessageCodec,
  RequestOf,
  ResponseOf,
  Rpc,
  RpcMethod,
  RpcService,
} from './rpc.ts'
export type { Migration, Sql, SqlSession, SqlValue } from './sql.ts'
export type { TraceScope, Traces } from './traces.ts'

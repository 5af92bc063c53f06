import { z } from 'zod'

const milliseconds = (min: number, max: number, value: number) => z.int().min(min).max(max).default(value)

/** Target `compute-broker`: env ZEROG_COMPUTE_BROKER_<FIELD>. */
export const computeBrokerConfig = z.strictObject({
  host: z.string().default('127.0.0.1').describe('address that the HTTP face listens on'),
  port: z.int().min(0).max(65_535).default(8555).describe('port of the HTTP face; 0 takes a free one'),
  workerRefreshMs: milliseconds(50, 60_000, 1000).describe('how often the worker is asked which models it has, ms'),
})
export type ComputeBrokerConfig = z.output<typeof computeBrokerConfig>

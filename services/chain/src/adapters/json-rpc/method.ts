import type { Clock } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { type Codec, DecodeError } from './codecs/decode.ts'
import { invalidParams } from './errors.ts'
import type { Filters } from './filters.ts'
import type { JsonRpcLimits } from './limits.ts'
import type { Subscriptions } from './subscriptions.ts'

/** What a method may use. */
export type MethodContext = {
  readonly backend: ChainBackend
  readonly limits: JsonRpcLimits
  readonly clock: Clock
  readonly filters: Filters
  /** Hashes that this body put into the pool, in order. */
  readonly sent: Hex[]
  /** Aborts when the time is over or the caller is gone. */
  readonly signal: AbortSignal
  /** Only on a WebSocket connection. */
  readonly subscriptions: Subscriptions | undefined
}

/** A JSON-RPC method: its parameters decoded, then run. The result is a JSON value without bigint. */
export type Method = (context: MethodContext, params: unknown) => unknown

/** The same method for consecutive requests of one batch, where doing them together is cheaper. One outcome for each, in order. */
export type ManyMethod = (context: MethodContext, params: readonly unknown[]) => Promise<readonly Outcome[]>
export type Outcome = { readonly result: unknown } | { readonly error: unknown }

export type Param<T> = { readonly decode: Codec<T>; readonly required: boolean; readonly fallback: T | undefined }

export function required<T>(decode: Codec<T>): Param<T> {
  return { decode, required: true, fallback: undefined }
}

export function optional<T>(decode: Codec<T>): Param<T | undefined>
export function optional<T>(decode: Codec<T>, fallback: T): Param<T>
export function optional<T>(decode: Codec<T>, fallback?: T): Param<T | undefined> {
  return { decode, required: false, fallback }
}

type Values<P extends readonly Param<any>[]> = { readonly [K in keyof P]: P[K] extends Param<infer T> ? T : never }

/** A method by its positional parameters, e.g. `method([required(address)], (context, address) => …)`. */
export function method<const P extends readonly Param<any>[]>(
  params: P,
  run: (context: MethodContext, ...args: Values<P>) => unknown,
): Method {
  return (context, given) => run(context, ...decodeParams(params, given))
}

/** The decoded parameters of a method, for those that take many requests at once. Throws what a single request is refused with. */
export function decodeParams<P extends readonly Param<any>[]>(params: P, given: unknown): Values<P> {
  const values = given === undefined || given === null ? [] : given
  if (!Array.isArray(values)) throw invalidParams('non-array args')
  if (values.length > params.length) throw invalidParams(`too many arguments, want at most ${params.length}`)
  // Built in the order and with the types of `params`.
  return params.map((param, index) => decodeParam(param, values[index], index)) as unknown as Values<P>
}

function decodeParam<T>(param: Param<T>, value: unknown, index: number): T {
  if (value === undefined || value === null) {
    if (param.required) throw invalidParams(`missing value for required argument ${index}`)
    return param.fallback as T
  }
  try {
    return param.decode(value)
  } catch (error) {
    if (error instanceof DecodeError) throw invalidParams(`invalid argument ${index}: ${error.message}`)
    throw error
  }
}

import type { TracerConfig } from '@zerog/evm'
import { serverError } from '../errors.ts'
import { blockOverrides, stateOverrides } from './call.ts'
import { bool, type Codec, struct, text } from './decode.ts'

const fields = struct('TraceConfig', {
  tracer: text,
  tracerConfig: (value: unknown) => value,
  timeout: text,
  limit: (value: unknown) => (typeof value === 'number' && value > 0 ? Math.floor(value) : undefined),
  enableMemory: bool,
  disableStack: bool,
  disableStorage: bool,
  enableReturnData: bool,
  stateOverrides,
  blockOverrides,
})

const callTracerFields = struct('callTracerConfig', { onlyTopCall: bool, withLog: bool })
const prestateTracerFields = struct('prestateTracerConfig', { diffMode: bool })

export type TraceRequest = {
  readonly config: TracerConfig
  readonly overrides: Pick<ReturnType<typeof fields>, 'stateOverrides' | 'blockOverrides'>
}

/** geth's TraceConfig and TraceCallConfig. Tracers written in JavaScript are not run: they are the caller's code. */
export function traceRequest(options: { readonly stepsMax: number }): Codec<TraceRequest> {
  return (value) => {
    const { tracer, tracerConfig, stateOverrides, blockOverrides, ...rest } = fields(value)
    const overrides = {
      ...(stateOverrides === undefined ? {} : { stateOverrides }),
      ...(blockOverrides === undefined ? {} : { blockOverrides }),
    }
    return { config: tracerOf(tracer, tracerConfig, { ...rest, stepsMax: options.stepsMax }), overrides }
  }
}

/** What `debug_trace*` does when it is not told otherwise. */
export function defaultTrace(options: { readonly stepsMax: number }): TraceRequest {
  return traceRequest(options)({})
}

type StructLoggerFields = Omit<ReturnType<typeof fields>, 'tracer' | 'tracerConfig'> & { readonly stepsMax: number }

function tracerOf(tracer: string | undefined, config: unknown, logger: StructLoggerFields): TracerConfig {
  switch (tracer) {
    case undefined:
    case '':
    case 'structLogger':
      return {
        tracer: 'structLogger',
        enableMemory: logger.enableMemory ?? false,
        disableStack: logger.disableStack ?? false,
        disableStorage: logger.disableStorage ?? false,
        enableReturnData: logger.enableReturnData ?? false,
        limit: Math.min(logger.limit ?? logger.stepsMax, logger.stepsMax),
      }
    case 'callTracer': {
      const { onlyTopCall, withLog } = callTracerFields(config ?? {})
      return { tracer, onlyTopCall: onlyTopCall ?? false, withLog: withLog ?? false }
    }
    case 'prestateTracer':
      return { tracer, diffMode: prestateTracerFields(config ?? {}).diffMode ?? false }
    case '4byteTracer':
    case 'noopTracer':
      return { tracer }
    default:
      throw serverError('tracer not found: callTracer, prestateTracer, 4byteTracer, noopTracer and the struct logger exist')
  }
}

import type { Engine } from '../engine/engine.ts'
import type { Applied, MessageRequest } from '../engine/transition.ts'
import type { BlockEnvironment, TracerConfig } from '../executor.ts'
import { createCallTracer } from './call-tracer.ts'
import { createFourByteTracer } from './four-byte-tracer.ts'
import type { Hooks } from './hooks.ts'
import { createPrestateTracer } from './prestate-tracer.ts'
import { createStructLogger } from './struct-logger.ts'

/** Hears one transaction and then says what geth would print. */
export type Tracer = { readonly hooks: Hooks; readonly result: (applied: Applied) => unknown }

export type TracedRun = { readonly message: MessageRequest; readonly environment: BlockEnvironment; readonly logIndex: number }

/** Attaches the tracer of a configuration to an engine on which the message is about to run. */
export function createTracer(
  engine: Engine,
  run: TracedRun,
  config: TracerConfig,
): { readonly result: (applied: Applied) => unknown; readonly detach: () => void } {
  const { hooks, result } = select(engine, run, config)
  return { result, detach: engine.listen(hooks) }
}

function select(engine: Engine, run: TracedRun, config: TracerConfig): Tracer {
  switch (config.tracer) {
    case 'callTracer':
      return createCallTracer(config, run)
    case 'prestateTracer':
      return createPrestateTracer(config, { ...run, engine })
    case 'structLogger':
      return createStructLogger(config, engine)
    case '4byteTracer':
      return createFourByteTracer(engine)
    case 'noopTracer':
      return { hooks: {}, result: () => ({}) }
  }
}

import type { Engine } from '../engine/engine.ts'
import type { Applied } from '../engine/transition.ts'
import type { TracerConfig } from '../executor.ts'

export function createTracer(
  _engine: Engine,
  _run: unknown,
  _config: TracerConfig,
): { result(applied: Applied): unknown; detach(): void } {
  throw new Error('next')
}

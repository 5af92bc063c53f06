import type { Engine } from '../engine/engine.ts'
import type { FrameStart } from './hooks.ts'
import type { Tracer } from './tracer.ts'

/** geth's 4byteTracer: how often each selector was called with how many bytes of arguments. Precompiles do not count. */
export function createFourByteTracer(engine: Engine): Tracer {
  const counts: Record<string, number> = {}
  const enter = ({ type, to, input }: FrameStart): void => {
    if (input.length < 4 || to === undefined || type.startsWith('CREATE') || type === 'SELFDESTRUCT') return
    if (engine.isPrecompile(to)) return
    const name = `0x${Buffer.from(input.subarray(0, 4)).toString('hex')}-${input.length - 4}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return { hooks: { enter }, result: () => counts }
}

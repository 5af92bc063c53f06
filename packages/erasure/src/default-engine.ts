import type { Engine } from './engine.ts'
import { createKernelEngine } from './kernel-engine.ts'

let made: Engine | undefined

/** The fastest engine of this host, one per thread, made at the first use (some milliseconds). */
export function defaultEngine(): Engine {
  made ??= createKernelEngine()
  return made
}

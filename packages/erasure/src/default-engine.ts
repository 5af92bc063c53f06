import type { Engine } from './engine.ts'
import { plainEngine } from './plain.ts'

/** The fastest engine of this host. */
export function defaultEngine(): Engine {
  return plainEngine
}

import type { Engine, EngineName, EngineOptions } from './engine.ts'
import { createEthereumjsEngine } from './ethereumjs-engine.ts'

export function createEngine(_name: EngineName, options: EngineOptions): Engine {
  return createEthereumjsEngine(options)
}

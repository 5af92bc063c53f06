import type { Engine, EngineName, EngineOptions } from './engine.ts'
import { createEthereumjsEngine } from './ethereumjs-engine.ts'
import { createZerogEngine } from './zerog-engine.ts'

export function createEngine(name: EngineName, options: EngineOptions): Engine {
  return name === 'zerog' ? createZerogEngine(options) : createEthereumjsEngine(options)
}

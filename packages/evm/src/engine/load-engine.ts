import type { EngineFactory, EngineName } from './engine.ts'
import { createZerogEngine } from './zerog-engine.ts'

/** The code of @ethereumjs/evm takes tens of megabytes, which only a process that asks for it pays. */
export async function loadEngine(name: EngineName): Promise<EngineFactory> {
  if (name === 'zerog') return createZerogEngine
  const { createEthereumjsEngine } = await import('./ethereumjs-engine.ts')
  return createEthereumjsEngine
}

import type { ChainExecutor } from '../create-executor.ts'
import type { VerifiedExecutor, VerifiedExecutorOptions } from './verified-executor.ts'

/** Wraps an executor so that `@ethereumjs/vm` checks each of its blocks. The library is loaded here and nowhere else. */
export async function verifyWithEthereumjs(executor: ChainExecutor, options: VerifiedExecutorOptions): Promise<VerifiedExecutor> {
  const { createVerifiedExecutor } = await import('./verified-executor.ts')
  return createVerifiedExecutor(executor, options)
}

import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { ModelEntry } from '../../config.ts'

/** The model that comes with the house (docs/inference.md). */
const SHIPPED = new URL('../../../../../models/zerog-assistant.zim', import.meta.url)

/** What a worker runs that was told nothing: the shipped model where it is there, else nothing. */
export async function shippedModels(): Promise<readonly ModelEntry[]> {
  const path = fileURLToPath(SHIPPED)
  const there = await stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  )
  return there ? [{ engine: 'integer', path, threads: 1, sequences: 16 }] : []
}

import type { ModelEntry } from '../../config.ts'

/** The model that comes with the house, where it is there. */
export async function shippedModels(): Promise<readonly ModelEntry[]> {
  return []
}

import { referenceHasher, type TreeHasher } from '@zerog/primitives'

/** The hasher of this process. */
export async function createTreeHasher(): Promise<TreeHasher> {
  return referenceHasher
}

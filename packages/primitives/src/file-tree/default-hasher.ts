import { referenceHasher, type TreeHasher } from './hasher.ts'

/** The fastest hasher that is available synchronously. */
export const defaultHasher: TreeHasher = referenceHasher

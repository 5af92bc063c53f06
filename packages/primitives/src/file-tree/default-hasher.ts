import { keccakTreeHasher } from '@zerog/kernels'
import type { TreeHasher } from './hasher.ts'

/** The WebAssembly kernel; `referenceHasher` is its oracle. */
export const defaultHasher: TreeHasher = keccakTreeHasher

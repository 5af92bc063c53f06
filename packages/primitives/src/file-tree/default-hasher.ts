import { keccakTreeHasher } from '@zerog/kernels'
import type { TreeHasher } from './hasher.ts'

/** The WebAssembly kernel; `referenceHasher` is its oracle. */
export const defaultHasher: TreeHasher = keccakTreeHasher

/** Keccak-256 as Ethereum and 0G use it, 32 bytes. */
export const keccak256 = defaultHasher.keccak256

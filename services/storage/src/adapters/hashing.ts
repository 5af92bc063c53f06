import { keccakTreeHasher } from '@zerog/kernels'
import { createKeccakPool, type KeccakPool } from '@zerog/kernels/pool'
import type { TreeHasher } from '@zerog/primitives'
import { type SegmentChecker, segmentChecker } from '../app/verify.ts'

export type Hashing = { readonly hasher: TreeHasher; readonly check: SegmentChecker; close(): Promise<void> }

/** One pool per process, also where several targets share it: its threads are as many as there are cores. */
let shared: KeccakPool | undefined
let users = 0

/** Full segments are hashed on threads, the rest (the ends of files, proofs) here. The last user to close ends the threads. */
export function openHashing(): Hashing {
  shared ??= createKeccakPool()
  const pool = shared
  users++
  return {
    hasher: keccakTreeHasher,
    check: segmentChecker({ hasher: keccakTreeHasher, fullSegmentRoot: (data) => pool.segmentRoots(data) }),
    async close() {
      if (--users > 0) return
      shared = undefined
      await pool.close()
    },
  }
}

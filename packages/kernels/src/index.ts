export { createErasureKernel, type ErasureKernel, type ErasureTables, type PlacedRow, type RestoreJob } from './erasure.ts'
export { keccak256, keccakTreeHasher, subtreeRoot } from './keccak.ts'
export { sha256 } from './sha256.ts'
export { sha256Counters, sha256Tree, TREE_LEAVES_MAX } from './sha256-batch.ts'

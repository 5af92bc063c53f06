export { createErasureKernel, type ErasureKernel, type ErasureTables, type PlacedRow, type RestoreJob } from './erasure.ts'
export { KECCAK_SCRATCH_BYTES, type KeccakScratch, keccak256, keccakScratch, keccakTreeHasher, subtreeRoot } from './keccak.ts'
export { sha256 } from './sha256.ts'
export { sha256Counters, sha256Tree, TREE_LEAVES_MAX } from './sha256-batch.ts'

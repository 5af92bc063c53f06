export { keccak256, keccakTreeHasher, subtreeRoot } from './keccak.ts'
export { sha256 } from './sha256.ts'

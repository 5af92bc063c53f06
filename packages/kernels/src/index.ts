export { keccak256, keccakTreeHasher, subtreeRoot } from './keccak.ts'

export { decodeCertificate } from '../simplex/encoding.ts'
export { decodeValidatorSet, encodeValidatorSet } from '../validator-set.ts'
export { type LightHeader, readHeader } from './header.ts'
export {
  advance,
  epochOf,
  type FinalityProof,
  hashOfSet,
  type LightClientDeps,
  type LightClientNetwork,
  type TrustedState,
  trustBlock,
  trustSet,
  verifyFinality,
} from './light-client.ts'
export {
  type ProofResponse,
  type ProvenAccount,
  readAccount,
  readStorage,
  verifyAccount,
  verifyProofResponse,
  verifyStorage,
} from './state-proof.ts'

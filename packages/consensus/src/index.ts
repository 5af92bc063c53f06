export { possessionMessage, provePossession, verifyPossession } from './possession.ts'
export {
  type Bls,
  genesisRandomness,
  type LeaderSlot,
  leaderMessage,
  nextRandomness,
  type Sha256,
  verifyRandomness,
} from './randomness.ts'
export {
  assembleCertificate,
  type Committee,
  createCommittee,
  isQuorum,
  type Multisignature,
  stakeOf,
  type Validator,
  verifyCertificate,
  verifyVote,
} from './simplex/committee.ts'
export { decodeCertificate, encodeCertificate, type VotingContext, voteMessage } from './simplex/encoding.ts'
export { REQUEST_BLOCKS_MAX, RESPONSE_BLOCKS_MAX, VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX } from './simplex/limits.ts'
export { leaderSchedule } from './simplex/schedule.ts'
export { createVoterState, type Timeouts, type VoterConfig, type VoterState } from './simplex/state.ts'
export * from './simplex/types.ts'
export { type Restored, restore, step } from './simplex/voter.ts'
export { decodeValidatorSet, encodeValidatorSet, validatorSetHash } from './validator-set.ts'

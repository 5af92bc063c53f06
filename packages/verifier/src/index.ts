export { auditBatch, type BatchAudit, type BatchFacts, compareBatch, type Difference, type UserAudit } from './audit.ts'
export {
  type AvailabilityPart,
  type BatchPart,
  type BlockPart,
  decodeEvidence,
  type EpochStep,
  EVIDENCE_VERSION,
  type Evidence,
  encodeEvidence,
  type ReceiptPart,
  type Row,
  type ValidatorsPart,
} from './bundle.ts'
export { type AskedAccount, DA_EPOCHS_SLOT, type FactQuestion, factPlan, packNodes } from './facts.ts'
export { type FoundClaim, findClaim } from './find-claim.ts'
export { EVIDENCE_BYTES_MAX } from './limits.ts'
export { decodeLineage, encodeLineage, type Lineage, lineageHash } from './lineage.ts'
export { LINK_NAMES, type Link, type LinkName, type LinkState } from './link.ts'
export { claimRanges, rowsOf } from './places.ts'
export { type EvidenceContracts, type Trust, trustOf } from './trust.ts'
export { type Verdict, type VerifyOptions, verifyBundle } from './verify.ts'
export { type EvidenceTrust, type TrustedVerdict, verifyEvidence } from './verify-evidence.ts'

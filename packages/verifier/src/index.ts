export { auditBatch, type BatchAudit, type BatchFacts, compareBatch, type Difference, type UserAudit } from './audit.ts'
export { type AnsweredReceipt, attachAnswer, buildEvidence } from './build.ts'
export {
  type BatchPart,
  decodeEvidence,
  EVIDENCE_VERSION,
  type Evidence,
  encodeEvidence,
  type ReceiptPart,
} from './bundle.ts'
export { type AskedAccount, DA_EPOCHS_SLOT, epochSlot, type FactQuestion, factPlan, packNodes } from './facts.ts'
export { type ClaimFinder, type FoundClaim, findClaim, openBatch } from './find-claim.ts'
export { EVIDENCE_BYTES_MAX } from './limits.ts'
export { decodeLineage, encodeLineage, type Lineage, lineageHash } from './lineage.ts'
export { LINK_NAMES, type Link, type LinkName, type LinkState } from './link.ts'
export { readCommitteeCode, readCommitteeHead, type StoredCommittee } from './links/committee.ts'
export { type BatchMaterial, decodeMaterial, encodeMaterial } from './material.ts'
export type { AvailabilityPart, BlockPart, CertifiedPart, EpochStep, Row, ValidatorsPart } from './parts.ts'
export { batchRanges, type ClaimPlace, claimRanges, listRanges, placeOfBlob, rowsOf } from './places.ts'
export { type EvidenceContracts, type Trust, trustOf } from './trust.ts'
export { type Verdict, type VerifyOptions, verifyBundle } from './verify.ts'
export { type EvidenceTrust, type TrustedVerdict, verifyEvidence } from './verify-evidence.ts'

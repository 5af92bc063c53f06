export {
  type Batch,
  type BatchOwner,
  type BatchTree,
  createBatchTree,
  foldUserTotal,
  type UserClaims,
  type UserTotal,
} from './batch.ts'
export { decodeBatch, encodeBatch } from './batch-codec.ts'
export { type Domain, domainSeparator, hashStruct, typedDigest, typeHash } from './eip712.ts'
export { BATCH_LEAVES_MAX, BATCH_USERS_MAX, SUM_MAX, USER_LEAVES_MAX } from './limits.ts'
export { canonicalParams, paramsHash, type SamplingParams } from './params.ts'
export { decodeSumProof, encodeSumProof } from './proof-codec.ts'
export {
  checkReceipt,
  type InferenceReceipt,
  isReceiptMode,
  RECEIPT_FIELDS,
  RECEIPT_MODES,
  RECEIPT_TYPE,
  RECEIPT_TYPE_HASH,
  type ReceiptMode,
  receiptDomain,
  receiptHash,
  receiptStructHash,
  recoverReceiptSigner,
  signReceipt,
} from './receipt.ts'
export {
  decodeReceipt,
  decodeSignedReceipt,
  encodedReceiptHash,
  encodeReceipt,
  encodeSignedReceipt,
  RECEIPT_BYTES,
  type SignedReceipt,
} from './receipt-codec.ts'
export {
  recoverSettlementSigner,
  SETTLEMENT_TYPE_HASH,
  type Settlement,
  settlementDigest,
  settlementDomain,
  signSettlement,
} from './settlement.ts'
export { addressOfKey, recoverSigner, SIGNATURE_BYTES, signDigest } from './signature.ts'
export { type SignerStatement, signerStatementDigest, signSignerStatement } from './signer-statement.ts'
export {
  type AnchorEntry,
  anchorSlots,
  EVIDENCE_SLOTS,
  type ModelEntry,
  modelSlots,
  readAnchor,
  readModel,
  readSettlement,
  readSigner,
  type SettlementEntry,
  type SignerEntry,
  settlementSlots,
  signerSlot,
} from './slots.ts'
export type { SumNode, SumProof } from './sum-tree.ts'
export { tokenIdsRoot, traceRoot } from './trace.ts'
export {
  type ClaimKind,
  type ClaimLeaf,
  createUserTree,
  foldClaim,
  receiptCommitment,
  SALT_BYTES,
  type UserTree,
} from './user-tree.ts'

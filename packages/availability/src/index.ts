export { type Assignment, assignmentSeed, assignRows, dealCounts } from './assignment.ts'
export {
  type BlobEntry,
  type BundledBlob,
  buildBundle,
  bundleBytesOf,
  bundleList,
  checkBlob,
  cutBlob,
  type ListedBlob,
  listBytesOf,
  parseBundle,
  parseBundleList,
  readBlobCount,
} from './bundle.ts'
export {
  bitmapOf,
  type Certificate,
  decodeCertificate,
  encodeCertificate,
  signersOf,
  verifyCertificate,
  verifyMembership,
} from './certificate.ts'
export { certify, findInvalid, type Signatures } from './collect.ts'
export {
  type Committee,
  type CommitteeParts,
  committeeRoot,
  committeeRows,
  createCommittee,
  encodeMember,
  type Member,
  reachesThreshold,
  stakeOf,
} from './committee.ts'
export { compressKey, possessionMessage } from './key.ts'
export {
  BINDING_SECONDS_MAX,
  BLOBS_MAX,
  BUNDLE_PAYLOAD_BYTES_MAX,
  KEY_BYTES,
  MEMBERS_MAX,
  ROWS_CHECKED,
  SIGNATURE_BYTES,
  WINDOW_BUNDLES_MAX,
} from './limits.ts'
export { permutation, permute } from './permutation.ts'
export { type MemberPlace, placeOf } from './place.ts'
export { quorumIdOf, splitQuorumId } from './quorum-id.ts'
export type { Check } from './refusal.ts'
export {
  clientsFooledMax,
  encodingMissProbability,
  type Rows,
  sampleRows,
  samplesFor,
  withholdingMissProbability,
} from './sampling.ts'
export {
  checkStatement,
  createWindow,
  foldWindowPath,
  hashStatement,
  type Statement,
  type Window,
  windowMessage,
  windowPath,
  windowRootOf,
} from './statement.ts'
export { checkTlsBinding, type TlsBinding, tlsBindingMessage, tlsBindingName, tlsBindingOf } from './tls-binding.ts'

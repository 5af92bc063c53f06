export { createZerogClient, type ZerogActions, type ZerogClient, zerogActions } from './actions.ts'
export {
  type ChainStatus,
  callContract,
  getBalance,
  getBlock,
  getChainStatus,
  getLogs,
  getNonce,
  getReceipt,
  getTransaction,
} from './chain/read.ts'
export { addressOf, type SendOptions, type Sent, sendTransaction, waitForReceipt } from './chain/send.ts'
export { type ClientOptions, type Context, createContext, type Signer } from './client.ts'
export type { ComputeOptions } from './compute/api.ts'
export { type ChatAnswer, type ChatRequest, chat } from './compute/chat.ts'
export {
  type ComputeModel,
  type ComputeProvider,
  type ComputeSpend,
  type CreatedKey,
  createKey,
  getInferenceReceipt,
  getKeyBalance,
  type KeyBalance,
  listKeys,
  listModels,
  listProviders,
  listUsage,
  revokeKey,
  type StoredReceipt,
} from './compute/read.ts'
export { type VerifiedAnswer, verifyAnswer } from './compute/verify.ts'
export {
  type DaSource,
  type DisperseOptions,
  disperse,
  getBlob,
  getCertificate,
  getCommittee,
  quote,
  retrieve,
  waitForBlob,
} from './da/blobs.ts'
export type {
  DaBlob,
  DaBlobState,
  DaBundle,
  DaBundleRef,
  DaCertificate,
  DaCommittee,
  DaMember,
  DaPart,
  DaQuote,
} from './da/types.ts'
export { ZerogError } from './errors.ts'
export { type EvidenceOptions, getEvidence } from './evidence/get.ts'
export { getLineage, type Lineage, type LineageOptions } from './evidence/lineage.ts'
export type { LineageEdge, LineageNode } from './evidence/lineage-graph.ts'
export { type Endpoints, gatewayEndpoints, NETWORKS, type Network, zerogChain } from './networks.ts'
export { type DownloadOptions, download, downloadBytes, stat } from './storage/download.ts'
export { fileRoot } from './storage/hash.ts'
export { type FileInfo, getFileInfo, getNodeStatus, type NodeStatus } from './storage/node-api.ts'
export type { Source } from './storage/source.ts'
export {
  estimateUpload,
  type Uploaded,
  type UploadOptions,
  type UploadPhase,
  type UploadProgress,
  upload,
  waitForFinality,
} from './storage/upload.ts'
export { httpTransport } from './transport/http.ts'
export { type MemoryNetworkOptions, memoryTransport } from './transport/memory.ts'
export type { Face, RestRequest, RpcRequest, Transport } from './transport/transport.ts'

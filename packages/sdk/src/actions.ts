import type { Hash, Hex } from 'viem'
import {
  callContract,
  getBalance,
  getBlock,
  getChainStatus,
  getLogs,
  getNonce,
  getReceipt,
  getTransaction,
} from './chain/read.ts'
import { type SendOptions, sendTransaction, waitForReceipt } from './chain/send.ts'
import { type ClientOptions, type Context, createContext } from './client.ts'
import type { ComputeOptions } from './compute/api.ts'
import { type ChatAnswer, type ChatRequest, chat } from './compute/chat.ts'
import { getInferenceReceipt, getKeyBalance, listModels, listProviders, listUsage } from './compute/read.ts'
import { verifyAnswer } from './compute/verify.ts'
import {
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
import type { DaBundleRef } from './da/types.ts'
import { type EvidenceOptions, getEvidence } from './evidence/get.ts'
import { getLineage, type LineageOptions } from './evidence/lineage.ts'
import { type DownloadOptions, download, downloadBytes, stat } from './storage/download.ts'
import { fileRoot } from './storage/hash.ts'
import { getNodeStatus } from './storage/node-api.ts'
import type { Source } from './storage/source.ts'
import { estimateUpload, type UploadOptions, upload, waitForFinality } from './storage/upload.ts'

/** A context with every function of the SDK bound to it, by layer. */
export type ZerogClient = Context & ZerogActions

export type ZerogActions = {
  readonly chain: ReturnType<typeof chainActions>
  readonly storage: ReturnType<typeof storageActions>
  readonly compute: ReturnType<typeof computeActions>
  readonly da: ReturnType<typeof daActions>
}

/**
 * A client of one network. The functions exist on their own too (`upload(client, source)`), for bundlers.
 * @example
 * const client = createZerogClient({ network: 'devnet', account: privateKeyToAccount(key) })
 * const { root } = await client.storage.upload({ path: 'model.bin' })
 */
export function createZerogClient(options: ClientOptions = {}): ZerogClient {
  const context = createContext(options)
  return { ...context, ...actionsOf(context) }
}

/**
 * Adds the layers to a viem client of the same network.
 * @example const client = createPublicClient({ chain, transport: http() }).extend(zerogActions({ network: 'devnet' }))
 */
export function zerogActions(
  options: ClientOptions = {},
): (client: { readonly account?: unknown }) => { readonly zerog: ZerogClient } {
  return (client) => {
    const account = options.account ?? (client.account as ClientOptions['account']) // viem clients carry a viem account or none
    return { zerog: createZerogClient({ ...options, ...(account === undefined ? {} : { account }) }) }
  }
}

function actionsOf(context: Context): ZerogActions {
  return {
    chain: chainActions(context),
    storage: storageActions(context),
    compute: computeActions(context),
    da: daActions(context),
  }
}

function chainActions(context: Context) {
  return {
    status: () => getChainStatus(context),
    block: (id: bigint | Hash | 'latest') => getBlock(context, id),
    transaction: (hash: Hash) => getTransaction(context, hash),
    receipt: (hash: Hash) => getReceipt(context, hash),
    balance: (address: Hex) => getBalance(context, address),
    nonce: (address: Hex) => getNonce(context, address),
    call: (call: Parameters<typeof callContract>[1]) => callContract(context, call),
    logs: (filter: Parameters<typeof getLogs>[1]) => getLogs(context, filter),
    send: (options: SendOptions) => sendTransaction(context, options),
    waitForReceipt: (options: Parameters<typeof waitForReceipt>[1]) => waitForReceipt(context, options),
  }
}

function computeActions(context: Context) {
  return {
    models: (options: ComputeOptions) => listModels(context, options),
    providers: (options: ComputeOptions) => listProviders(context, options),
    chat: (request: ChatRequest, options: Parameters<typeof chat>[2]) => chat(context, request, options),
    verify: (answer: ChatAnswer, options: Parameters<typeof verifyAnswer>[2]) => verifyAnswer(context, answer, options),
    balance: (options: ComputeOptions) => getKeyBalance(context, options),
    usage: (options: Parameters<typeof listUsage>[1]) => listUsage(context, options),
    receipt: (id: string, options: ComputeOptions) => getInferenceReceipt(context, id, options),
    evidence: (id: string, options: EvidenceOptions) => getEvidence(context, id, options),
    lineage: (name: string, options?: LineageOptions) => getLineage(context, name, options),
  }
}

function storageActions(context: Context) {
  return {
    status: () => getNodeStatus(context),
    root: (source: Source) => fileRoot(source),
    estimate: (source: Source) => estimateUpload(context, source),
    upload: (source: Source, options?: UploadOptions) => upload(context, source, options),
    waitForFinality: (file: Parameters<typeof waitForFinality>[1]) => waitForFinality(context, file),
    stat: (root: Hex) => stat(context, root),
    download: (root: Hex, options?: DownloadOptions) => download(context, root, options),
    downloadBytes: (root: Hex, options?: DownloadOptions) => downloadBytes(context, root, options),
  }
}

function daActions(context: Context) {
  return {
    disperse: (source: DaSource, options?: DisperseOptions) => disperse(context, source, options),
    blob: (id: string) => getBlob(context, id),
    waitForBlob: (id: string, options?: Parameters<typeof waitForBlob>[2]) => waitForBlob(context, id, options),
    retrieve: (id: string, options?: Parameters<typeof retrieve>[2]) => retrieve(context, id, options),
    certificate: (bundle: DaBundleRef) => getCertificate(context, bundle),
    committee: (options?: Parameters<typeof getCommittee>[1]) => getCommittee(context, options),
    quote: (options: Parameters<typeof quote>[1]) => quote(context, options),
  }
}

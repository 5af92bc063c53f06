import { ZerogError } from '@zerog/primitives'
import {
  concat,
  decodeFunctionResult,
  encodeFunctionData,
  type Hex,
  hexToString,
  isHex,
  keccak256,
  parseAbi,
  toEventSelector,
} from 'viem'
import { callContract } from '../chain/read.ts'
import type { Context } from '../client.ts'
import { MODEL_REGISTRY, RECEIPT_ANCHOR } from '../compute/addresses.ts'
import { type ComputeOptions, callRouter, readJson } from '../compute/api.ts'
import { getFileInfo, getNodeStatus } from '../storage/node-api.ts'
import { type LineageEdge, type LineageNode, trace, uniqueEdges } from './lineage-graph.ts'

export type Lineage = {
  /** What the name stands for; more than one where a root is both a file and a model. */
  readonly subjects: readonly LineageNode[]
  /** How it came about, nearest first. */
  readonly madeFrom: readonly LineageEdge[]
  /** What became of it, nearest first. */
  readonly made: readonly LineageEdge[]
  /** What could not be asked, or is not known. */
  readonly notes: readonly string[]
}

export type LineageOptions = Partial<ComputeOptions>

const ABI = parseAbi([
  'struct Model { address owner; uint64 registeredAt; uint8 mode; bytes32 licence; uint128 pricePerMillionTokens; bytes32 lineage; }',
  'function modelOf(bytes32 root) view returns (Model)',
])
const ANCHORED = toEventSelector(
  'event ReceiptsAnchored(address indexed, bytes32 indexed, bytes32 indexed, uint64, uint64, uint128)',
)
const SUBMITTED = toEventSelector(
  'event Submit(address indexed, bytes32 indexed, uint256, uint256, uint256, (uint256, bytes, (bytes32, uint256)[]))',
)
const ZERO: Hex = `0x${'00'.repeat(32)}`

/** What one source knows. */
type Found = {
  readonly subjects: readonly LineageNode[]
  readonly edges: readonly LineageEdge[]
  readonly notes: readonly string[]
}

/**
 * From any root or answer id to what made it and what it made. There is no index of all this: contracts and their events are asked for
 * anchors, models and submissions, the storage network for files, and providers, through the router, for answers of the caller's key.
 * @param name id of an answer, or root of a model, file, dataset, batch or blob
 * @throws ZerogError NOT_FOUND where nobody knows the name
 * @example const { madeFrom, made } = await getLineage(client, answer.id, { apiKey })
 */
export async function getLineage(context: Context, name: string, options: LineageOptions = {}): Promise<Lineage> {
  const isRoot = isHex(name) && name.length === 66
  const sources = isRoot
    ? [
        ofAnswers(context, name, options),
        ofAnchors(context, name.toLowerCase() as Hex),
        ofModel(context, name.toLowerCase() as Hex),
        ofFile(context, name.toLowerCase() as Hex, options),
      ]
    : [ofAnswers(context, name, options)]
  const found = await Promise.all(sources)
  const roots = found.flatMap(({ edges }) => edges.flatMap(({ from, to }) => [from, to])).filter(({ kind }) => kind === 'model')
  const others = [...new Set(roots.map(({ id }) => id.toLowerCase() as Hex))].filter((root) => root !== name.toLowerCase())
  const models = await Promise.all(others.flatMap((root) => [ofModel(context, root), ofFile(context, root, options)]))
  const subjects = uniqueNodes(found.flatMap((each) => each.subjects))
  const notes = [...found, ...models].flatMap((each) => each.notes)
  if (subjects.length === 0) {
    throw new ZerogError('NOT_FOUND', { message: [`nobody knows ${name}`, ...notes].join('; '), metadata: { name } })
  }
  const all = [...found, ...models]
  const edges = uniqueEdges([...all.flatMap((each) => each.edges), ...weights(all.flatMap((each) => each.subjects))])
  return {
    subjects,
    madeFrom: trace(edges, { of: subjects, towards: 'origin' }),
    made: trace(edges, { of: subjects, towards: 'use' }),
    notes,
  }
}

/** A registered model is the file with the same root. */
function weights(nodes: readonly LineageNode[]): LineageEdge[] {
  const files = new Set(nodes.filter(({ kind }) => kind === 'file').map(({ id }) => id))
  return nodes
    .filter(({ kind, id }) => kind === 'model' && files.has(id))
    .map((model) => ({ from: { kind: 'file', id: model.id }, to: model, how: 'holds its weights', source: 'storage' }))
}

function uniqueNodes(nodes: readonly LineageNode[]): LineageNode[] {
  return [...new Map(nodes.map((node) => [`${node.kind} ${node.id}`, node])).values()]
}

/** Answers of this key, as their providers have them in their books. */
async function ofAnswers(context: Context, name: string, { apiKey, ...options }: LineageOptions): Promise<Found> {
  if (apiKey === undefined) return nothing('without a key of the router, no answers are shown')
  let json: any
  try {
    json = await readJson(await callRouter(context, { path: `/lineage/${encodeURIComponent(name)}` }, { ...options, apiKey }))
  } catch (error) {
    return nothing(`answers are not shown: ${error instanceof Error ? error.message : String(error)}`)
  }
  const answers: any[] = json.answers ?? []
  const batches: any[] = json.batches ?? []
  const edges: LineageEdge[] = []
  const add = (from: LineageNode, to: LineageNode, how: string) => edges.push({ from, to, how, source: 'provider' })
  for (const each of answers) {
    const answer = { kind: 'answer', id: each.id } as const
    add({ kind: 'request', id: each.request_hash }, answer, 'was asked (SHA-256 of the bytes)')
    if (each.model_root !== ZERO) add({ kind: 'model', id: each.model_root }, answer, 'computed it')
    add({ kind: 'provider', id: each.provider }, answer, 'signed it')
    add(answer, { kind: 'response', id: each.response_hash }, 'is these bytes (SHA-256)')
    if (each.batch_root !== null) add(answer, { kind: 'batch', id: each.batch_root }, 'is claimed in')
  }
  for (const each of batches) {
    const batch = { kind: 'batch', id: each.root } as const
    if (each.data_root !== null) add(batch, { kind: 'blob', id: each.data_root }, 'is published in')
    const transactions = [
      [each.anchor_transaction, 'is anchored by'],
      [each.settlement_transaction, 'is settled by'],
    ]
    for (const [id, how] of transactions) if (id !== null) add(batch, { kind: 'transaction', id }, how)
  }
  const lower = name.toLowerCase()
  const subjects = uniqueNodes(edges.flatMap(({ from, to }) => [from, to]).filter(({ id }) => id.toLowerCase() === lower))
  const away: unknown[] = json.unreachable ?? []
  return { subjects, edges, notes: away.length === 0 ? [] : [`${away.length} providers did not answer`] }
}

/** Batches by their root or the root of their data, in the events of the anchor contract. */
async function ofAnchors(context: Context, root: Hex): Promise<Found> {
  const asked = [
    [ANCHORED, null, root],
    [ANCHORED, null, null, root],
  ]
  const logs = (await Promise.all(asked.map((topics) => logsOf(context, { address: RECEIPT_ANCHOR, topics })))).flat()
  const edges = logs.flatMap(({ topics, transactionHash }): LineageEdge[] => {
    const [, provider, batchRoot, dataRoot] = topics
    if (provider === undefined || batchRoot === undefined || dataRoot === undefined) return []
    const batch = { kind: 'batch', id: batchRoot } as const
    return [
      { from: { kind: 'provider', id: `0x${provider.slice(26)}` }, to: batch, how: 'made it of its answers', source: 'chain' },
      { from: batch, to: { kind: 'blob', id: dataRoot }, how: 'is published in', source: 'chain' },
      { from: batch, to: { kind: 'transaction', id: transactionHash }, how: 'is anchored by', source: 'chain' },
    ]
  })
  const subjects = edges.flatMap(({ from, to }) => [from, to]).filter(({ id }) => id === root)
  return { subjects, edges, notes: [] }
}

/** The registry's entry, and how the model was made, as far as that is known. */
async function ofModel(context: Context, root: Hex): Promise<Found> {
  const data = encodeFunctionData({ abi: ABI, functionName: 'modelOf', args: [root] })
  const output = await callContract(context, { to: MODEL_REGISTRY, data }).catch(() => undefined)
  if (output === undefined || output === '0x') return nothing()
  const { owner, licence, lineage } = decodeFunctionResult({ abi: ABI, functionName: 'modelOf', data: output })
  if (BigInt(owner) === 0n) return nothing()
  const model = { kind: 'model', id: root } as const
  const terms = hexToString(licence, { size: 32 })
  const registered: LineageEdge = {
    from: { kind: 'account', id: owner.toLowerCase() },
    to: model,
    how: `registered it${terms === '' ? '' : ` under ${terms}`}`,
    source: 'chain',
  }
  if (lineage !== ZERO) {
    return {
      subjects: [model],
      edges: [registered],
      notes: [`the registry names a lineage statement ${lineage}, which is not kept here`],
    }
  }
  const training = { kind: 'training', id: 'unknown' } as const
  const missing = 'not produced yet' as const
  return {
    subjects: [model],
    edges: [
      registered,
      { from: { kind: 'dataset', id: 'unknown' }, to: training, how: 'is trained on by', source: missing },
      { from: training, to: model, how: 'made it', source: missing },
    ],
    notes: [],
  }
}

/** A file of the storage network: a model's weights, a dataset, anything. */
async function ofFile(context: Context, root: Hex, { signal }: LineageOptions): Promise<Found> {
  const file = { kind: 'file', id: root } as const
  const options = signal === undefined ? {} : { signal }
  const [info, status] = await Promise.all([
    getFileInfo(context, { root }, options).catch(() => undefined),
    getNodeStatus(context, options).catch(() => undefined),
  ])
  if (info === undefined) return nothing()
  // The contract names a submission by its subtrees, not by the root of the file.
  const identity = keccak256(concat(info.subtreeRoots))
  const logs = status === undefined ? [] : await logsOf(context, { address: status.flow, topics: [SUBMITTED, null, identity] })
  const edges: LineageEdge[] = logs.flatMap(({ topics, transactionHash }): LineageEdge[] => [
    { from: { kind: 'transaction', id: transactionHash }, to: file, how: 'submitted it', source: 'chain' },
    { from: { kind: 'account', id: `0x${topics[1]?.slice(26)}` }, to: file, how: 'submitted it', source: 'chain' },
  ])
  return { subjects: [file], edges, notes: [`of file ${root}: what was trained on it, if it is a dataset, is not recorded yet`] }
}

type Log = { readonly topics: readonly Hex[]; readonly transactionHash: Hex }

async function logsOf(
  context: Context,
  { address, topics }: { readonly address: Hex; readonly topics: readonly (Hex | null)[] },
): Promise<readonly Log[]> {
  const params = [{ address, topics, fromBlock: '0x0', toBlock: 'latest' }]
  return (await context.transport.request('rpc', { method: 'eth_getLogs', params })) as readonly Log[]
}

function nothing(...notes: string[]): Found {
  return { subjects: [], edges: [], notes }
}

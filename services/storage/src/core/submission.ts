import { bytesToBigint, FILE_BYTES_MAX, foldNodes, type Hex, type SubtreeNode, type TreeHasher } from '@zerog/primitives'
import { SUBMISSION_NODES_MAX, TAGS_BYTES_MAX } from '../limits.ts'

/** keccak256 of `Submit(address,bytes32,uint256,uint256,uint256,(uint256,bytes,(bytes32,uint256)[]))`. */
export const SUBMIT_TOPIC: Hex = '0x167ce04d2aa1981994d3a31695da0d785373335b1078cec239a1a3a2c7675555'

/** One Submit event of the flow contract. Integers are safe numbers. */
export type Submission = {
  readonly txSeq: number
  /** Fold of the nodes: the file root. */
  readonly root: Uint8Array
  readonly sizeBytes: number
  /** Position of the first entry in the flow. */
  readonly startEntry: number
  readonly nodes: readonly SubtreeNode[]
  readonly tags: Uint8Array
  /** What the caller claims; authorises nothing. */
  readonly submitter: Uint8Array
}

const WORD = 32

/**
 * Decodes topics and data of a Submit log (ABI of reference IFlow.sol). undefined for bytes that are no such event or describe a file that
 * cannot exist here (empty, above 2^50 bytes, a position beyond 2^53): such an entry is never served, but must not stop us.
 */
export function decodeSubmission(
  log: { topics: readonly Uint8Array[]; data: Uint8Array },
  hasher: TreeHasher,
): Submission | undefined {
  const { data } = log
  const submitter = log.topics[1]?.subarray(12)
  const word = (offset: number) =>
    offset >= 0 && offset + WORD <= data.length ? data.subarray(offset, offset + WORD) : undefined
  const integer = (offset: number, max = Number.MAX_SAFE_INTEGER) => {
    const bytes = word(offset)
    const value = bytes === undefined ? undefined : bytesToBigint(bytes)
    return value === undefined || value > BigInt(max) ? undefined : Number(value)
  }
  const txSeq = integer(0)
  const startEntry = integer(WORD)
  const body = integer(3 * WORD, data.length)
  if (submitter?.length !== 20 || txSeq === undefined || startEntry === undefined || body === undefined) return undefined
  const sizeBytes = integer(body, FILE_BYTES_MAX)
  const tagsAt = integer(body + WORD, data.length)
  const nodesAt = integer(body + 2 * WORD, data.length)
  if (sizeBytes === undefined || sizeBytes === 0 || tagsAt === undefined || nodesAt === undefined) return undefined
  const tagsLength = integer(body + tagsAt, TAGS_BYTES_MAX)
  const nodeCount = integer(body + nodesAt, SUBMISSION_NODES_MAX)
  if (tagsLength === undefined || nodeCount === undefined || nodeCount === 0) return undefined
  const tagsStart = body + tagsAt + WORD
  if (tagsStart + tagsLength > data.length) return undefined
  const nodes: SubtreeNode[] = []
  for (let index = 0; index < nodeCount; index++) {
    const at = body + nodesAt + WORD + index * 2 * WORD
    const root = word(at)
    const height = integer(at + WORD, 63)
    if (root === undefined || height === undefined) return undefined
    nodes.push({ root: root.slice(), height })
  }
  const tags = data.slice(tagsStart, tagsStart + tagsLength)
  return { txSeq, root: foldNodes(nodes, hasher), sizeBytes, startEntry, nodes, tags, submitter: submitter.slice() }
}

/** height (1) | root (32) per node, for the store. */
export function packNodes(nodes: readonly SubtreeNode[]): Uint8Array {
  const out = new Uint8Array(nodes.length * 33)
  for (const [index, node] of nodes.entries()) {
    out[index * 33] = node.height
    out.set(node.root, index * 33 + 1)
  }
  return out
}

export function unpackNodes(bytes: Uint8Array): SubtreeNode[] {
  return Array.from({ length: Math.floor(bytes.length / 33) }, (_, index) => ({
    height: bytes[index * 33] as number, // inside by the length above
    root: bytes.slice(index * 33 + 1, index * 33 + 33),
  }))
}

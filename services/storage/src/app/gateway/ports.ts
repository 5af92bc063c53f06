import type { Hex } from '@zerog/primitives'
import type { Receipt } from '../../core/receipt.ts'
import type { FileKey, SegmentKey } from '../../core/segment-key.ts'
import type { NodeStats } from '../node/storage-node.ts'
import type { Segment } from '../segment.ts'

/** One storage node as the gateway reaches it. Errors are those of the node, or DEPENDENCY_UNAVAILABLE, DEADLINE_EXCEEDED; every call has a deadline. */
export type NodeClient = {
  put(segment: Segment, options: { readonly repair: boolean; readonly signal?: AbortSignal }): Promise<void>
  /** Throws NOT_FOUND where the segment is not there, RECORD_CORRUPT where the disk lies. Nothing is verified here. */
  get(key: SegmentKey, signal: AbortSignal): Promise<Segment>
  deleteFile(file: FileKey): Promise<void>
  issueReceipt(range: FileKey & { readonly segmentFirst: number; readonly segmentCount: number }): Promise<Receipt>
  stats(): Promise<NodeStats>
}

/** How the gateway finds its nodes: instance 0 to n - 1 of the target. */
export type NodeConnector = {
  instances(): number
  connect(instance: number): NodeClient
}

export type KnownNode = {
  readonly nodeId: Hex
  readonly instance: number
  readonly client: NodeClient
  /** Answered in time when it was asked last. */
  readonly reachable: boolean
  /** Monotonic. */
  readonly seenAtMs: number
  readonly stats: NodeStats
}

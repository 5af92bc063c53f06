import { concatBytes, fromHex, type Hex } from '@zerog/primitives'

export type Candidate = {
  readonly nodeId: Hex
  readonly capacityBytes: number
  readonly usedBytes: number
}

export type PlacementRequest = {
  /** What is placed: the same seed and candidates give the same nodes. */
  readonly seed: Uint8Array
  readonly candidates: readonly Candidate[]
  readonly replicas: number
  /** Room that a node must have left after its share. */
  readonly neededBytes: number
  /** Uniform 48-bit integer of seed and node (a hash), so that the core needs no hash of its own. */
  readonly draw: (seed: Uint8Array, nodeId: Hex) => number
}

/** A draw from any hash of at least 6 bytes. */
export function drawBy(hash: (bytes: Uint8Array) => Uint8Array): PlacementRequest['draw'] {
  return (seed, nodeId) => {
    const digest = hash(concatBytes(seed, fromHex(nodeId)))
    return digest.subarray(0, DRAW_BYTES).reduce((value, byte) => value * 256 + byte, 0)
  }
}

const DRAW_BYTES = 6
const DRAW_RANGE = 2 ** (8 * DRAW_BYTES)
const GIB = 2 ** 30

/**
 * Weighted rendezvous hashing: each node draws -ln(u) / weight from the seed, the smallest draws win. A node that comes or goes
 * moves only its own share, and a node with twice the room gets twice the data. Full nodes are left out. The choice is
 * stored with the file, so candidates that change later move nothing.
 */
export function chooseNodes(request: PlacementRequest): Hex[] {
  return request.candidates
    .filter((node) => node.capacityBytes - node.usedBytes >= request.neededBytes)
    .map((node) => ({ nodeId: node.nodeId, score: score(request, node) }))
    .sort((a, b) => a.score - b.score || (a.nodeId < b.nodeId ? -1 : 1))
    .slice(0, request.replicas)
    .map((node) => node.nodeId)
}

/** Weights are whole GiB of capacity: a node's share must not wander with every byte that it takes. */
function score({ seed, draw }: PlacementRequest, node: Candidate): number {
  const weight = Math.max(1, Math.round(node.capacityBytes / GIB))
  const uniform = (draw(seed, node.nodeId) + 1) / (DRAW_RANGE + 1)
  return -Math.log(uniform) / weight
}

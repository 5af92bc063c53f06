/** A thing that has a name: an answer's id, a hash or root in 0x form, an address. */
export type LineageNode = {
  readonly kind:
    | 'request'
    | 'answer'
    | 'response'
    | 'model'
    | 'file'
    | 'dataset'
    | 'training'
    | 'batch'
    | 'blob'
    | 'transaction'
    | 'provider'
    | 'account'
  readonly id: string
}

/** `from` made `to`, or went into it. */
export type LineageEdge = {
  readonly from: LineageNode
  readonly to: LineageNode
  readonly how: string
  /** Whose word it is: contracts and their events, the storage network, the provider's books; nobody's where it is not produced yet. */
  readonly source: 'chain' | 'storage' | 'provider' | 'not produced yet'
}

const keyOf = ({ kind, id }: LineageNode): string => `${kind} ${id.toLowerCase()}`

/** The edges that lead to any of these nodes, or away from them, nearest first; each once. */
export function trace(
  edges: readonly LineageEdge[],
  { of, towards }: { readonly of: readonly LineageNode[]; readonly towards: 'origin' | 'use' },
): LineageEdge[] {
  const [near, far] = towards === 'origin' ? (['to', 'from'] as const) : (['from', 'to'] as const)
  const found = new Set<LineageEdge>()
  const seen = new Set<string>()
  let frontier = of.map(keyOf)
  while (frontier.length > 0) {
    for (const key of frontier) seen.add(key)
    const next = new Set<string>()
    for (const edge of edges) {
      if (found.has(edge) || !frontier.includes(keyOf(edge[near]))) continue
      found.add(edge)
      const key = keyOf(edge[far])
      if (!seen.has(key)) next.add(key)
    }
    frontier = [...next]
  }
  return [...found]
}

/** Without repetition: what two sources say of the same edge stands once, the first one's word. */
export function uniqueEdges(edges: readonly LineageEdge[]): LineageEdge[] {
  const byKey = new Map<string, LineageEdge>()
  for (const edge of edges) {
    const key = `${keyOf(edge.from)} > ${keyOf(edge.to)}`
    if (!byKey.has(key)) byKey.set(key, edge)
  }
  return [...byKey.values()]
}

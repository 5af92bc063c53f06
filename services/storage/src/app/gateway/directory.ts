import type { Clock, Logger } from '@zerog/ports'
import { type Hex, toHex } from '@zerog/primitives'
import type { KnownNode, NodeClient, NodeConnector } from './ports.ts'

/** The storage nodes, by the key that they sign with: an instance that comes back with an empty disk is another node. */
export type NodeDirectory = {
  /** Asks every instance for its statistics. Never throws; a silent node is unreachable. */
  refresh(): Promise<void>
  all(): readonly KnownNode[]
  /** Instances that there are or were: one that went away is still missed. */
  count(): number
  reachable(): readonly KnownNode[]
  find(nodeId: Hex): KnownNode | undefined
  /** How long nobody heard of it; since the start of this gateway for one that never answered it. */
  silentForMs(nodeId: Hex): number
  /** It failed a call: no further one until it answers again. */
  suspect(nodeId: Hex): void
}

export function nodeDirectory(deps: { connector: NodeConnector; clock: Clock; logger: Logger }): NodeDirectory {
  const { connector, clock, logger } = deps
  const clients: NodeClient[] = []
  const nodes = new Map<Hex, KnownNode>()
  const startedAtMs = clock.monotonicMs()
  let instancesMost = 0
  const count = () => {
    instancesMost = Math.max(instancesMost, connector.instances())
    return instancesMost
  }

  async function ask(instance: number): Promise<void> {
    clients[instance] ??= connector.connect(instance)
    const client = clients[instance]
    try {
      const stats = await client.stats()
      const nodeId = toHex(stats.nodeId)
      const before = nodes.get(nodeId)
      if (before?.reachable !== true) logger.info('storage_node_reachable', { nodeId, instance })
      nodes.set(nodeId, { nodeId, instance, client, reachable: true, seenAtMs: clock.monotonicMs(), stats })
      forgetOthersAt(instance, nodeId)
    } catch (error) {
      const lost = [...nodes.values()].find((node) => node.instance === instance && node.reachable)
      if (lost === undefined) return
      nodes.set(lost.nodeId, { ...lost, reachable: false })
      logger.warn('storage_node_unreachable', { nodeId: lost.nodeId, instance, error: String(error) })
    }
  }

  function forgetOthersAt(instance: number, nodeId: Hex): void {
    for (const node of nodes.values()) if (node.instance === instance && node.nodeId !== nodeId) nodes.delete(node.nodeId)
  }

  return {
    async refresh() {
      await Promise.all(Array.from({ length: count() }, (_, instance) => ask(instance)))
    },
    count,
    all: () => [...nodes.values()].sort((a, b) => a.instance - b.instance),
    reachable: () => [...nodes.values()].filter((node) => node.reachable),
    find: (nodeId) => nodes.get(nodeId),
    silentForMs: (nodeId) => clock.monotonicMs() - (nodes.get(nodeId)?.seenAtMs ?? startedAtMs),
    suspect(nodeId) {
      const node = nodes.get(nodeId)
      if (node !== undefined) nodes.set(nodeId, { ...node, reachable: false })
    },
  }
}

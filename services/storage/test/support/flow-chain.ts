import type { ChainClient, ChainLog, FinalizedBlock } from '@zerog/ports'
import { buildFileTree, type Hex, toHex, ZerogError } from '@zerog/primitives'
import { encodeAbiParameters, keccak256 } from 'viem'
import { placeNodes } from '../../src/core/flow-tree.ts'
import { SUBMIT_TOPIC } from '../../src/core/submission.ts'

export const FLOW: Hex = '0x0600000000000000000000000000000000000101'
const SENDER: Hex = '0x00000000000000000000000000000000000000aa'
const SUBMISSION = [
  { type: 'uint256' },
  { type: 'uint256' },
  { type: 'uint256' },
  {
    type: 'tuple',
    components: [
      { type: 'uint256' },
      { type: 'bytes' },
      { type: 'tuple[]', components: [{ type: 'bytes32' }, { type: 'uint256' }] },
    ],
  },
] as const

/** A chain that finalizes what the test submits: the Submit events of the flow contract, with its placement rule. */
export type FlowChain = ChainClient & {
  /** Finalizes a block with one Submit event; returns its sequence number. */
  submit(data: Uint8Array): number
  /** Finalizes a block with these logs. */
  append(logs?: readonly ChainLog[]): void
}

export function flowChain(): FlowChain {
  const blocks: FinalizedBlock[] = []
  let wake = Promise.withResolvers<void>()
  let length = 1
  let submissions = 0

  function append(logs: readonly ChainLog[] = []): void {
    const height = BigInt(blocks.length)
    const hash = keccak256(toHex(new TextEncoder().encode(`block ${height}`)))
    blocks.push({ height, hash, parentHash: blocks.at(-1)?.hash ?? hash, timestampSeconds: height, logs })
    wake.resolve()
    wake = Promise.withResolvers()
  }
  append()

  return {
    append,
    submit(data) {
      const txSeq = submissions++
      const { log, nextEntry } = submitLog({ data, txSeq, flowLength: length })
      length = nextEntry
      append([{ ...log, logIndex: 0 }])
      return txSeq
    },
    chainId: async () => 31337n,
    async head() {
      const { height, hash } = blocks.at(-1) as FinalizedBlock // the first is made above
      return { height, hash }
    },
    async *watch({ fromHeight, signal }) {
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      for (let height = Number(fromHeight); !signal.aborted; height++) {
        while (height >= blocks.length && !signal.aborted) await Promise.race([wake.promise, stopped])
        const block = blocks[height]
        if (block !== undefined && !signal.aborted) yield block
      }
    },
    call: async () => refuse(),
    sendRawTransaction: async () => refuse(),
  }
}

/** The Submit log of a file when the flow is `flowLength` entries long, and the length after it. */
export function submitLog(of: { readonly data: Uint8Array; readonly txSeq: number; readonly flowLength: number }): {
  readonly log: Omit<ChainLog, 'logIndex'>
  readonly nextEntry: number
} {
  const { data, txSeq } = of
  const { nodes } = buildFileTree(data)
  const size = nodes.reduce((sum, node) => sum + 2 ** node.height, 0)
  const start = startOf(of.flowLength, nodes[0]?.height ?? 0, size)
  const last = placeNodes(start, nodes).at(-1)
  const values = nodes.map((node) => [toHex(node.root), BigInt(node.height)] as const)
  const log = {
    address: FLOW,
    topics: [SUBMIT_TOPIC, `0x${'00'.repeat(12)}${SENDER.slice(2)}`, `0x${'11'.repeat(32)}`] as const,
    data: encodeAbiParameters(SUBMISSION, [BigInt(txSeq), BigInt(start), BigInt(size), [BigInt(data.length), '0x', values]]),
    transactionHash: keccak256(toHex(new TextEncoder().encode(`transaction ${txSeq}`))),
    transactionIndex: 0,
    transactionFrom: SENDER,
  }
  return { log, nextEntry: (last?.start ?? 0) + 2 ** (last?.height ?? 0) }
}

/** FlowTreeLib.pad and nextAlign. */
function startOf(length: number, height: number, size: number): number {
  const align = (position: number) => Math.ceil(position / 2 ** height) * 2 ** height
  const start = align(length)
  const crosses = start % 1024 !== 0 && Math.floor(start / 1024) !== Math.floor((start + size - 1) / 1024)
  return crosses ? align(start + 1024 - (start % 1024)) : start
}

function refuse(): never {
  throw new ZerogError('TRANSACTION_REFUSED', { message: 'this chain has no contracts' })
}

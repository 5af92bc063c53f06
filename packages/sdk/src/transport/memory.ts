import { checkSegmentProof, ENTRY_BYTES, fileLayout, SEGMENT_ENTRIES, ZerogError } from '@zerog/primitives'
import {
  decodeFunctionData,
  encodeAbiParameters,
  encodeEventTopics,
  encodeFunctionResult,
  type Hex,
  hexToBytes,
  keccak256,
  numberToHex,
  parseTransaction,
  recoverTransactionAddress,
  type TransactionSerialized,
} from 'viem'
import { base64ToBytes, bytesToBase64 } from '../storage/base64.ts'
import { FLOW_ABI, MARKET_ABI, rootOfNodes } from '../storage/flow.ts'
import type { RpcRequest, Transport } from './transport.ts'

const FLOW: Hex = '0x0600000000000000000000000000000000000101'
const MARKET: Hex = '0x0600000000000000000000000000000000000102'

type Entry = {
  readonly root: Hex
  readonly sizeBytes: number
  /** Subtrees of the submission as a node names them: levels and root. */
  readonly nodes: readonly (readonly [number, Hex])[]
  readonly segments: Map<number, Segment>
  readonly segmentCount: number
}
type Segment = {
  readonly data: Uint8Array
  readonly proof: { readonly lemma: readonly Hex[]; readonly path: readonly boolean[] }
}

export type MemoryNetworkOptions = {
  readonly chainId?: number
  /** wei per account; every account has it. Default 10,000 0G. */
  readonly balanceWei?: bigint
  readonly pricePerSector?: bigint
}

/**
 * A network inside the process, for tests of programs that use the SDK: transfers, storage submissions and segments with the
 * checks of a real node, without ports, files or time. One block per transaction. It runs no contracts but the flow's submit.
 */
export function memoryTransport(options: MemoryNetworkOptions = {}): Transport {
  const { chainId = 31337, balanceWei = 10n ** 22n, pricePerSector = 1_000_000_000n } = options
  const entries: Entry[] = []
  const receipts = new Map<Hex, object>()
  const nonces = new Map<string, number>()
  const spent = new Map<string, bigint>()
  const early = new Map<Hex, Segment[]>()
  let height = 0n

  async function sendRaw(raw: Hex): Promise<Hex> {
    const hash = keccak256(raw)
    const tx = parseTransaction(raw)
    const from = await recoverTransactionAddress({ serializedTransaction: raw as TransactionSerialized })
    const key = from.toLowerCase()
    const expected = nonces.get(key) ?? 0
    if ((tx.nonce ?? 0) !== expected) throw refusal(-32000, `nonce too low: next nonce ${expected}, tx nonce ${tx.nonce ?? 0}`)
    nonces.set(key, expected + 1)
    spent.set(key, (spent.get(key) ?? 0n) + (tx.value ?? 0n))
    height += 1n
    const logs = tx.to?.toLowerCase() === FLOW ? [submitLog(tx.data ?? '0x', from, hash)] : []
    receipts.set(hash, receiptOf({ hash, height, from, to: tx.to ?? null, logs }))
    return hash
  }

  function submitLog(data: Hex, from: Hex, transactionHash: Hex): object {
    const call = decodeFunctionData({ abi: FLOW_ABI, data })
    if (call.functionName !== 'submit') throw refusal(3, 'execution reverted')
    const [{ data: submission }] = call.args
    const root = rootOfNodes(submission.nodes)
    const sizeBytes = Number(submission.length)
    const nodes = submission.nodes.map(({ root, height }) => [Number(height) + 1, root] as const)
    const { segmentCount } = fileLayout(sizeBytes)
    const entry: Entry = { root, sizeBytes, nodes, segments: new Map(), segmentCount }
    entries.push(entry)
    for (const [index, segment] of (early.get(root) ?? []).entries()) entry.segments.set(index, segment)
    const topics = encodeEventTopics({ abi: FLOW_ABI, eventName: 'Submit', args: { sender: from, identity: keccak256(root) } })
    const fields =
      FLOW_ABI.find((item) => item.type === 'event')?.inputs.filter((input) => !('indexed' in input && input.indexed)) ?? []
    const body = encodeAbiParameters(fields, [BigInt(entries.length - 1), 1n, submission.length, submission])
    return {
      address: FLOW,
      topics,
      data: body,
      blockNumber: numberToHex(height),
      blockHash: hashOf(height),
      transactionHash,
      transactionIndex: '0x0',
      logIndex: '0x0',
      removed: false,
    }
  }

  function call(to: Hex, data: Hex): Hex {
    if (to.toLowerCase() === MARKET)
      return encodeFunctionResult({ abi: MARKET_ABI, functionName: 'pricePerSector', result: pricePerSector })
    const { functionName } = decodeFunctionData({ abi: FLOW_ABI, data })
    if (functionName === 'market') return encodeFunctionResult({ abi: FLOW_ABI, functionName, result: MARKET })
    return encodeFunctionResult({ abi: FLOW_ABI, functionName: 'submit', result: [BigInt(entries.length), hashOf(0n), 1n, 1n] })
  }

  async function chain({ method, params = [] }: RpcRequest): Promise<unknown> {
    const [first] = params as [any]
    switch (method) {
      case 'eth_chainId':
        return numberToHex(chainId)
      case 'eth_blockNumber':
        return numberToHex(height)
      case 'eth_gasPrice':
      case 'eth_maxPriorityFeePerGas':
        return numberToHex(1_000_000_000)
      case 'eth_estimateGas':
        return numberToHex(300_000)
      case 'eth_getBalance':
        return numberToHex(balanceWei - (spent.get(String(first).toLowerCase()) ?? 0n))
      case 'eth_getTransactionCount':
        return numberToHex(nonces.get(String(first).toLowerCase()) ?? 0)
      case 'eth_getBlockByNumber':
        return {
          number: numberToHex(height),
          hash: hashOf(height),
          timestamp: '0x0',
          baseFeePerGas: numberToHex(1_000_000_000),
          gasLimit: '0x3938700',
          gasUsed: '0x0',
          transactions: [],
        }
      case 'eth_call':
        return call(first.to, first.data)
      case 'eth_sendRawTransaction':
        return sendRaw(first)
      case 'eth_getTransactionReceipt':
        return receipts.get(first) ?? null
      case 'web3_clientVersion':
        return 'zerog/memory'
      default:
        throw refusal(-32601, `the method ${method} does not exist/is not available`)
    }
  }

  function accept(wire: any, entry: Entry | undefined): void {
    const data = base64ToBytes(wire.data)
    const proof = { lemma: wire.proof.lemma.map((node: Hex) => hexToBytes(node)), path: wire.proof.path }
    const failure = checkSegmentProof({ root: hexToBytes(wire.root), sizeBytes: wire.fileSize, index: wire.index, data, proof })
    if (failure !== undefined) throw refusal(-32602, `Invalid params: proof: ${failure}`)
    if (entry !== undefined && entry.root !== wire.root) throw refusal(-32602, 'data root and tx seq not match')
    const segment = { data, proof: wire.proof }
    if (entry !== undefined) entry.segments.set(wire.index, segment)
    else {
      const kept = early.get(wire.root) ?? []
      kept[wire.index] = segment
      early.set(wire.root, kept)
    }
  }

  async function storage({ method, params = [] }: RpcRequest): Promise<unknown> {
    const [first, second] = params as [any, any]
    const entryOfRoot = (): Entry | undefined => entries.findLast((entry) => entry.root === first)
    switch (method) {
      case 'zgs_getStatus':
        return { logSyncHeight: Number(height), nextTxSeq: entries.length, networkIdentity: { chainId, flowAddress: FLOW } }
      case 'zgs_getFileInfo':
        return infoOf(entries, entryOfRoot())
      case 'zgs_getFileInfoByTxSeq':
        return infoOf(entries, entries[first])
      case 'zgs_uploadSegments':
        for (const segment of first)
          accept(
            segment,
            entries.findLast((entry) => entry.root === segment.root),
          )
        return null
      case 'zgs_uploadSegmentsByTxSeq':
        for (const segment of first) accept(segment, requireEntry(entries[second]))
        return null
      case 'zgs_downloadSegmentByTxSeq': {
        const segment = entries[first]?.segments.get(Math.floor(second / SEGMENT_ENTRIES))
        const offset = (second % SEGMENT_ENTRIES) * ENTRY_BYTES
        return segment === undefined ? null : bytesToBase64(segment.data.subarray(offset, offset + ENTRY_BYTES))
      }
      case 'zgs_downloadSegmentWithProofByTxSeq': {
        const segment = entries[first]?.segments.get(second)
        if (segment === undefined) return null
        const { root, sizeBytes } = requireEntry(entries[first])
        return { root, data: bytesToBase64(segment.data), index: second, proof: segment.proof, fileSize: sizeBytes }
      }
      default:
        throw refusal(-32601, `Method not found: ${method}`)
    }
  }

  return {
    request: async (face, request) => {
      if (face === 'rpc') return chain(request)
      if (face === 'storage') return storage(request)
      throw refusal(-32601, `the network in memory has no ${face} face`)
    },
  }
}

function infoOf(entries: readonly Entry[], entry: Entry | undefined): unknown {
  if (entry === undefined) return null
  const finalized = entry.segments.size === entry.segmentCount
  return {
    tx: { dataMerkleRoot: entry.root, size: entry.sizeBytes, seq: entries.indexOf(entry), merkleNodes: entry.nodes },
    finalized,
    pruned: false,
    uploadedSegNum: entry.segments.size,
  }
}

function receiptOf(facts: {
  readonly hash: Hex
  readonly height: bigint
  readonly from: Hex
  readonly to: Hex | null
  readonly logs: readonly object[]
}): object {
  return {
    transactionHash: facts.hash,
    blockNumber: numberToHex(facts.height),
    blockHash: hashOf(facts.height),
    from: facts.from,
    to: facts.to,
    status: '0x1',
    type: '0x2',
    gasUsed: '0x493e0',
    cumulativeGasUsed: '0x493e0',
    effectiveGasPrice: '0x3b9aca00',
    transactionIndex: '0x0',
    contractAddress: null,
    logsBloom: `0x${'00'.repeat(256)}`,
    logs: facts.logs,
  }
}

function requireEntry(entry: Entry | undefined): Entry {
  if (entry === undefined) throw refusal(-32602, 'Invalid params: tx_seq')
  return entry
}

function hashOf(height: bigint): Hex {
  return keccak256(numberToHex(height))
}

function refusal(code: number, message: string): ZerogError {
  return new ZerogError(code === 3 ? 'TRANSACTION_REFUSED' : code === -32000 ? 'WRONG_STATE' : 'INVALID_ARGUMENT', {
    message,
    metadata: { code: String(code) },
  })
}

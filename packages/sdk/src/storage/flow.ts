import { assert, type FileTree } from '@zerog/primitives'
import { concat, decodeEventLog, encodeFunctionData, type Hex, keccak256, type Log, parseAbi, toHex as viemHex } from 'viem'
import * as eth from 'viem/actions'
import { sendTransaction } from '../chain/send.ts'
import type { Context } from '../client.ts'
import { fromViemError } from '../errors.ts'

/** The part of 0G's Flow and Market that a client needs (current generation: the submission names its submitter). */
export const FLOW_ABI = parseAbi([
  'struct SubmissionNode { bytes32 root; uint256 height; }',
  'struct SubmissionData { uint256 length; bytes tags; SubmissionNode[] nodes; }',
  'struct Submission { SubmissionData data; address submitter; }',
  'function submit(Submission submission) payable returns (uint256 index, bytes32 digest, uint256 startIndex, uint256 length)',
  'function market() view returns (address)',
  'event Submit(address indexed sender, bytes32 indexed identity, uint256 submissionIndex, uint256 startPos, uint256 length, SubmissionData submission)',
  'error InvalidSubmission()',
  'error NotEnoughFee(uint256 price, uint256 amount, uint256 paid)',
  'error NotEnoughGas(uint256 needed, uint256 given)',
  'error EnforcedPause()',
])

export const MARKET_ABI = parseAbi(['function pricePerSector() view returns (uint256)'])

/** Storage fee of a file: sectors of its submission nodes times the market's price, wei. */
export async function storageFee(context: Context, options: { readonly flow: Hex; readonly tree: FileTree }): Promise<bigint> {
  try {
    const market = await eth.readContract(context.viem, { address: options.flow, abi: FLOW_ABI, functionName: 'market' })
    const price = await eth.readContract(context.viem, { address: market, abi: MARKET_ABI, functionName: 'pricePerSector' })
    return sectorsOf(options.tree) * price
  } catch (error) {
    throw fromViemError(error)
  }
}

/** Calldata of `submit`. */
export function submissionCall(tree: FileTree, options: { readonly submitter: Hex; readonly tags?: Hex }): Hex {
  return encodeFunctionData({
    abi: FLOW_ABI,
    functionName: 'submit',
    args: [submissionOf(tree, options.submitter, options.tags)],
  })
}

/** Simulates first, so that a refusal has its reason before anything is paid, then sends. */
export async function submitFile(
  context: Context,
  options: {
    readonly flow: Hex
    readonly tree: FileTree
    readonly fee: bigint
    readonly submitter: Hex
    readonly tags?: Hex
    readonly signal?: AbortSignal
  },
) {
  const data = submissionCall(options.tree, options)
  const { flow, fee, submitter, signal } = options
  try {
    const balance = await eth.getBalance(context.viem, { address: submitter })
    // Without the money the simulation would only say "insufficient funds": sendTransaction words that with figures.
    if (balance > fee) {
      await eth.simulateContract(context.viem, {
        address: flow,
        abi: FLOW_ABI,
        functionName: 'submit',
        account: submitter,
        value: fee,
        args: [submissionOf(options.tree, submitter, options.tags)],
      })
    }
  } catch (error) {
    throw fromViemError(error)
  }
  return sendTransaction(context, { to: flow, data, value: fee, ...(signal === undefined ? {} : { signal }) })
}

/** The submission index that the flow contract gave, out of a receipt's logs; undefined when there is none of `flow`. */
export function submissionIndexOf(logs: readonly Pick<Log, 'address' | 'topics' | 'data'>[], flow: Hex): bigint | undefined {
  for (const log of logs) {
    if (log.address.toLowerCase() !== flow.toLowerCase()) continue
    try {
      const event = decodeEventLog({ abi: FLOW_ABI, eventName: 'Submit', topics: log.topics, data: log.data })
      return event.args.submissionIndex
    } catch {
      // another event of the same contract, e.g. NewEpoch
    }
  }
  return undefined
}

function submissionOf(tree: FileTree, submitter: Hex, tags: Hex | undefined) {
  const nodes = tree.nodes.map((node) => ({ root: viemHex(node.root), height: BigInt(node.height) }))
  return { data: { length: BigInt(tree.layout.sizeBytes), tags: tags ?? '0x', nodes }, submitter } as const
}

export function sectorsOf(tree: Pick<FileTree, 'nodes'>): bigint {
  return tree.nodes.reduce((sum, node) => sum + (1n << BigInt(node.height)), 0n)
}

/** Root of a submission: its nodes folded from the right, r = keccak(node || r). */
export function rootOfNodes(nodes: readonly { readonly root: Hex }[]): Hex {
  const last = nodes.at(-1)
  assert(last !== undefined, 'a submission has at least one node')
  return nodes.slice(0, -1).reduceRight<Hex>((right, node) => keccak256(concat([node.root, right])), last.root)
}

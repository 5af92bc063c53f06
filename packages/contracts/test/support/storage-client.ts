import type { Hex } from '@zerog/primitives'
import {
  type Abi,
  type ContractEventName,
  type ContractFunctionName,
  decodeErrorResult,
  decodeEventLog,
  decodeFunctionResult,
  encodeFunctionData,
  keccak256,
  parseAbi,
} from 'viem'
import { flowAbi, marketAbi, PREDEPLOY_ADDRESSES } from '../../src/index.ts'
import { ALICE, type TestCall, type TestChain, type TestLog, type TestOutcome } from './test-chain.ts'

export type Node = { readonly root: Hex; readonly height: bigint }
export type Data = { readonly length: bigint; readonly tags: Hex; readonly nodes: readonly Node[] }

export const { flow: FLOW, market: MARKET } = PREDEPLOY_ADDRESSES

const STRUCTS = [
  'struct SubmissionNode { bytes32 root; uint256 height; }',
  'struct SubmissionData { uint256 length; bytes tags; SubmissionNode[] nodes; }',
  'struct Submission { SubmissionData data; address submitter; }',
] as const
/** The two generations apart: viem chooses an overload by the arguments' shape, a test wants to name it. */
const NEW_ABI = parseAbi([...STRUCTS, 'function submit(Submission) payable', 'function batchSubmit(Submission[]) payable'])
const OLD_ABI = parseAbi([
  ...STRUCTS,
  'function submit(SubmissionData) payable',
  'function batchSubmit(SubmissionData[]) payable',
])

export function encodeSubmit(data: Data, submitter: Hex): Hex {
  return encodeFunctionData({ abi: NEW_ABI, functionName: 'submit', args: [{ data, submitter }] })
}
export function encodeOldSubmit(data: Data): Hex {
  return encodeFunctionData({ abi: OLD_ABI, functionName: 'submit', args: [data] })
}
export function encodeBatchSubmit(data: readonly Data[], submitter: Hex): Hex {
  return encodeFunctionData({
    abi: NEW_ABI,
    functionName: 'batchSubmit',
    args: [data.map((item) => ({ data: item, submitter }))],
  })
}
export function encodeOldBatchSubmit(data: readonly Data[]): Hex {
  return encodeFunctionData({ abi: OLD_ABI, functionName: 'batchSubmit', args: [data] })
}

/** A node with a root that nobody else has. */
export const node = (seed: string | number, height: number): Node => ({
  root: keccak256(new TextEncoder().encode(`node ${seed} ${height}`)),
  height: BigInt(height),
})

/** The longest file that these nodes can hold. */
export const dataOf = (nodes: readonly Node[], tags: Hex = '0x'): Data => ({
  length: sectorsOf(nodes) * 256n,
  tags,
  nodes,
})

export const sectorsOf = (nodes: readonly Node[]): bigint => nodes.reduce((sum, { height }) => sum + (1n << height), 0n)

export type StorageClient = ReturnType<typeof createStorageClient>

/** Flow and Market of a chain, with typed views and readable failures. */
export function createStorageClient(chain: TestChain) {
  const read = async (abi: Abi, to: Hex, functionName: string, args: readonly unknown[], from: Hex = ALICE): Promise<unknown> => {
    const outcome = await chain.dryRun({ from, to, data: encodeFunctionData({ abi, functionName, args }) })
    if (!outcome.success) throw new Error(failure(outcome))
    return decodeFunctionResult({ abi, functionName, data: outcome.output })
  }
  return {
    flow: (name: ContractFunctionName<typeof flowAbi>, ...args: unknown[]) => read(flowAbi, FLOW, name, args),
    market: (name: ContractFunctionName<typeof marketAbi>, ...args: unknown[]) => read(marketAbi, MARKET, name, args),
    sendFlow: (name: ContractFunctionName<typeof flowAbi>, args: readonly unknown[] = [], call: TestCall = {}) =>
      chain.send({ to: FLOW, data: encodeFunctionData({ abi: flowAbi as Abi, functionName: name, args }), ...call }),
    sendMarket: (name: ContractFunctionName<typeof marketAbi>, args: readonly unknown[] = [], call: TestCall = {}) =>
      chain.send({ to: MARKET, data: encodeFunctionData({ abi: marketAbi as Abi, functionName: name, args }), ...call }),
    /** Sends with exactly the fee at 10 wei per sector unless `value` says otherwise. */
    submit: (data: Data, call: TestCall = {}) =>
      chain.send({ to: FLOW, data: encodeSubmit(data, call.from ?? ALICE), value: sectorsOf(data.nodes) * 10n, ...call }),
  }
}

/** Logs of one event of Flow or Market, decoded. */
export function eventsOf(
  outcome: TestOutcome,
  name: ContractEventName<typeof flowAbi> | ContractEventName<typeof marketAbi>,
): any[] {
  return outcome.logs.flatMap((log) => {
    const decoded = decode(log)
    return decoded?.eventName === name ? [decoded.args] : []
  })
}

/** `InvalidSubmission()`, `NotEnoughFee(10,1,9)`, `Error(text)`; what a reverted outcome says. */
export function failure({ success, output }: TestOutcome): string {
  if (success) return 'success'
  if (output === '0x') return 'no data'
  const { errorName, args } = decodeErrorResult({ abi: [...flowAbi, ...marketAbi] as Abi, data: output })
  return `${errorName}(${(args ?? []).join(',')})`
}

function decode(log: TestLog): { eventName: string; args: unknown } | undefined {
  try {
    const topics = log.topics as [Hex, ...Hex[]]
    return decodeEventLog({ abi: [...flowAbi, ...marketAbi] as Abi, data: log.data, topics }) as never
  } catch {
    return undefined
  }
}

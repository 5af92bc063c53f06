import type { Hex } from '@zerog/primitives'
import { decodeFunctionResult, encodeFunctionData } from 'viem/utils'
import { PREDEPLOY_ADDRESSES } from '../addresses.ts'
import { daSigners } from '../artifacts/da-signers.ts'
import { type CallContract, readEpoch } from './calls.ts'

const { abi } = daSigners
const to = PREDEPLOY_ADDRESSES.daSigners

/** When the next epoch may begin. */
export type EpochSchedule = {
  /** The present epoch; 0 while there has been none. */
  readonly epoch: bigint
  /** First block in which anybody may begin the next one. */
  readonly nextFromBlock: bigint
  /** Members that the next committee would have if nothing changes. */
  readonly nextMembers: number
}

/** Reads when the next epoch may begin and whether it would have members. */
export async function readEpochSchedule(call: CallContract, signal?: AbortSignal): Promise<EpochSchedule> {
  const read = (data: Hex) => call({ to, data, ...(signal !== undefined && { signal }) })
  const epoch = await readEpoch(call, signal)
  const list = await read(encodeFunctionData({ abi, functionName: 'nextMembers' }))
  const nextMembers = decodeFunctionResult({ abi, functionName: 'nextMembers', data: list }).length
  if (epoch === 0n) return { epoch, nextFromBlock: 0n, nextMembers }
  const found = await read(encodeFunctionData({ abi, functionName: 'epochDetail', args: [epoch] }))
  const { firstBlock } = decodeFunctionResult({ abi, functionName: 'epochDetail', data: found })
  const length = await read(encodeFunctionData({ abi, functionName: 'epochBlocks' }))
  const epochBlocks = BigInt(decodeFunctionResult({ abi, functionName: 'epochBlocks', data: length }))
  return { epoch, nextFromBlock: firstBlock + epochBlocks, nextMembers }
}

/** Begins the next epoch: anybody may once the present one is over, the owner of the registry at any time. */
export function encodeMakeEpoch(): { readonly to: Hex; readonly data: Hex } {
  return { to, data: encodeFunctionData({ abi, functionName: 'makeEpoch' }) }
}

/** Address under which other services reach the caller's member; from now on, for present epochs too. */
export function encodeUpdateSocket(socket: string): { readonly to: Hex; readonly data: Hex } {
  return { to, data: encodeFunctionData({ abi, functionName: 'updateSocket', args: [socket] }) }
}

/** The caller is in no committee from the next epoch on. */
export function encodeLeaveCommittee(): { readonly to: Hex; readonly data: Hex } {
  return { to, data: encodeFunctionData({ abi, functionName: 'leaveCommittee' }) }
}

/** Weight of a member from the next epoch on; only the weigher may. @param votes 0 to 2^64 - 1; 0 takes it out */
export function encodeSetVotes(options: { readonly account: Hex; readonly votes: bigint }): {
  readonly to: Hex
  readonly data: Hex
} {
  return { to, data: encodeFunctionData({ abi, functionName: 'setVotes', args: [options.account, options.votes] }) }
}

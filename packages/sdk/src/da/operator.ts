// For whoever runs members of data availability, apart from the main entry: curves and contracts would make every page larger.
import { compressKey } from '@zerog/availability'
import {
  affineKey,
  daSignersAbi,
  type EpochSchedule,
  encodeLeaveCommittee,
  encodeMakeEpoch,
  encodeRegisterKey,
  encodeSetVotes,
  encodeUpdateSocket,
  PREDEPLOY_ADDRESSES,
  readEpoch,
  readEpochSchedule,
} from '@zerog/contracts'
import { bigintToBytes, concatBytes, fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import { decodeErrorResult, decodeFunctionResult, encodeFunctionData } from 'viem'
import * as eth from 'viem/actions'
import { callContract } from '../chain/read.ts'
import { addressOf, sendTransaction, waitForReceipt } from '../chain/send.ts'
import type { Context } from '../client.ts'
import { fromViemError } from '../errors.ts'
import { type MemberRegistration, memberPlace, parseRegistration, prepareMember } from './registration.ts'

export type { EpochSchedule } from '@zerog/contracts'
export {
  checkMemberCertificate,
  type MemberRegistration,
  memberPlace,
  memberPublicKey,
  newMemberKey,
  parseRegistration,
  prepareMember,
} from './registration.ts'

export type OperatorOptions = {
  /** Asks the contract whether it would take the call, and sends nothing. */
  readonly dryRun?: boolean
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** What a call to the registry of members did; no hash after a dry run. */
export type RegistryReceipt = {
  readonly from: Hex
  readonly hash?: Hex
  readonly height?: bigint
  readonly gasUsed?: bigint
}

/** A member as the registry has it. `active`: it will be in the next committee. */
export type RegisteredMember = {
  readonly address: Hex
  readonly votes: bigint
  readonly active: boolean
  readonly registered: boolean
  readonly socket: string
  /** Compressed, 48 bytes, where it is registered. */
  readonly publicKey?: Hex
}

/** The present epoch and when the next one may begin. */
export function getEpochSchedule(context: Context): Promise<EpochSchedule> {
  return readEpochSchedule((call) => callContract(context, call))
}

/**
 * Begins the next epoch of the committee. Anybody may once the present one is over, the owner of the registry at any time; on networks with
 * a disperser, its keeper does it.
 * @throws ZerogError TRANSACTION_REFUSED with EpochNotOver or NoMembers
 */
export async function makeEpoch(
  context: Context,
  options: OperatorOptions = {},
): Promise<RegistryReceipt & { readonly epoch: bigint }> {
  const receipt = await sendToRegistry(context, encodeMakeEpoch(), options)
  return { ...receipt, epoch: await readEpoch((call) => callContract(context, call)) }
}

/**
 * Registers the BLS key of a member for the account that signs, or replaces it. It is in the next committee once it has votes.
 * @param options.secretKey BLS12-381, 32 bytes big-endian; it never leaves this function
 * @param options.registration instead of it: what `prepareMember` made where the key is
 * @param options.socket where services reach the member: the ordinal of its instance, or host:port of its door
 * @throws ZerogError INVALID_ARGUMENT for bytes that are no secret key, a socket that leads nowhere, a registration of another account or chain
 */
export async function registerMember(
  context: Context,
  options: OperatorOptions & { readonly socket: string } & (
      | { readonly secretKey: Uint8Array }
      | { readonly registration: MemberRegistration }
    ),
): Promise<RegistryReceipt> {
  const { socket } = options
  memberPlace(socket)
  const account = addressOf(context)
  const chainId = Number(await context.chainId())
  const registration =
    'registration' in options
      ? parseRegistration(options.registration)
      : prepareMember({ secretKey: options.secretKey, chainId, account })
  if (registration.chainId !== chainId || registration.account.toLowerCase() !== account.toLowerCase()) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `the registration is for account ${registration.account} on chain ${registration.chainId}, and ${account} on chain ${chainId} signs`,
    })
  }
  const key = affineKey(fromHex(registration.publicKey))
  return sendToRegistry(context, encodeRegisterKey({ key, possession: fromHex(registration.possession), socket }), options)
}

/** Tells where the member of the account that signs is reached, from now on. */
export async function updateMember(
  context: Context,
  options: OperatorOptions & { readonly socket: string },
): Promise<RegistryReceipt> {
  memberPlace(options.socket)
  return sendToRegistry(context, encodeUpdateSocket(options.socket), options)
}

/** Takes the account that signs out of committees from the next epoch on. What it signed binds it until it expires: keep it running. */
export function leaveCommittee(context: Context, options: OperatorOptions = {}): Promise<RegistryReceipt> {
  return sendToRegistry(context, encodeLeaveCommittee(), options)
}

/** Weighs a member from the next epoch on; only the weigher of the registry may, which is its owner at first. @param options.votes 0 takes it out */
export function setVotes(
  context: Context,
  options: OperatorOptions & { readonly account: Hex; readonly votes: bigint },
): Promise<RegistryReceipt> {
  if (options.votes < 0n || options.votes >= 2n ** 64n) {
    throw new ZerogError('INVALID_ARGUMENT', { message: 'votes are a whole number from 0 to 2^64 - 1' })
  }
  return sendToRegistry(context, encodeSetVotes(options), options)
}

/** A member by its account, registered or not. */
export async function getMember(context: Context, account: Hex): Promise<RegisteredMember> {
  const abi = daSignersAbi
  const data = encodeFunctionData({ abi, functionName: 'signerOf', args: [account] })
  const output = await callContract(context, { to: PREDEPLOY_ADDRESSES.daSigners, data })
  const [key, votes, active, socket] = decodeFunctionResult({ abi, functionName: 'signerOf', data: output })
  const registered = key.xLow !== 0n || key.xHigh !== 0n
  const words: readonly [bigint, number][] = [
    [key.xHigh, 16],
    [key.xLow, 32],
    [key.yHigh, 16],
    [key.yLow, 32],
  ]
  const affine = concatBytes(...words.map(([word, bytes]) => bigintToBytes(word, bytes)))
  return { address: account, votes, active, registered, socket, ...(registered && { publicKey: toHex(compressKey(affine)) }) }
}

async function sendToRegistry(
  context: Context,
  call: { readonly to: Hex; readonly data: Hex },
  { dryRun = false, timeoutMs, signal }: OperatorOptions,
): Promise<RegistryReceipt> {
  const from = addressOf(context)
  await requireTaken(context, { ...call, account: from })
  if (dryRun) return { from }
  const more = signal === undefined ? {} : { signal }
  const { hash } = await sendTransaction(context, { ...call, ...more })
  const receipt = await waitForReceipt(context, { hash, ...more, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
  return { from, hash, height: receipt.blockNumber, gasUsed: receipt.gasUsed }
}

/** Simulates, so that a refusal has the contract's words before anything is paid. */
async function requireTaken(context: Context, call: { readonly to: Hex; readonly data: Hex; readonly account: Hex }) {
  try {
    await eth.call(context.viem, call)
  } catch (error) {
    const known = fromViemError(error)
    const words = refusalOf(known)
    if (words === undefined) throw known
    throw new ZerogError('TRANSACTION_REFUSED', { message: `the registry of members refuses: ${words}`, cause: known })
  }
}

/** `EpochNotOver(28801)`, out of the bytes that a node adds to its refusal. */
function refusalOf(error: unknown): string | undefined {
  const data = error instanceof Error ? /\b0x[0-9a-f]{8,}/i.exec(error.message)?.[0] : undefined
  try {
    const { errorName, args } = decodeErrorResult({ abi: daSignersAbi, data: data as Hex }) // matched above; undefined throws
    return `${errorName}(${(args ?? []).join(', ')})`
  } catch {
    return undefined
  }
}

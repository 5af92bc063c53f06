import { bls12_381 } from '@noble/curves/bls12-381.js'
import {
  bitmapOf,
  type Certificate,
  type Committee,
  compressKey,
  createCommittee,
  createWindow,
  type Member,
  possessionMessage,
  type Statement,
  windowMessage,
} from '@zerog/availability'
import { nobleBls } from '@zerog/consensus/noble'
import { sha256 } from '@zerog/kernels'
import { bigintToBytes, bytesToBigint, concatBytes, fromHex, type Hex, toHex } from '@zerog/primitives'
import { type Abi, decodeErrorResult, decodeEventLog, decodeFunctionResult, encodeFunctionData } from 'viem'
import {
  affineKey,
  type CertifiedWindow,
  daEntranceAbi,
  daSignersAbi,
  encodeRegisterKey,
  type GenesisAllocation,
  genesisAllocation,
  PREDEPLOY_ADDRESSES,
} from '../../src/index.ts'
import { ALICE, BOB, OWNER, type TestCall, type TestChain, type TestLog, type TestOutcome } from './test-chain.ts'

/** What `block.chainid` is on the test chain. */
export const CHAIN_ID = 1n
export const NOW = 1_800_000_000n
export const { daSigners: SIGNERS, daEntrance: ENTRANCE } = PREDEPLOY_ADDRESSES
const ABIS: Record<Hex, Abi> = { [SIGNERS]: daSignersAbi as unknown as Abi, [ENTRANCE]: daEntranceAbi as unknown as Abi }

export type TestMember = Member & { readonly secretKey: Uint8Array }

/** Members with real keys. */
export function testMembers(stakes: readonly bigint[]): TestMember[] {
  return stakes.map((stake, index) => {
    const secretKey = sha256(Uint8Array.of(index, index >> 8, 0xda)).fill(0, 0, 1)
    return {
      address: toHex(sha256(Uint8Array.of(index, index >> 8)).subarray(0, 20)),
      stake,
      key: affineKey(nobleBls.publicKey(secretKey)),
      socket: index % 2 === 0 ? `${index}` : `a-node-with-a-rather-long-name-${index}.example:34000`,
      secretKey,
    }
  })
}

/** A production network with these members in its genesis. */
export function daAllocation(members: readonly Member[] = []): GenesisAllocation {
  return genesisAllocation({
    chainId: 9999n,
    development: false,
    chainOnly: false,
    accounts: [ALICE, BOB, OWNER].map((address) => ({ address, balance: 10n ** 24n })),
    storage: { owner: OWNER },
    da: { members, epochBlocks: 100n, retentionSecondsMax: 1_000_000n, seed: new Uint8Array(32).fill(5) },
  })
}

export const committeeOf = (members: readonly Member[], epoch = 1n): Committee =>
  createCommittee({ epoch, id: 0, seed: new Uint8Array(32).fill(5), members })

let made = 0
/** A statement that nobody made before. */
export function testStatement(change: Partial<Statement> = {}): Statement {
  const commitment = sha256(concatBytes(new TextEncoder().encode('bundle'), bigintToBytes(BigInt(++made), 4)))
  return {
    commitment,
    k: 512,
    n: 1_536,
    rowBytes: 8_192,
    payloadBytes: 4_000_000,
    epoch: 1n,
    committee: 0,
    expiry: NOW + 500_000n,
    ...change,
  }
}

/** Signed by `signers`, all where none are given: with the sum of their secret keys, which gives the sum of their signatures. */
export function certifiedWindow(
  statements: readonly Statement[],
  options: {
    readonly committee: Committee
    readonly members: readonly TestMember[]
    readonly signers?: readonly number[]
    readonly chainId?: bigint
  },
): CertifiedWindow {
  const { committee, members } = options
  const window = createWindow(statements, committee, options.chainId ?? CHAIN_ID)
  const signers = options.signers ?? members.map((_, index) => index)
  const signature = signTogether(
    signers.map((signer) => (members[signer] as TestMember).secretKey),
    windowMessage(window),
  )
  const certificate: Certificate = { ...window, bitmap: bitmapOf(signers, committee.members.length), signature }
  return { certificate, statements }
}

export function signTogether(secretKeys: readonly Uint8Array[], message: Uint8Array): Uint8Array {
  const sum = secretKeys.reduce((total, key) => (total + bytesToBigint(key)) % bls12_381.fields.Fr.ORDER, 0n)
  return nobleBls.sign(bigintToBytes(sum, 32), message)
}

/** What `member` sends to register itself. */
export function registration(member: TestMember, account: Hex = member.address): TestCall {
  const message = possessionMessage({ chainId: CHAIN_ID, account: fromHex(account), publicKey: compressKey(member.key) })
  const possession = nobleBls.sign(member.secretKey, message)
  return { from: account, ...encodeRegisterKey({ key: member.key, possession, socket: member.socket }) }
}

export function encode(
  to: Hex,
  functionName: string,
  args: readonly unknown[] = [],
): TestCall & { readonly to: Hex; readonly data: Hex } {
  return { to, data: encodeFunctionData({ abi: ABIS[to] as Abi, functionName, args }) }
}

/** The result of a view, or the error's name and arguments. */
export async function view(chain: TestChain, to: Hex, functionName: string, ...args: unknown[]): Promise<unknown> {
  const outcome = await chain.dryRun(encode(to, functionName, args))
  if (!outcome.success) return failure(outcome)
  return decodeFunctionResult({ abi: ABIS[to] as Abi, functionName, data: outcome.output })
}

/** `success`, or a named error with its arguments, or the revert string. */
export function failure(outcome: TestOutcome): string {
  if (outcome.success) return 'success'
  if (outcome.output === '0x') return 'no reason'
  for (const abi of Object.values(ABIS)) {
    try {
      const { errorName, args } = decodeErrorResult({ abi, data: outcome.output })
      return errorName === 'Error' ? String(args?.[0]) : `${errorName}(${(args ?? []).join(',')})`
    } catch {
      // another contract's
    }
  }
  return outcome.output
}

export type DaEvent = { readonly name: string; readonly args: Record<string, unknown> }

export function eventsOf(logs: readonly TestLog[]): DaEvent[] {
  return logs.map(({ address, topics, data }) => {
    const { eventName, args } = decodeEventLog({ abi: ABIS[address] as Abi, topics: topics as [Hex], data })
    return { name: String(eventName), args: args as unknown as Record<string, unknown> }
  })
}

/** As `eth_call` for the readers. */
export const callOf =
  (chain: TestChain) =>
  async (request: { readonly to: Hex; readonly data: Hex }): Promise<Hex> => {
    const outcome = await chain.dryRun({ to: request.to, data: request.data })
    if (!outcome.success) throw new Error(failure(outcome))
    return outcome.output
  }

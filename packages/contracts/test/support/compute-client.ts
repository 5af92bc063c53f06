import { fromHex, type Hex, toHex } from '@zerog/primitives'
import {
  type Abi,
  decodeErrorResult,
  decodeEventLog,
  decodeFunctionResult,
  encodeFunctionData,
  keccak256,
  parseEther,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { addresses, artifacts, type GenesisAllocation, genesisAllocation } from '../../src/index.ts'
import { createTestChain, type TestChain, type TestLog, type TestOutcome } from './test-chain.ts'

export const CHAIN_ID = 9999n
/** The test EVM has the chain id of its common parameters. */
export const EVM_CHAIN_ID = 1

export const AT = addresses({ chainId: CHAIN_ID })
export const ADMIN: Hex = '0x00000000000000000000000000000000000000ad'
export const user = (index: number): Hex => `0xa11ce${index.toString(16).padStart(35, '0')}`
export const provider = (index: number): Hex => `0xb0b00${index.toString(16).padStart(35, '0')}`
export const SIGNER_KEY: Hex = `0x${'11'.repeat(32)}`
export const SIGNER = privateKeyToAccount(SIGNER_KEY).address.toLowerCase() as Hex
export const og = (amount: string | number): bigint => parseEther(String(amount))
export const hash = (seed: string | number): Hex => keccak256(new TextEncoder().encode(`hash ${seed}`))
export const LOCK = 86_400n

/** Everything that the contracts can revert with or emit. */
const ALL_ABI = [
  ...artifacts.ledgerManager.abi,
  ...artifacts.inferenceServing.abi,
  ...artifacts.fineTuningServing.abi,
  ...artifacts.receiptAnchor.abi,
  ...artifacts.modelRegistry.abi,
  ...artifacts.signerPolicy.abi,
] as unknown as Abi

const CONTRACTS = {
  ledger: { at: AT.ledgerManager, abi: artifacts.ledgerManager.abi as unknown as Abi },
  inference: { at: AT.inferenceServing, abi: artifacts.inferenceServing.abi as unknown as Abi },
  tuning: { at: AT.fineTuningServing, abi: artifacts.fineTuningServing.abi as unknown as Abi },
  anchor: { at: AT.receiptAnchor, abi: artifacts.receiptAnchor.abi as unknown as Abi },
  models: { at: AT.modelRegistry, abi: artifacts.modelRegistry.abi as unknown as Abi },
  policy: { at: AT.signerPolicy, abi: artifacts.signerPolicy.abi as unknown as Abi },
} as const

export type ContractName = keyof typeof CONTRACTS
export type Send = { readonly from?: Hex; readonly value?: bigint }

export function computeAllocation(storage: Readonly<Record<Hex, Readonly<Record<Hex, Hex>>>> = {}): GenesisAllocation {
  const funded = [ADMIN, ...Array.from({ length: 60 }, (_, index) => user(index)), provider(0), provider(1), provider(2)]
  const allocation: Record<Hex, GenesisAllocation[Hex]> = {
    ...genesisAllocation({
      chainId: CHAIN_ID,
      development: false,
      chainOnly: false,
      accounts: funded.map((address) => ({ address, balance: og(100_000) })),
      storage: { owner: ADMIN },
    }),
  }
  for (const [address, slots] of Object.entries(storage) as [Hex, Record<Hex, Hex>][]) {
    const account = allocation[address]
    if (account !== undefined) allocation[address] = { ...account, storage: { ...account.storage, ...slots } }
  }
  return allocation
}

export type ComputeClient = Awaited<ReturnType<typeof createComputeClient>>

export async function createComputeClient(allocation: GenesisAllocation = computeAllocation()) {
  const chain: TestChain = await createTestChain(allocation)
  const encode = (name: ContractName, functionName: string, args: readonly unknown[]): Hex =>
    encodeFunctionData({ abi: CONTRACTS[name].abi, functionName, args })
  const send = (name: ContractName, functionName: string, args: readonly unknown[] = [], call: Send = {}): Promise<TestOutcome> =>
    chain.send({ to: CONTRACTS[name].at, data: encode(name, functionName, args), from: user(0), ...call })
  return {
    chain,
    encode,
    send,
    /** Fails the test unless it succeeds. */
    async must(name: ContractName, functionName: string, args: readonly unknown[] = [], call: Send = {}): Promise<TestOutcome> {
      const outcome = await send(name, functionName, args, call)
      if (!outcome.success) throw new Error(`${functionName}: ${reasonOf(outcome)}`)
      return outcome
    },
    /** The reason of a revert, `success` if there is none. */
    try: async (name: ContractName, functionName: string, args: readonly unknown[] = [], call: Send = {}): Promise<string> =>
      reasonOf(await send(name, functionName, args, call)),
    async read(name: ContractName, functionName: string, args: readonly unknown[] = [], from: Hex = user(0)): Promise<any> {
      const { abi, at } = CONTRACTS[name]
      const outcome = await chain.dryRun({ from, to: at, data: encode(name, functionName, args) })
      if (!outcome.success) throw new Error(reasonOf(outcome))
      return decodeFunctionResult({ abi, functionName, data: outcome.output })
    },
  }
}

export function reasonOf({ success, output }: TestOutcome): string {
  if (success) return 'success'
  if (output === '0x') return 'no data'
  const { errorName, args } = decodeErrorResult({ abi: ALL_ABI, data: output })
  return `${errorName}(${(args ?? []).map((arg) => String(arg).toLowerCase()).join(',')})`
}

/** All events of a transaction in order, `Name(arg,arg)`, addresses in lower case. */
export function eventsOf(outcome: TestOutcome): string[] {
  return outcome.logs.map((log) => {
    const { eventName, args } = decodeEventLog({ abi: abiAt(log), data: log.data, topics: log.topics as [Hex, ...Hex[]] })
    return `${eventName}(${Object.values(args ?? {})
      .map(printed)
      .join(',')})`
  })
}

function abiAt({ address }: TestLog): Abi {
  return Object.values(CONTRACTS).find(({ at }) => at === address)?.abi ?? ALL_ABI
}

function printed(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printed).join(',')}]`
  if (typeof value === 'object' && value !== null) return `{${Object.values(value).map(printed).join(',')}}`
  return typeof value === 'string' && /^0x[0-9a-fA-F]{40}$/.test(value) ? value.toLowerCase() : String(value)
}

export const serviceParams = (change: Record<string, unknown> = {}) => ({
  serviceType: 'chatbot',
  url: 'http://127.0.0.1:1',
  model: 'm',
  verifiability: 'OpML',
  inputPrice: 1n,
  outputPrice: 2n,
  additionalInfo: '{}',
  teeSignerAddress: SIGNER,
  ...change,
})

/** A provider with an acknowledged signer, and users each with a sub-account of `balance` wei at it. */
export async function openForBusiness(client: ComputeClient, options: { users?: number; balance?: bigint; at?: Hex } = {}) {
  const { users = 1, balance = og(10), at = provider(0) } = options
  await client.must('inference', 'addOrUpdateService', [serviceParams()], { from: at, value: og(100) })
  await client.must('inference', 'acknowledgeTEESignerByOwner', [at], { from: ADMIN })
  for (let index = 0; index < users; index++) {
    await client.must('ledger', 'addLedger', [''], { from: user(index), value: balance + og(5) })
    await client.must('ledger', 'transferFund', [at, 'inference-v1.0', balance], { from: user(index) })
  }
}

export type Claim = {
  readonly user?: Hex
  readonly provider?: Hex
  readonly totalFee?: bigint
  readonly nonce?: bigint
  readonly requestsHash?: Hex
  readonly key?: Hex
  readonly chainId?: number
  readonly contract?: Hex
}

/** A claim signed as 0G's clients sign it, by an implementation that is not ours. */
export async function signedClaim(claim: Claim) {
  const value = {
    requestsHash: claim.requestsHash ?? hash('requests'),
    nonce: claim.nonce ?? 1n,
    provider: claim.provider ?? provider(0),
    user: claim.user ?? user(0),
    totalFee: claim.totalFee ?? og(1),
  }
  const signature = await privateKeyToAccount(claim.key ?? SIGNER_KEY).signTypedData({
    domain: {
      name: '0G Inference Serving',
      version: '1',
      chainId: claim.chainId ?? EVM_CHAIN_ID,
      verifyingContract: claim.contract ?? AT.inferenceServing,
    },
    types: {
      TEESettlement: [
        { name: 'requestsHash', type: 'bytes32' },
        { name: 'nonce', type: 'uint256' },
        { name: 'provider', type: 'address' },
        { name: 'user', type: 'address' },
        { name: 'totalFee', type: 'uint256' },
      ],
    },
    primaryType: 'TEESettlement',
    message: value,
  })
  return { ...value, signature }
}

export const sOf = (signature: Hex): bigint => BigInt(toHex(fromHex(signature).subarray(32, 64)))

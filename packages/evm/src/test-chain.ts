import { memoryKv } from '@zerog/adapters'
import type { Kv } from '@zerog/ports'
import { fromHex, type Hex } from '@zerog/primitives'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { decodeTransaction } from './codec/transaction.ts'
import { createExecutor, type ExecutorOptions } from './create-executor.ts'
import { SYSTEM_CONTRACTS } from './engine/system-contracts.ts'
import type { BlockEnvironment, ExecutedBlock, GenesisAllocation, Transaction } from './executor.ts'

export const CHAIN_ID = 31337n
export const GWEI = 10n ** 9n
const WORD: Hex = `0x${'00'.repeat(32)}`
export const ENVIRONMENT: BlockEnvironment = {
  height: 0n,
  parentHash: WORD,
  timestampSeconds: 1_700_000_000n,
  gasLimit: 60_000_000n,
  baseFeePerGas: GWEI,
  beneficiary: `0x${'bb'.repeat(20)}`,
  prevRandao: `0x${'ab'.repeat(32)}`,
  extraData: `0x${'ed'.repeat(32)}`,
}

/** Key number `index`; nothing depends on which it is. */
export function key(index: number): PrivateKeyAccount {
  return privateKeyToAccount(`0x${(index + 1).toString(16).padStart(64, '0')}`)
}

export function address(index: number): Hex {
  return key(index).address.toLowerCase() as Hex
}

/** An executor on memory with ten rich keys and the given contracts in its committed genesis. For tests of this package. */
export async function testChain(
  contracts: GenesisAllocation = {},
  options: Partial<ExecutorOptions> & { readonly systemContracts?: boolean } = {},
) {
  const kv: Kv = options.kv ?? memoryKv()
  const executor = createExecutor({ kv, chainId: CHAIN_ID, ...options })
  const rich = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [address(index), { balance: 10n ** 22n }]))
  const allocation = { ...(options.systemContracts === false ? {} : SYSTEM_CONTRACTS), ...rich, ...contracts }
  const genesis = await executor.genesis({ allocation, environment: ENVIRONMENT })
  executor.commit(genesis)
  let head: ExecutedBlock = genesis
  return {
    kv,
    executor,
    allocation,
    genesis,
    head: () => head,
    next: (): BlockEnvironment => ({
      ...ENVIRONMENT,
      height: head.header.height + 1n,
      parentHash: head.hash,
      timestampSeconds: head.header.timestampSeconds + 1n,
    }),
    /** Builds and commits a block of these transactions. */
    async mine(transactions: readonly Transaction[]) {
      const built = await executor.build({ parent: head.header, environment: this.next(), candidates: transactions })
      executor.commit(built.block)
      head = built.block
      return built
    },
  }
}

type Fields = {
  readonly nonce: number
  readonly to?: Hex | undefined
  readonly data?: Hex
  readonly gas?: bigint
  readonly value?: bigint
}

/** A signed type-2 transaction of key `from`. */
export async function signed(from: number, { nonce, to, data, gas = 1_000_000n, value = 0n }: Fields): Promise<Transaction> {
  const raw = await key(from).signTransaction({
    type: 'eip1559',
    chainId: Number(CHAIN_ID),
    nonce,
    gas,
    value,
    maxFeePerGas: 3n * GWEI,
    maxPriorityFeePerGas: GWEI,
    ...(to !== undefined && { to }),
    ...(data !== undefined && { data }),
  })
  return decodeTransaction(fromHex(raw), { chainId: CHAIN_ID })
}

/** A contract that consists of this code. */
export function contract(code: string, balance = 0n): { readonly balance: bigint; readonly nonce: bigint; readonly code: Hex } {
  return { balance, nonce: 1n, code: `0x${code}` }
}

export function at(number: number): Hex {
  return `0x${number.toString(16).padStart(40, 'c0')}`
}

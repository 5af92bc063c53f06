import { memoryKv } from '@zerog/adapters/memory'
import { type BlockEnvironment, createExecutor, decodeTransaction, type ExecutedBlock, type Receipt } from '@zerog/evm'
import { fromHex, type Hex } from '@zerog/primitives'
import { privateKeyToAccount } from 'viem/accounts'
import { developmentAccounts, genesisAllocation, type StorageParameters } from '../../src/index.ts'

const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`
export const CHAIN_ID = 31337n

export type SendOptions = {
  readonly to?: Hex
  readonly data?: Hex
  readonly value?: bigint
  readonly account?: number
  readonly gas?: bigint
}

/** The development network on our own executor, one transaction per block, signed with the public keys. */
export async function createExecutorChain(storage: Partial<StorageParameters> = {}) {
  const executor = createExecutor({ kv: memoryKv(), chainId: CHAIN_ID })
  const environmentAfter = (parent: ExecutedBlock | undefined): BlockEnvironment => ({
    height: parent === undefined ? 0n : parent.header.height + 1n,
    parentHash: parent?.hash ?? ZERO_HASH,
    timestampSeconds: (parent?.header.timestampSeconds ?? 1_800_000_000n) + 1n,
    gasLimit: 60_000_000n,
    baseFeePerGas: 1_000_000_000n,
    beneficiary: '0x00000000000000000000000000000000000000fe',
    prevRandao: ZERO_HASH,
    extraData: ZERO_HASH,
  })
  const allocation = genesisAllocation({ chainId: CHAIN_ID, development: true, chainOnly: false, storage })
  let head = await executor.genesis({ allocation, environment: environmentAfter(undefined) })
  executor.commit(head)
  const build = async (raw: readonly Hex[]): Promise<ExecutedBlock> => {
    const candidates = raw.map((bytes) => decodeTransaction(fromHex(bytes)))
    const { block, refusals } = await executor.build({ parent: head.header, environment: environmentAfter(head), candidates })
    if (refusals.length > 0) throw new Error(`refused: ${refusals.map(({ message }) => message).join('; ')}`)
    executor.commit(block)
    head = block
    return block
  }
  return {
    head: () => head,
    mine: async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) await build([])
    },
    async send({ to, data, value = 0n, account = 0, gas = 3_000_000n }: SendOptions): Promise<Receipt> {
      const { address, privateKey } = developmentAccounts()[account] as { address: Hex; privateKey: Hex }
      const nonce = (await executor.account(head.header.stateRoot, address))?.nonce ?? 0n
      const raw = await privateKeyToAccount(privateKey).signTransaction({
        type: 'eip1559',
        chainId: Number(CHAIN_ID),
        nonce: Number(nonce),
        gas,
        maxFeePerGas: 1_000_000_000n,
        maxPriorityFeePerGas: 1_000_000_000n,
        value,
        ...(to === undefined ? {} : { to }),
        ...(data === undefined ? {} : { data }),
      })
      const { receipts } = await build([raw])
      return receipts[0] as Receipt // one transaction that was not refused
    },
    call: (to: Hex, data: Hex, from: Hex = ZERO_ADDRESS) =>
      executor.call(head.header.stateRoot, environmentAfter(head), { from, to, data }),
    /** Whether a transaction would succeed in the next block. */
    succeeds: async ({ to, data, value = 0n, account = 0, gas = 3_000_000n }: SendOptions): Promise<boolean> => {
      const { address: from } = developmentAccounts()[account] as { address: Hex }
      const request = { from, value, gas, ...(to === undefined ? {} : { to }), ...(data === undefined ? {} : { data }) }
      return (await executor.call(head.header.stateRoot, environmentAfter(head), request)).error === undefined
    },
    balance: async (address: Hex): Promise<bigint> => (await executor.account(head.header.stateRoot, address))?.balance ?? 0n,
  }
}

const ZERO_ADDRESS: Hex = '0x0000000000000000000000000000000000000000'

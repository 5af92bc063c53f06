import { createBlock } from '@ethereumjs/block'
import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { MerkleStateManager } from '@ethereumjs/statemanager'
import { createLegacyTx } from '@ethereumjs/tx'
import { Account, createAddressFromString, hexToBytes, setLengthLeft } from '@ethereumjs/util'
import { createVM, runTx } from '@ethereumjs/vm'
import { type Hex, toHex } from '@zerog/primitives'
import { type Abi, encodeDeployData, keccak256, toBytes } from 'viem'
import { type GenesisAllocation, genesisAllocation, SYSTEM_ADDRESSES } from '../../src/index.ts'

export type TestLog = { readonly address: Hex; readonly topics: readonly Hex[]; readonly data: Hex }

export type TestOutcome = {
  readonly success: boolean
  readonly output: Hex
  readonly gasUsed: bigint
  readonly logs: readonly TestLog[]
  readonly createdAddress: Hex | undefined
}

export type TestCall = {
  readonly from?: Hex
  readonly to?: Hex
  readonly data?: Hex
  readonly value?: bigint
  readonly gasLimit?: bigint
}

/** An EVM with Prague rules whose height and time a test sets; hashes of old blocks come from `hashOf`, as do the EIP-2935 slots. */
export type TestChain = {
  height: bigint
  timestampSeconds: bigint
  /** One transaction in one block at the present height. */
  send(call: TestCall): Promise<TestOutcome>
  /** The same without keeping the state. */
  dryRun(call: TestCall): Promise<TestOutcome>
  balance(address: Hex): Promise<bigint>
  storage(address: Hex, slot: Hex): Promise<Hex>
  /** Equal for two accounts if and only if all their slots are. */
  storageRoot(address: Hex): Promise<Hex>
  deploy(bytecode: Hex, from: Hex): Promise<Hex>
}

export const hashOf = (height: bigint): Hex => keccak256(toBytes(`block ${height}`))

export const ALICE: Hex = '0x00000000000000000000000000000000000a11ce'
export const BOB: Hex = '0x0000000000000000000000000000000000000b0b'
export const OWNER: Hex = '0x0000000000000000000000000000000000000c0c'
const FUNDS = 10n ** 24n

/** A network with the genesis of a production chain: price 10 wei, epochs of 100 blocks, 30 days of lifetime. */
export function testAllocation(): GenesisAllocation {
  return genesisAllocation({
    chainId: 9999n,
    development: false,
    chainOnly: false,
    accounts: [ALICE, BOB, OWNER].map((address) => ({ address, balance: FUNDS })),
    storage: { owner: OWNER, pricePerSectorWei: 10n, blocksPerEpoch: 100n, entryLifetimeSeconds: 30n * 86_400n },
  })
}

export async function createTestChain(allocation: GenesisAllocation = testAllocation()): Promise<TestChain> {
  const common = new Common({ chain: Mainnet, hardfork: Hardfork.Prague })
  const stateManager = new MerkleStateManager({ common })
  const blockchain = {
    getBlock: async (height: bigint | number) => ({ hash: () => hexToBytes(hashOf(BigInt(height as bigint))) }),
    shallowCopy() {
      return this
    },
  }
  const vm = await createVM({ common, stateManager, blockchain: blockchain as never })
  await stateManager.checkpoint()
  for (const [address, account] of Object.entries(allocation) as [Hex, GenesisAllocation[Hex]][]) {
    const target = createAddressFromString(address)
    await stateManager.putAccount(target, new Account(account.nonce ?? 0n, account.balance))
    if (account.code !== undefined) await stateManager.putCode(target, hexToBytes(account.code))
    for (const [slot, value] of Object.entries(account.storage ?? {}) as [Hex, Hex][]) {
      await stateManager.putStorage(target, hexToBytes(slot), trimmed(value))
    }
  }
  await stateManager.commit()

  const history = createAddressFromString(SYSTEM_ADDRESSES.blockHashHistory)
  const knowAncestors = async (height: bigint): Promise<void> => {
    // Only multiples of 100 can begin an epoch here, so only they are ever looked up.
    for (let old = (height / 100n) * 100n; old >= 0n && old + 8191n >= height; old -= 100n) {
      if (old === height) continue
      await stateManager.putStorage(
        history,
        setLengthLeft(hexToBytes(`0x${(old % 8191n).toString(16).padStart(4, '0')}`), 32),
        hexToBytes(hashOf(old)),
      )
    }
  }

  const execute = async ({ from = ALICE, to, data, value = 0n, gasLimit = 30_000_000n }: TestCall): Promise<TestOutcome> => {
    await knowAncestors(chain.height)
    const sender = createAddressFromString(from)
    const nonce = (await stateManager.getAccount(sender))?.nonce ?? 0n
    const unsigned = createLegacyTx(
      {
        nonce,
        gasPrice: 0n,
        gasLimit,
        value,
        ...(to === undefined ? {} : { to: createAddressFromString(to) }),
        ...(data === undefined ? {} : { data }),
      },
      { common, freeze: false },
    )
    unsigned.getSenderAddress = () => sender
    unsigned.isSigned = () => true
    const block = createBlock(
      { header: { number: chain.height, timestamp: chain.timestampSeconds, gasLimit: 60_000_000n, baseFeePerGas: 0n } },
      { common, skipConsensusFormatValidation: true },
    )
    const result = await runTx(vm, { tx: unsigned, block, skipHardForkValidation: true })
    const { exceptionError, returnValue, logs } = result.execResult
    return {
      success: exceptionError === undefined,
      output: toHex(returnValue),
      gasUsed: result.totalGasSpent,
      logs: (logs ?? []).map(([address, topics, bytes]) => ({
        address: toHex(address),
        topics: topics.map(toHex),
        data: toHex(bytes),
      })),
      createdAddress: result.createdAddress === undefined ? undefined : (result.createdAddress.toString() as Hex),
    }
  }

  const chain: TestChain = {
    height: 1n,
    timestampSeconds: 1_800_000_000n,
    send: execute,
    async dryRun(call) {
      await stateManager.checkpoint()
      try {
        return await execute(call)
      } finally {
        await stateManager.revert()
      }
    },
    balance: async (address) => (await stateManager.getAccount(createAddressFromString(address)))?.balance ?? 0n,
    storage: async (address, slot) => {
      const value = await stateManager.getStorage(createAddressFromString(address), hexToBytes(slot))
      return toHex(setLengthLeft(value, 32))
    },
    storageRoot: async (address) => {
      await stateManager.flush()
      return toHex((await stateManager.getAccount(createAddressFromString(address)))?.storageRoot ?? new Uint8Array())
    },
    async deploy(bytecode, from) {
      const outcome = await execute({ from, data: bytecode })
      if (!outcome.success || outcome.createdAddress === undefined) throw new Error(`deployment failed: ${outcome.output}`)
      return outcome.createdAddress
    },
  }
  return chain
}

function trimmed(value: Hex): Uint8Array {
  return hexToBytes(`0x${value.slice(2).replace(/^(00)+/, '')}`)
}

export const deployData = (abi: Abi, bytecode: Hex, args: readonly unknown[]): Hex => encodeDeployData({ abi, bytecode, args })

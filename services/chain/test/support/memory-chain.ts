import { memoryKv } from '@zerog/adapters'
import { developmentAccounts, genesisAllocation } from '@zerog/contracts'
import {
  type BlockEnvironment,
  createEthereumjsExecutor,
  DEVNET_BASE_FEE,
  decodeTransaction,
  environmentOf,
  nextBaseFee,
  signHash,
  type Transaction,
} from '@zerog/evm'
import { fromHex, type Hex, ZerogError } from '@zerog/primitives'
import type { ChainBackend, LocatedTransaction, StoredBlock } from '../../src/app/chain-backend.ts'

/** A chain without pool rules, persistence or development controls: what the JSON-RPC needs to be tested on real execution. */
export type MemoryChain = ChainBackend & {
  /** Seals what the pool holds, also when it is empty. */
  readonly mine: () => Promise<StoredBlock>
  /** Off: transactions stay in the pool until `mine`. */
  autoMine: boolean
}

const CHAIN_ID = 31_337n
const GENESIS: BlockEnvironment = {
  height: 0n,
  parentHash: `0x${'00'.repeat(32)}`,
  timestampSeconds: 1_700_000_000n,
  gasLimit: 60_000_000n,
  baseFeePerGas: 1_000_000_000n,
  beneficiary: `0x${'00'.repeat(20)}`,
  prevRandao: `0x${'11'.repeat(32)}`,
  extraData: `0x${'22'.repeat(32)}`,
}

export async function createMemoryChain(): Promise<MemoryChain> {
  const executor = createEthereumjsExecutor({ kv: memoryKv(), chainId: CHAIN_ID })
  const allocation = genesisAllocation({ chainId: CHAIN_ID, development: true, chainOnly: true })
  const genesis = await executor.genesis({ allocation, environment: GENESIS })
  executor.commit(genesis)
  const keys = new Map(developmentAccounts().map(({ address, privateKey }) => [address, fromHex(privateKey)]))
  const blocks: StoredBlock[] = [{ ...genesis, timestampMs: 0, sizeBytes: genesis.encoded.length }]
  const byHash = new Map<Hex, StoredBlock>([[genesis.hash, blocks[0] as StoredBlock]])
  const located = new Map<Hex, LocatedTransaction>()
  const pool: Transaction[] = []
  const blockListeners = new Set<(block: StoredBlock) => void>()
  const poolListeners = new Set<(transaction: Transaction) => void>()
  const head = () => blocks.at(-1) as StoredBlock
  const next = (block: StoredBlock): BlockEnvironment => ({
    ...environmentOf(block.header),
    height: block.header.height + 1n,
    parentHash: block.hash,
    timestampSeconds: block.header.timestampSeconds + 1n,
    baseFeePerGas: nextBaseFee(block.header, DEVNET_BASE_FEE),
  })

  const seal = async (): Promise<StoredBlock> => {
    const parent = head()
    const candidates = pool.toSorted((a, b) => Number(a.nonce - b.nonce))
    const { block } = await executor.build({ parent: parent.header, environment: next(parent), candidates })
    executor.commit(block)
    const stored = { ...block, timestampMs: Number(block.header.timestampSeconds) * 1000, sizeBytes: block.encoded.length }
    let logIndexFirst = 0
    for (const [index, transaction] of block.transactions.entries()) {
      const receipt = block.receipts[index] as LocatedTransaction['receipt']
      located.set(transaction.hash, { transaction, receipt, block: stored, index, logIndexFirst })
      logIndexFirst += receipt.logs.length
      pool.splice(pool.findIndex(({ hash }) => hash === transaction.hash) >>> 0, 1)
    }
    blocks.push(stored)
    byHash.set(stored.hash, stored)
    for (const listener of blockListeners) listener(stored)
    return stored
  }
  let sealing: Promise<unknown> = Promise.resolve()
  const mine = () => {
    const sealed = sealing.then(seal)
    sealing = sealed.catch(() => undefined)
    return sealed
  }

  const chain: MemoryChain = {
    autoMine: true,
    mine,
    chainId: CHAIN_ID,
    executor,
    head,
    blockByHeight: (height) => blocks[Number(height)],
    blockByHash: (hash) => byHash.get(hash),
    transaction: (hash) => located.get(hash),
    blocksWithLogs: ({ fromHeight, toHeight, mayMatch }) =>
      blocks.slice(Number(fromHeight), Number(toHeight) + 1).filter(({ header }) => mayMatch(header.logsBloom)),
    callEnvironment: (block, tag) => (tag === 'at' ? environmentOf(block.header) : next(block)),
    nextBaseFee: ({ header }) => nextBaseFee(header, DEVNET_BASE_FEE),
    minPriorityFee: () => 1_000_000n,
    async submit(raw) {
      const transaction = decodeTransaction(raw, { chainId: CHAIN_ID })
      const account = await executor.account(head().header.stateRoot, transaction.from)
      if (transaction.nonce < (account?.nonce ?? 0n)) {
        throw new ZerogError('TRANSACTION_REFUSED', {
          message: `nonce too low: next nonce ${account?.nonce}, tx nonce ${transaction.nonce}`,
        })
      }
      pool.push(transaction)
      for (const listener of poolListeners) listener(transaction)
      if (chain.autoMine) void mine()
      return transaction.hash
    },
    async pendingNonce(address) {
      const nonce = (await executor.account(head().header.stateRoot, address))?.nonce ?? 0n
      return nonce + BigInt(pool.filter(({ from, nonce: own }) => from === address && own >= nonce).length)
    },
    pooled: async (hash) => pool.find((transaction) => transaction.hash === hash),
    poolContent: async () => ({ pending: [...pool], queued: [] }),
    onBlock: (listener) => {
      blockListeners.add(listener)
      return () => blockListeners.delete(listener)
    },
    onPooled: (listener) => {
      poolListeners.add(listener)
      return () => poolListeners.delete(listener)
    },
    waitForHeight: async (height, signal) => {
      while (head().header.height < height) {
        if (signal.aborted) throw new ZerogError('REPLICA_BEHIND', { message: `at ${head().header.height}, wanted ${height}` })
        await new Promise(setImmediate)
      }
    },
    accounts: [...keys.keys()],
    sign: async (address, digest) => signHash(digest, keys.get(address) as Uint8Array),
  }
  return chain
}

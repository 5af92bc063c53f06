import { addresses, flowAbi, marketAbi } from '@zerog/contracts'
import type { Transport } from '@zerog/sdk'
import {
  concat,
  decodeEventLog,
  decodeFunctionResult,
  encodeFunctionData,
  type Hex,
  hexToBigInt,
  hexToNumber,
  keccak256,
  numberToHex,
} from 'viem'
import { requirePromise } from './caller.ts'

const { ledgerManager, inferenceServing, fineTuningServing } = addresses({ chainId: 31_337n })
const PURSE: readonly Hex[] = [ledgerManager, inferenceServing, fineTuningServing].map((address) => address.toLowerCase() as Hex)

type WireLog = { readonly address: Hex; readonly topics: [Hex, ...Hex[]]; readonly data: Hex }
type WireReceipt = {
  readonly transactionHash: Hex
  readonly status: Hex
  readonly gasUsed: Hex
  readonly effectiveGasPrice: Hex
  readonly logs: readonly WireLog[]
}
type WireTransaction = {
  readonly hash: Hex
  readonly from: Hex
  readonly to: Hex | null
  readonly nonce: Hex
  readonly value: Hex
}
type WireBlock = {
  readonly number: Hex
  readonly hash: Hex
  readonly parentHash: Hex
  readonly miner: Hex
  readonly baseFeePerGas: Hex
  readonly transactions: readonly WireTransaction[]
}

export type Books = {
  /** Reads every block since the last time and requires that it follows: parents, nonces, no transaction twice, no file paid twice. */
  readonly read: () => Promise<{ readonly height: bigint }>
  /** After `read`: each balance is, to the wei, what the transactions make of the one at genesis; the same for nonces. */
  readonly requireBalances: () => Promise<void>
  readonly hasMined: (hash: Hex) => boolean
  readonly nonce: (address: Hex) => number
  readonly blockHash: (height: bigint) => Hex | undefined
  /** Submission index of a file root; undefined if no event named it. */
  readonly entryOf: (root: Hex) => bigint | undefined
  /** Transactions are those of `senders`: services of the devnet send some of their own. */
  readonly totals: (senders: ReadonlySet<Hex>) => {
    readonly transactions: number
    readonly entries: number
    readonly repeated: number
    readonly failed: number
  }
}

const { flow, market } = addresses({ chainId: 31_337n })

/** Double-entry bookkeeping over the whole chain, kept outside of the devnet. */
export async function openBooks(transport: Transport, accounts: readonly Hex[]): Promise<Books> {
  const request = (method: string, ...params: readonly unknown[]) => transport.request('rpc', { method, params })
  const blocks: Hex[] = []
  const mined = new Set<Hex>()
  const nonces = new Map<Hex, number>()
  const changes = new Map<Hex, bigint>()
  const sentBy = new Map<Hex, number>()
  const entryByRoot = new Map<Hex, bigint>()
  let entries = 0n
  let repeated = 0
  let failed = 0

  const price = await readPrice(transport)
  // Account 0 of a devnet starts at nonce 13 (ARCHITECTURE 3a).
  for (const account of accounts)
    nonces.set(account, hexToNumber((await request('eth_getTransactionCount', account, '0x0')) as Hex))

  const book = (address: Hex, amount: bigint) => void changes.set(address, (changes.get(address) ?? 0n) + amount)

  async function readBlock(height: bigint): Promise<void> {
    const tag = numberToHex(height)
    const [block, receipts] = (await Promise.all([
      request('eth_getBlockByNumber', tag, true),
      request('eth_getBlockReceipts', tag),
    ])) as [WireBlock | null, readonly WireReceipt[] | null]
    requirePromise(block !== null && receipts !== null, () => `block ${height} is missing below the head`)
    const parent = blocks.at(-1)
    requirePromise(
      parent === undefined || block.parentHash === parent,
      () => `block ${height} does not follow block ${height - 1n}`,
    )
    blocks.push(block.hash)
    requirePromise(receipts.length === block.transactions.length, () => `block ${height} lacks receipts`)
    for (const [index, transaction] of block.transactions.entries()) {
      const receipt = receipts[index] as WireReceipt // as many as transactions
      requirePromise(receipt.transactionHash === transaction.hash, () => `receipts of block ${height} are out of order`)
      readTransaction(transaction, receipt, block)
    }
  }

  function readTransaction(transaction: WireTransaction, receipt: WireReceipt, block: WireBlock): void {
    const { hash, from, to } = transaction
    requirePromise(!mined.has(hash), () => `transaction ${hash} is mined twice`)
    mined.add(hash)
    const nonce = nonces.get(from) ?? 0
    requirePromise(
      hexToNumber(transaction.nonce) === nonce,
      () => `${from} has nonce ${transaction.nonce} where ${nonce} was next`,
    )
    nonces.set(from, nonce + 1)
    sentBy.set(from, (sentBy.get(from) ?? 0) + 1)
    const gasUsed = hexToBigInt(receipt.gasUsed)
    const gasPrice = hexToBigInt(receipt.effectiveGasPrice)
    book(from, -gasUsed * gasPrice)
    book(block.miner, gasUsed * (gasPrice - hexToBigInt(block.baseFeePerGas)))
    if (to === flow) return readSubmission(from, receipt)
    requirePromise(receipt.status === '0x1', () => `transaction ${hash} failed`)
    book(from, -hexToBigInt(transaction.value))
    if (to !== null) book(to, hexToBigInt(transaction.value))
  }

  /** Only an entry that is new is paid for: the rest of the value comes back. */
  function readSubmission(payer: Hex, receipt: WireReceipt): void {
    // Another submission between estimate and block can make the estimated gas too little: that costs gas only.
    if (receipt.status !== '0x1') {
      failed++
      return
    }
    for (const log of receipt.logs) {
      if (log.address !== flow) continue
      const event = decodeEventLog({ abi: flowAbi, topics: log.topics, data: log.data })
      if (event.eventName !== 'Submit') continue
      const { submissionIndex, length, submission } = event.args
      const root = rootOf(submission.nodes)
      const known = entryByRoot.get(root)
      requirePromise(
        known === undefined || known === submissionIndex,
        () => `file ${root} has the entries ${known} and ${submissionIndex}`,
      )
      if (known !== undefined) {
        repeated++
        continue
      }
      requirePromise(submissionIndex === entries, () => `entry ${submissionIndex} comes where ${entries} was next`)
      entries++
      entryByRoot.set(root, submissionIndex)
      const fee = length * price
      book(payer, -fee)
      book(market, fee)
    }
  }

  return {
    async read() {
      const height = hexToBigInt((await request('eth_blockNumber')) as Hex)
      requirePromise(
        height + 1n >= BigInt(blocks.length),
        () => `the chain ends at ${height}, it had ${blocks.length - 1} blocks before`,
      )
      for (let next = BigInt(blocks.length); next <= height; next++) await readBlock(next)
      return { height }
    },
    async requireBalances() {
      const head = numberToHex(blocks.length - 1)
      const gain = async (address: Hex) => {
        const [before, now] = (await Promise.all([
          request('eth_getBalance', address, '0x0'),
          request('eth_getBalance', address, head),
        ])) as [Hex, Hex]
        return hexToBigInt(now) - hexToBigInt(before)
      }
      // These hand deposits on to one another, so they are counted together.
      const purse = (await Promise.all(PURSE.map(gain))).reduce((sum, one) => sum + one, 0n)
      const given = PURSE.reduce((sum, address) => sum + (changes.get(address) ?? 0n), 0n)
      requirePromise(
        purse === given,
        () => `the compute contracts gained ${purse} wei since genesis, their transactions make it ${given}`,
      )
      await Promise.all(
        [...changes].map(async ([address, change]) => {
          const [found, count] = await Promise.all([
            PURSE.includes(address) ? change : gain(address),
            request('eth_getTransactionCount', address, head) as Promise<Hex>,
          ])
          requirePromise(
            found === change,
            () => `${address} gained ${found} wei since genesis, its transactions make it ${change}`,
          )
          const nonce = nonces.get(address)
          requirePromise(
            nonce === undefined || hexToNumber(count) === nonce,
            () => `${address} has nonce ${count}, sent ${nonce}`,
          )
        }),
      )
    },
    hasMined: (hash) => mined.has(hash),
    nonce: (address) => nonces.get(address) ?? 0,
    blockHash: (height) => blocks[Number(height)],
    entryOf: (root) => entryByRoot.get(root),
    totals: (senders) => ({
      transactions: [...senders].reduce((sum, from) => sum + (sentBy.get(from) ?? 0), 0),
      entries: Number(entries),
      repeated,
      failed,
    }),
  }
}

async function readPrice(transport: Transport): Promise<bigint> {
  const data = encodeFunctionData({ abi: marketAbi, functionName: 'pricePerSector' })
  const result = (await transport.request('rpc', { method: 'eth_call', params: [{ to: market, data }, '0x0'] })) as Hex
  return decodeFunctionResult({ abi: marketAbi, functionName: 'pricePerSector', data: result })
}

/** The root of a file out of its submission nodes: folded from the right. */
function rootOf(nodes: readonly { readonly root: Hex }[]): Hex {
  return nodes.map(({ root }) => root).reduceRight((right, root) => keccak256(concat([root, right])))
}

import {
  type Certificate,
  type Committee,
  decodeCertificate,
  hashStatement,
  type Statement,
  verifyCertificate,
  verifyMembership,
  windowPath,
} from '@zerog/availability'
import type { Multisignature } from '@zerog/consensus'
import { blstMultisignature } from '@zerog/consensus/blst'
import type { ChainClient, ChainLog, FinalizedBlock } from '@zerog/ports'
import { fromHex, type Hex, keccak256, toHex, ZerogError } from '@zerog/primitives'
import { staticCommittees } from '../../src/adapters/committees/static.ts'
import type { Committees } from '../../src/app/committees.ts'
import type { Account, Entrance } from '../../src/app/disperser/entrance.ts'
import type { EpochRegistry } from '../../src/app/disperser/epoch-keeper.ts'
import { CHAIN_ID } from './members.ts'

const ADDRESS: Hex = '0x0600000000000000000000000000000000000201'
/** Call data of makeEpoch here. */
const MAKE_EPOCH: Hex = '0x0e'
const TOPIC = toHex(keccak256(new TextEncoder().encode('window certified')))

type CertifiedWindow = { readonly certificate: Certificate; readonly statements: readonly Statement[] }

/**
 * A chain with one contract: it verifies certificates as DAEntrance does (committee, threshold, signature, membership), records each
 * bundle once and finalizes at once. What is sent waits while it is held.
 */
export type EntranceChain = ChainClient & {
  readonly entrance: Entrance
  readonly account: Account
  /** Epochs are the given committees, in their order; the first one is the present one. */
  readonly registry: EpochRegistry
  readonly committees: Committees
  /** Transactions for the next epoch that came too early. */
  earlyEpochs(): number
  /** Recorded bundles with the number of windows that named each. */
  readonly records: ReadonlyMap<string, { readonly statement: Statement; windows: number }>
  transactionCount(): number
  hold(): void
  release(): void
  /** The next transactions are taken and never included. */
  forget(count: number): void
  /** The next committee is the present one. */
  beginEpoch(): void
  /** Its seven days are over. */
  closeEpoch(epoch: bigint): void
}

export function entranceChain(
  committees: readonly Committee[],
  options: { readonly epochBlocks?: number; readonly multisignature?: Multisignature } = {},
): EntranceChain {
  const epochBlocks = BigInt(options.epochBlocks ?? 28_800)
  const { multisignature = blstMultisignature } = options
  let epochIndex = 0
  let epochFirst = 0n
  let early = 0
  const known = () => committees.slice(0, epochIndex + 1)
  const overdueBlocks = (): bigint | undefined => {
    const blocksOver = BigInt(blocks.length) - (epochFirst + epochBlocks)
    return blocksOver < 0n || epochIndex + 1 >= committees.length ? undefined : blocksOver
  }
  const blocks: FinalizedBlock[] = []
  const calls = new Map<Hex, readonly CertifiedWindow[]>()
  const records = new Map<string, { statement: Statement; windows: number }>()
  const waiting = new Map<number, Hex>()
  let wake = Promise.withResolvers<void>()
  let nonce = 0
  let held = false
  let toForget = 0
  const receipts = new Map<Hex, { readonly succeeded: boolean; readonly height: bigint }>()
  const closed = new Set<bigint>()

  function append(logs: readonly ChainLog[]): bigint {
    const height = BigInt(blocks.length)
    const hash = toHex(keccak256(new TextEncoder().encode(`block ${height}`)))
    blocks.push({ height, hash, parentHash: blocks.at(-1)?.hash ?? hash, timestampSeconds: height, logs })
    wake.resolve()
    wake = Promise.withResolvers()
    return height
  }
  append([])

  function check({ certificate, statements }: CertifiedWindow): void {
    const committee = known().find(({ epoch, id }) => epoch === certificate.epoch && id === certificate.committee)
    if (committee === undefined) throw new ZerogError('TRANSACTION_REFUSED', { message: 'no such committee' })
    if (closed.has(committee.epoch)) {
      throw new ZerogError('TRANSACTION_REFUSED', { message: 'reverted', metadata: { data: `EpochClosed(${committee.epoch})` } })
    }
    try {
      verifyCertificate(certificate, committee, { chainId: CHAIN_ID, multisignature })
      const hashes = statements.map((statement) => hashStatement(statement, CHAIN_ID))
      for (const [index, statement] of statements.entries())
        verifyMembership(statement, certificate, { index, path: windowPath(hashes, index) })
    } catch (cause) {
      throw new ZerogError('TRANSACTION_REFUSED', { message: String(cause), cause })
    }
  }

  const nameOf = ({ commitment, epoch, committee }: Statement) => `${toHex(commitment)}/${epoch}/${committee}`

  /** All or nothing, as on any chain: one window that is refused takes the others of its transaction with it. */
  function execute(data: Hex, transactionHash: Hex): void {
    const logs: ChainLog[] = []
    try {
      for (const window of calls.get(data) ?? []) check(window)
    } catch {
      receipts.set(transactionHash, { succeeded: false, height: append([]) })
      return
    }
    if (data === MAKE_EPOCH) {
      if (overdueBlocks() === undefined) early++
      else {
        epochIndex++
        epochFirst = BigInt(blocks.length)
      }
    }
    for (const window of calls.get(data) ?? []) {
      let news = false
      for (const statement of window.statements) {
        const known = records.get(nameOf(statement))
        if (known === undefined) records.set(nameOf(statement), { statement, windows: 1 })
        else if (known.statement.expiry < statement.expiry)
          records.set(nameOf(statement), { statement, windows: known.windows + 1 })
        else continue
        news = true
      }
      if (!news) continue
      const { epoch, committee, windowRoot } = window.certificate
      const topics = [TOPIC, toHex(windowRoot), toHex(new Uint8Array([Number(epoch), committee]))]
      logs.push({
        address: ADDRESS,
        topics,
        data: '0x',
        logIndex: logs.length,
        transactionHash,
        transactionIndex: 0,
        transactionFrom: account.address,
      })
    }
    receipts.set(transactionHash, { succeeded: true, height: append(logs) })
  }

  function include(): void {
    if (held) return
    for (let next = waiting.get(nonce); next !== undefined; next = waiting.get(nonce)) {
      waiting.delete(nonce++)
      const { data } = JSON.parse(new TextDecoder().decode(fromHex(next))) as { data: Hex }
      execute(data, toHex(keccak256(fromHex(next))))
    }
  }

  const entrance: Entrance = {
    address: ADDRESS,
    encode(windows) {
      const data = toHex(
        keccak256(
          new TextEncoder().encode(
            windows.map(({ certificate }) => `${toHex(certificate.windowRoot)}${toHex(certificate.bitmap)}`).join(),
          ),
        ),
      )
      calls.set(data, windows)
      return { data, gas: 250_000n }
    },
    neverTaken: ({ metadata: { data } }) => (data?.startsWith('EpochClosed') ? data : undefined),
    filter: { addresses: [ADDRESS] },
    read: ({ topics }) => {
      const [, root, name] = topics
      if (root === undefined || name === undefined) return undefined
      const [epoch, committee] = fromHex(name)
      return { epoch: BigInt(epoch ?? 0), committee: committee ?? 0, root: fromHex(root) }
    },
    expiryOf: async (statement) => records.get(nameOf(statement))?.statement.expiry ?? 0n,
  }
  const account: Account = {
    address: '0x00000000000000000000000000000000000000aa',
    nonce: async () => nonce,
    baseFee: async () => 1n,
    async estimateGas({ data }) {
      if (data === MAKE_EPOCH && overdueBlocks() === undefined) {
        throw new ZerogError('TRANSACTION_REFUSED', { message: 'EpochNotOver' })
      }
      for (const window of calls.get(data) ?? []) check(window)
      return 250_000n
    },
    async sign({ nonce: at, data, feePerGas }) {
      const raw = new TextEncoder().encode(JSON.stringify({ nonce: at, data, fee: feePerGas.toString() }))
      return { raw, hash: keccak256(raw) }
    },
    async send(raw) {
      const { nonce: at } = JSON.parse(new TextDecoder().decode(raw)) as { nonce: number }
      if (toForget > 0) toForget--
      else if (at >= nonce) waiting.set(at, toHex(raw))
      include()
    },
    async receipt(hash) {
      const receipt = receipts.get(toHex(hash))
      return receipt === undefined ? undefined : { ...receipt, gasUsed: 240_000n }
    },
  }

  return {
    entrance,
    account,
    registry: { encode: () => ({ to: ADDRESS, data: MAKE_EPOCH }), overdueBlocks: async () => overdueBlocks() },
    committees: {
      current: () => staticCommittees(known()).current(),
      committeeOf: (name) => staticCommittees(known()).committeeOf(name),
    },
    earlyEpochs: () => early,
    records,
    transactionCount: () => nonce,
    hold() {
      held = true
    },
    release() {
      held = false
      include()
    },
    forget(count) {
      toForget = count
    },
    beginEpoch() {
      epochIndex++
      epochFirst = BigInt(blocks.length)
    },
    closeEpoch: (epoch) => void closed.add(epoch),
    chainId: async () => CHAIN_ID,
    async head() {
      const { height, hash } = blocks.at(-1) as FinalizedBlock // the first is made above
      return { height, hash }
    },
    async *watch({ fromHeight, signal }) {
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      for (let height = Number(fromHeight); !signal.aborted; height++) {
        while (height >= blocks.length && !signal.aborted) await Promise.race([wake.promise, stopped])
        const block = blocks[height]
        if (block !== undefined && !signal.aborted) yield block
      }
    },
    call: async () => {
      throw new ZerogError('TRANSACTION_REFUSED', { message: 'this chain has no other contracts' })
    },
    sendRawTransaction: async () => '0x',
  }
}

/** The windows of a transaction decoded as the contract would. */
export function decoded(certificate: Uint8Array): Certificate {
  return decodeCertificate(certificate)
}

import { PublicKey, Signature, verify } from '@chainsafe/blst'
import { describe, expect, test } from '@jest/globals'
import { memoryBlobStore, memoryKv } from '@zerog/adapters/memory'
import { createWindow, type Statement, windowMessage } from '@zerog/availability'
import type { RowProof } from '@zerog/erasure'
import type { BlobStore } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { createMetrics, silentLogger } from '@zerog/runtime'
import {
  batches,
  bytesOf,
  CHAIN_ID,
  type Coded,
  codedBundle,
  codedPayload,
  membersOf,
  NOW_SECONDS,
  rowsOf,
} from '../../../test/support/members.ts'
import { staticCommittees } from '../../adapters/committees/static.ts'
import { inlineRowWork } from '../../adapters/row-work/inline.ts'
import { createDaNode, type DaNode } from './da-node.ts'

const { committee, signers } = membersOf([10n, 20n, 30n, 40n])
const later = membersOf([10n, 20n, 30n, 40n], { epoch: 6n, seed: 8 }).committee
const MEMBER = 1
const never = new AbortController().signal
const small = codedBundle([bytesOf(3000, 1), bytesOf(500, 2)], committee)

async function openNode(
  options: {
    readonly blobs?: BlobStore
    readonly kv?: ReturnType<typeof memoryKv>
    readonly capacityBytes?: number
    readonly free?: () => number
    readonly now?: () => bigint
    readonly committees?: Parameters<typeof staticCommittees>[0]
    readonly member?: number
  } = {},
): Promise<DaNode> {
  const now = options.now ?? (() => NOW_SECONDS)
  return createDaNode(
    { chainId: CHAIN_ID, capacityBytes: options.capacityBytes ?? 2 ** 30, retentionSecondsMax: 30 * 86_400 },
    {
      blobs: options.blobs ?? memoryBlobStore(),
      kv: options.kv ?? memoryKv(),
      clock: clockAt(now),
      logger: silentLogger,
      meter: createMetrics().meter({ target: 'da-node', replica: '0' }),
      committees: staticCommittees(options.committees ?? [committee]),
      checker: inlineRowWork(),
      signer: signers[options.member ?? MEMBER] as (typeof signers)[number],
      diskFreeBytes: options.free ?? (() => Number.MAX_SAFE_INTEGER),
    },
  )
}

function clockAt(now: () => bigint) {
  return { nowMs: () => Number(now()) * 1000, monotonicMs: () => 0, sleep: async () => {}, after: () => () => {} }
}

const headerOf = ({ statement, encoded }: Coded) => ({ bundle: statement, rlc: encoded.rlc, rowRoot: encoded.rowRoot })
const put = (node: DaNode, coded: Coded, rows: readonly RowProof[] = rowsOf(coded, committee, MEMBER)) =>
  node.put(headerOf(coded), batches(rows), never)

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  )
  if (!(error instanceof ZerogError)) return `no refusal: ${error}`
  return error.metadata.check === undefined ? error.reason : `${error.reason} ${error.metadata.check}`
}

async function collect(node: DaNode, coded: Coded, indexes?: readonly number[]): Promise<RowProof[]> {
  const found: RowProof[] = []
  for await (const rows of node.rows(coded.statement.commitment, indexes, never)) found.push(...rows)
  return found
}

/** Flips one bit in the row that `of` picks, after copying it. */
function damage(rows: readonly RowProof[], at: number, of: (row: RowProof) => Uint8Array): RowProof[] {
  return rows.map((row, place) => {
    if (place !== at) return row
    const copy = { index: row.index, row: row.row.slice(), path: row.path.map((sibling) => sibling.slice()) }
    const bytes = of(copy)
    bytes[7] = (bytes[7] as number) ^ 4
    return copy
  })
}

describe('a node', () => {
  test('stores exactly its rows, serves them back and signs the window', async () => {
    const node = await openNode()
    const rows = rowsOf(small, committee, MEMBER)
    expect(await put(node, small)).toBe(rows.length)
    const served = await collect(node, small)
    expect(served.map(({ index }) => index)).toEqual(rows.map(({ index }) => index))
    for (const [place, { row, path }] of served.entries()) {
      expect(Buffer.compare(row, rows[place]?.row as Uint8Array)).toBe(0)
      expect(Buffer.concat(path)).toEqual(Buffer.concat(rows[place]?.path as Uint8Array[]))
    }
    const signature = await node.sign([small.statement])
    const message = windowMessage(createWindow([small.statement], committee, CHAIN_ID))
    const key = PublicKey.fromBytes(committee.publicKeys[MEMBER] as Uint8Array, true)
    expect(verify(message, key, Signature.fromBytes(signature, true))).toBe(true)
    expect(node.stats()).toMatchObject({ bundleCount: 1, rowCount: rows.length, damagedCount: 0 })
  })

  test('serves single rows from the middle and leaves out what it does not have', async () => {
    const node = await openNode()
    const rows = rowsOf(small, committee, MEMBER)
    await put(node, small)
    const mine = [rows[5]?.index, rows[90]?.index, rows[6]?.index] as number[]
    const others = Array.from({ length: 1024 }, (_, index) => index).filter((index) => !rows.some((row) => row.index === index))
    const served = await collect(node, small, [...mine, ...others.slice(0, 3), 9_999_999])
    expect(served.map(({ index }) => index).sort()).toEqual([...mine].sort())
  })

  test('keeps rows of several packs of 4 MiB, in whatever order they come', async () => {
    const coded = codedPayload(bytesOf(6_000_000, 3), committee)
    const node = await openNode({ member: 3 })
    const rows = rowsOf(coded, committee, 3).reverse()
    expect(rows.length * 8192).toBeGreaterThan(8 * 1024 * 1024)
    await node.put(headerOf(coded), batches(rows, 100), never)
    const served = await collect(node, coded)
    expect(served).toHaveLength(rows.length)
    expect(served.every(({ row, index }) => Buffer.compare(row, coded.encoded.row(index)) === 0)).toBe(true)
    const some = rows.filter((_, place) => place % 97 === 0).map(({ index }) => index)
    expect((await collect(node, coded, some)).map(({ index }) => index).sort()).toEqual(some.sort())
  })

  test('takes the same bundle again without reading it, and a longer promise for the same rows', async () => {
    const node = await openNode()
    const count = await put(node, small)
    expect(await put(node, small, [])).toBe(count)
    const longer = { ...small, statement: { ...small.statement, expiry: small.statement.expiry + 600n } }
    expect(await refusal(node.sign([longer.statement]))).toBe('WRONG_STATE')
    expect(await put(node, longer, [])).toBe(count)
    await node.sign([longer.statement])
    await node.sign([small.statement])
    expect(node.stats().bundleCount).toBe(1)
  })

  test('opens again with all that it acknowledged, and without what it did not', async () => {
    const blobs = memoryBlobStore()
    const node = await openNode({ blobs })
    await put(node, small)
    const half = codedBundle([bytesOf(4000, 9)], committee)
    expect(await refusal(put(node, half, rowsOf(half, committee, MEMBER).slice(1)))).toBe('INVALID_ARGUMENT assignment')
    // What a crash between two packs leaves behind.
    const orphan = Uint8Array.from([0x70, ...half.statement.commitment, ...new Uint8Array(16)])
    await blobs.put(orphan, Uint8Array.of(1))
    const again = await openNode({ blobs })
    await again.sign([small.statement])
    expect(blobs.has(orphan)).toBe(false)
    expect(again.stats()).toMatchObject({ bundleCount: 1, damagedCount: 0 })
    expect(await refusal(again.sign([half.statement]))).toBe('WRONG_STATE')
  })
})

describe('a node refuses, and keeps nothing of it:', () => {
  const rows = rowsOf(small, committee, MEMBER)
  const foreign = rowsOf(small, committee, 2).find(({ index }) => !rows.some((row) => row.index === index)) as RowProof
  const other = codedBundle([bytesOf(3000, 4), bytesOf(500, 5)], committee)
  const cases: [string, readonly RowProof[], string][] = [
    ['a missing row', rows.slice(1), 'INVALID_ARGUMENT assignment'],
    ['a row twice', [...rows.slice(1), rows[1] as RowProof], 'INVALID_ARGUMENT assignment'],
    ['a row of another member', [...rows.slice(1), foreign], 'INVALID_ARGUMENT assignment'],
    ['one row more', [...rows, foreign], 'INVALID_ARGUMENT assignment'],
    ['a flipped bit in a row', damage(rows, 70, ({ row }) => row), 'PROOF_INVALID path'],
    ['a flipped bit in a path', damage(rows, 3, ({ path }) => path[2] as Uint8Array), 'PROOF_INVALID path'],
    ['a short row', [{ ...(rows[0] as RowProof), row: new Uint8Array(32) }, ...rows.slice(1)], 'INVALID_ARGUMENT form'],
    ['a short path', [{ ...(rows[0] as RowProof), path: [] }, ...rows.slice(1)], 'INVALID_ARGUMENT form'],
    ['rows of another commitment', rowsOf(other, committee, MEMBER), 'INVALID_ARGUMENT assignment'],
    ['no rows', [], 'INVALID_ARGUMENT assignment'],
  ]
  test.each(cases)('%s', async (_, sent, expected) => {
    const blobs = memoryBlobStore()
    const node = await openNode({ blobs })
    expect(await refusal(put(node, small, sent))).toBe(expected)
    expect(blobs.stats().count).toBe(0)
    expect(await refusal(node.sign([small.statement]))).toBe('WRONG_STATE')
    await put(node, small)
    await node.sign([small.statement])
  })

  const statement = small.statement
  const claims: [string, Partial<Statement>, string][] = [
    ['another epoch', { epoch: 4n }, 'NOT_FOUND'],
    ['another committee', { committee: 1 }, 'NOT_FOUND'],
    ['other row sizes', { rowBytes: statement.rowBytes + 64 }, 'PROOF_INVALID layout'],
    ['other rows', { k: statement.k * 2, n: statement.n * 2 }, 'PROOF_INVALID layout'],
    ['another size', { payloadBytes: statement.payloadBytes + 20_000 }, 'PROOF_INVALID layout'],
    ['an expiry that has passed', { expiry: NOW_SECONDS }, 'INVALID_ARGUMENT expiry'],
    ['an expiry too far', { expiry: NOW_SECONDS + 30n * 86_400n + 1n }, 'INVALID_ARGUMENT expiry'],
  ]
  test.each(claims)('a statement with %s', async (_, change, expected) => {
    const node = await openNode()
    const claim = { ...small, statement: { ...statement, ...change } }
    expect(await refusal(put(node, claim, rows))).toBe(expected)
    await put(node, small)
    const signing = await refusal(node.sign([claim.statement]))
    expect(signing).toBe(expected)
  })

  test('an RLC vector or a row root that is not the one of the commitment', async () => {
    const node = await openNode()
    const flip = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, at) => (at === 3 ? byte ^ 1 : byte))
    const header = headerOf(small)
    for (const bad of [
      { ...header, rlc: flip(header.rlc) },
      { ...header, rowRoot: flip(header.rowRoot) },
    ]) {
      expect(await refusal(node.put(bad, batches(rows), never))).toBe('PROOF_INVALID commitment')
    }
    await put(node, small)
    // Also where good rows of the commitment were checked before.
    expect(await refusal(node.put({ ...header, rlc: flip(header.rlc) }, batches(rows), never))).toBe('no refusal: undefined')
  })

  test('a second size for a commitment, whoever asks: the keeper of row 0 knows the right one', async () => {
    const wrong = { ...small, statement: { ...statement, payloadBytes: statement.payloadBytes - 1 } }
    const keeper = [0, 1, 2, 3].find((member) => rowsOf(small, committee, member).some(({ index }) => index === 0)) as number
    const knowing = await openNode({ member: keeper })
    const sent = batches(rowsOf(small, committee, keeper))
    expect(await refusal(knowing.put(headerOf(wrong), sent, never))).toBe('PROOF_INVALID layout')
    const node = await openNode()
    await put(node, small)
    expect(await refusal(put(node, wrong))).toBe('INVALID_ARGUMENT equivocation')
    expect(await refusal(node.sign([wrong.statement]))).toBe('INVALID_ARGUMENT equivocation')
  })

  test('bundles of an epoch that is two epochs old', async () => {
    const newest = membersOf([1n, 1n], { epoch: 7n }).committee
    const node = await openNode({ committees: [committee, later, newest] })
    expect(await refusal(put(node, small))).toBe('INVALID_ARGUMENT epoch')
    const previous = codedBundle([bytesOf(100, 1)], later)
    await put(node, previous, rowsOf(previous, later, MEMBER))
  })

  test('what a committee without it is given', async () => {
    const node = await openNode({ committees: [membersOf([5n]).committee] })
    expect(await refusal(put(node, small))).toBe('INVALID_ARGUMENT member')
  })

  test('rows beyond its capacity or its disk, before it reads them, and goes on serving', async () => {
    let free = Number.MAX_SAFE_INTEGER
    const node = await openNode({ capacityBytes: 120_000, free: () => free })
    await put(node, small)
    const second = codedBundle([bytesOf(3000, 6)], committee)
    const untouched = (async function* () {
      yield* []
      throw new Error('rows were read')
    })()
    expect(await refusal(node.put(headerOf(second), untouched, never))).toBe('DISK_FULL capacity')
    free = 10
    const roomy = await openNode({ free: () => free })
    expect(await refusal(put(roomy, second))).toBe('DISK_FULL capacity')
    expect(await collect(node, small)).toHaveLength(rows.length)
  })

  test('windows with nothing, with a bundle twice or with one that is not here', async () => {
    const node = await openNode()
    await put(node, small)
    expect(await refusal(node.sign([]))).toBe('INVALID_ARGUMENT form')
    expect(await refusal(node.sign([statement, statement]))).toBe('INVALID_ARGUMENT form')
    expect(await refusal(node.sign([statement, other.statement]))).toBe('WRONG_STATE')
  })
})

describe('time', () => {
  test('takes rows away after their minute, tells that they expired, and keeps those of a longer promise', async () => {
    let now = NOW_SECONDS
    const node = await openNode({ now: () => now })
    const soon = codedBundle([bytesOf(900, 1)], committee, NOW_SECONDS + 100n)
    const renewed = codedBundle([bytesOf(900, 2)], committee, NOW_SECONDS + 100n)
    const longer = { ...renewed, statement: { ...renewed.statement, expiry: NOW_SECONDS + 5000n } }
    for (const each of [soon, renewed, longer]) await put(node, each)
    await node.sign([soon.statement, renewed.statement])
    expect(await node.prune()).toBe(0)
    now += 200n
    expect(await node.prune()).toBe(2)
    expect(await refusal(collect(node, soon))).toBe('BUNDLE_EXPIRED')
    expect(await refusal(node.code(soon.statement.commitment))).toBe('BUNDLE_EXPIRED')
    expect((await collect(node, renewed)).length).toBeGreaterThan(100)
    expect((await node.code(renewed.statement.commitment)).bundle.expiry).toBe(NOW_SECONDS + 5000n)
    expect(node.stats().bundleCount).toBe(1)
    expect(await refusal(node.sign([soon.statement]))).toBe('INVALID_ARGUMENT expiry')
    now += 10_000n
    expect(await node.prune()).toBe(1)
    expect(node.stats()).toMatchObject({ bundleCount: 0, rowCount: 0, usedBytes: 0 })
    now += 40n * 86_400n
    const late = codedBundle([bytesOf(900, 3)], committee, now + 1n)
    await put(node, late)
    now += 100n
    await node.prune()
    expect(await refusal(collect(node, soon))).toBe('NOT_FOUND')
  })
})

describe('a scrub', () => {
  test('finds what was signed and is gone, and the bundle is signed again once it was put again', async () => {
    const blobs = memoryBlobStore()
    const kv = memoryKv()
    const first = await openNode({ blobs, kv })
    const kept = codedBundle([bytesOf(700, 3)], committee)
    await put(first, small)
    await put(first, kept)
    await first.sign([small.statement, kept.statement])
    const pack = [...blobs.keys(Uint8Array.of(0x70, ...small.statement.commitment))][0] as Uint8Array
    await blobs.delete(pack)
    expect(await first.scrub(never)).toBe(1)
    expect(first.damaged().map(({ commitment }) => commitment)).toEqual([small.statement.commitment])
    expect(await refusal(first.sign([small.statement]))).toBe('WRONG_STATE')
    expect(await collect(first, small)).toHaveLength(0)
    for (const key of [...blobs.keys()]) {
      if (Buffer.from(key).includes(Buffer.from(small.statement.commitment))) await blobs.delete(key)
    }
    const second = await openNode({ blobs, kv })
    expect(second.damaged()).toHaveLength(0)
    expect(await second.scrub(never)).toBe(1)
    expect(second.damaged().map(({ commitment }) => Buffer.from(commitment))).toEqual([Buffer.from(small.statement.commitment)])
    await put(second, small)
    expect(second.damaged()).toHaveLength(0)
    await second.sign([small.statement])
  })
})

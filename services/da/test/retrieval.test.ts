import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { quorumIdOf } from '@zerog/availability'
import type { BlobStore } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { toWire } from '../src/adapters/grpc/statement-codec.ts'
import { bytesOf, codedBundle, codedPayload, membersOf } from './support/members.ts'
import { collect, disperse, headerOf, type ReadingNetwork, readingNetwork, tomorrow } from './support/reading.ts'

const { committee } = membersOf([10n, 20n, 30n, 40n, 35n])
const blobs = [bytesOf(3000, 1), bytesOf(1, 2), bytesOf(2_500_000, 3)]
const coded = codedBundle(blobs, committee, tomorrow())
const tiny = codedBundle([bytesOf(700, 4), bytesOf(300, 5)], committee, tomorrow())

let net: ReadingNetwork
beforeEach(async () => {
  net = await readingNetwork([committee])
})
afterEach(() => net.close())

const whole = { offset: 0n, length: 0n }
const read = (index: number, range: { offset: bigint; length: bigint } = whole, bundle = coded) =>
  collect(net.retriever.retrieve({ header: headerOf(bundle.statement, index), ...range }))

async function reason(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no refusal',
    (error) => (error instanceof ZerogError ? error.reason : String(error)),
  )
}

/** Lets a node serve other bytes than it stored: every value has one bit flipped. */
function lie(disk: { blobs: BlobStore }): void {
  const honest = disk.blobs.get
  disk.blobs.get = async (key, range) => {
    const value = await honest(key, range)
    if (value !== undefined && key[0] === 0x70) value[40] = (value[40] as number) ^ 1
    return value
  }
}

function withhold(disk: { blobs: BlobStore }): void {
  const honest = disk.blobs.get
  disk.blobs.get = async (key, range) => (key[0] === 0x70 ? new Promise(() => {}) : honest(key, range))
}

describe('a certified blob', () => {
  test('is read back whole and by ranges, from the rows of its owners alone', async () => {
    await disperse(net, coded, committee)
    for (const [index, blob] of blobs.entries()) expect(Buffer.compare(await read(index), blob)).toBe(0)
    const large = blobs[2] as Uint8Array
    for (const [offset, length] of [
      [0, 1],
      [2_499_999, 1],
      [123_456, 1_500_000],
      [4096, 8192],
    ] as const) {
      const part = await read(2, { offset: BigInt(offset), length: BigInt(length) })
      expect(Buffer.compare(part, large.subarray(offset, offset + length))).toBe(0)
    }
    // Only where a busy machine made an owner late was anybody else asked.
    expect(await metric('zerog_da_decodes_total')).toBeLessThanOrEqual(await metric('zerog_da_hedges_total'))
  })

  test('is read with a member stopped', async () => {
    await disperse(net, coded, committee)
    await disperse(net, tiny, committee)
    await net.stopNode(3)
    for (const [index, blob] of blobs.entries()) expect(Buffer.compare(await read(index), blob)).toBe(0)
    expect((await read(1, whole, tiny)).length).toBe(300)
    expect(await metric('zerog_da_decodes_total')).toBeGreaterThan(0)
  })

  test('is read with a member that lies, which is banned and trusted less', async () => {
    await disperse(net, coded, committee)
    lie(net.disks[3] as { blobs: BlobStore })
    expect(Buffer.compare(await read(2), blobs[2] as Uint8Array)).toBe(0)
    expect(await metric('zerog_da_members_banned_total')).toBeGreaterThan(0)
    expect(Buffer.compare(await read(2), blobs[2] as Uint8Array)).toBe(0)
  })

  test('is read with a member that withholds: nobody waits for it', async () => {
    await disperse(net, coded, committee)
    withhold(net.disks[2] as { blobs: BlobStore })
    expect(Buffer.compare(await read(2), blobs[2] as Uint8Array)).toBe(0)
    expect(await metric('zerog_da_hedges_total')).toBeGreaterThan(0)
  })

  test('is not read beyond what the members can give, with the reason', async () => {
    await disperse(net, coded, committee)
    for (const node of [2, 3, 4]) await net.stopNode(node)
    expect(await reason(read(2))).toBe('ROWS_INSUFFICIENT')
  })
})

describe('what cannot be read is refused with its reason:', () => {
  test('unknown commitments, epochs and indexes, ranges outside', async () => {
    await disperse(net, tiny, committee)
    const unknown = { ...tiny.statement, commitment: new Uint8Array(32).fill(9) }
    const at = (header: ReturnType<typeof headerOf>, range = whole) =>
      reason(collect(net.retriever.retrieve({ header, ...range })))
    expect(await at(headerOf(unknown, 0))).toBe('NOT_FOUND')
    expect(await at({ ...headerOf(tiny.statement, 0), epoch: 99n })).toBe('NOT_FOUND')
    expect(await at({ ...headerOf(tiny.statement, 0), quorumId: quorumIdOf(1, 0) })).toBe('NOT_FOUND')
    expect(await at(headerOf(tiny.statement, 2))).toBe('NOT_FOUND')
    expect(await at({ ...headerOf(tiny.statement, 0), quorumId: 1n << 60n })).toBe('INVALID_ARGUMENT')
    expect(await at(headerOf(tiny.statement, 0), { offset: 700n, length: 0n })).toBe('INVALID_ARGUMENT')
    expect(await at(headerOf(tiny.statement, 0), { offset: 1n, length: 700n })).toBe('INVALID_ARGUMENT')
    expect(await at({ ...headerOf(tiny.statement, 0), commitment: Buffer.alloc(31) })).toBe('INVALID_ARGUMENT')
    expect(await reason(collect(net.retriever.retrieve({ header: undefined, ...whole })))).toBe('INVALID_ARGUMENT')
  })

  test('too few rows of a bundle that nobody else knows', async () => {
    await disperse(net, tiny, committee, [0])
    for (const node of [1, 2]) await net.stopNode(node)
    expect(await reason(read(0, whole, tiny))).toBe('ROWS_INSUFFICIENT')
  })

  test('bundles that hold no list, or a list that lies', async () => {
    const garbage = codedPayload(bytesOf(5000, 8), committee, tomorrow())
    await disperse(net, garbage, committee)
    expect(await reason(read(0, whole, garbage))).toBe('PAYLOAD_INVALID')
    const { payload } = codedBundle([bytesOf(600, 9)], committee)
    payload[payload.length - 1] = (payload.at(-1) as number) ^ 1
    const lying = codedPayload(payload, committee, tomorrow())
    await disperse(net, lying, committee)
    expect(await reason(read(0, whole, lying))).toBe('PAYLOAD_INVALID')
    // A part cannot be compared with the hash of the whole; it is what the disperser committed to.
    expect((await read(0, { offset: 0n, length: 10n }, lying)).length).toBe(10)
  })
})

describe('a light client', () => {
  const indexes = [0, 5, 700, coded.statement.k + 3, coded.statement.k + coded.statement.n - 1]

  test('gets the rows it names, and the vector that checks them', async () => {
    await disperse(net, coded, committee)
    const { commitment, epoch } = coded.statement
    const rows: number[] = []
    for await (const { row, missing } of net.retriever.sampleRows({ commitment: toWire(commitment), epoch, indexes })) {
      expect(missing).toEqual([])
      if (row === undefined) continue
      rows.push(row.index)
      expect(Buffer.compare(row.data, coded.encoded.row(row.index))).toBe(0)
      expect(Buffer.compare(row.path, Buffer.concat([...coded.encoded.proof(row.index).path]))).toBe(0)
    }
    expect(rows).toEqual(indexes)
    const { rlc, bundle } = await net.retriever.getRlc({ commitment: toWire(commitment), epoch })
    expect(Buffer.compare(rlc, coded.encoded.rlc)).toBe(0)
    expect(bundle).toMatchObject({ k: coded.statement.k, n: coded.statement.n, rowBytes: coded.statement.rowBytes })
  })

  test('is told which rows nobody serves, instead of restored ones', async () => {
    await disperse(net, coded, committee)
    await net.stopNode(1)
    await net.stopNode(3)
    const { commitment, epoch, k, n } = coded.statement
    const all = Array.from({ length: 200 }, (_, at) => (at * 37) % (k + n))
    let missing: readonly number[] = []
    let got = 0
    for await (const answer of net.retriever.sampleRows({ commitment: toWire(commitment), epoch, indexes: all })) {
      missing = answer.missing
      if (answer.row !== undefined) got++
    }
    expect(got + missing.length).toBe(200)
    // 60 of 135 of the stake are gone.
    expect(missing.length).toBeGreaterThan(50)
    expect(missing.length).toBeLessThan(130)
    const request = { commitment: toWire(commitment), epoch, indexes: [k + n] }
    expect(await reason(collectAll(net.retriever.sampleRows(request)))).toBe('INVALID_ARGUMENT')
  })
})

async function collectAll(source: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of source);
}

/** Sum over all targets and labels. */
async function metric(name: string): Promise<number> {
  const text = await net.world.metrics.text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

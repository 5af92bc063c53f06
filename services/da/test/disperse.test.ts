import { afterEach, describe, expect, test } from '@jest/globals'
import { quorumIdOf, verifyCertificate, verifyMembership } from '@zerog/availability'
import { blstMultisignature } from '@zerog/consensus/blst'
import { ZerogError } from '@zerog/primitives'
import { BlobState } from '@zerog/proto/da'
import { BlobStatus } from '@zerog/proto/disperser'
import { decodeStatement } from '../src/adapters/grpc/statement-codec.ts'
import { decoded } from './support/entrance-chain.ts'
import { bytesOf, CHAIN_ID } from './support/members.ts'
import { type Pipeline, pipeline, retrieve, untilState, upload } from './support/pipeline.ts'
import { roundTrip, zerogClient } from './support/zerog-client.ts'

let open: Pipeline
afterEach(() => open.close())

const FINAL = BlobState.BLOB_STATE_FINALIZED

async function disperse(data: Uint8Array, options: Parameters<typeof upload>[1] = {}): Promise<string> {
  const { blob } = await open.disperser.disperse(upload(data, options))
  return blob?.id ?? ''
}

async function reason(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no refusal',
    (error) => (error instanceof ZerogError ? error.reason : String(error)),
  )
}

describe('a blob', () => {
  test('is certified, finalized and read back, and its certificate proves it', async () => {
    open = await pipeline()
    const data = bytesOf(100_000, 1)
    const { blob } = await open.disperser.disperse(upload(data))
    expect(blob?.state).toBe(BlobState.BLOB_STATE_QUEUED)
    const final = await untilState(open, blob?.id ?? '', FINAL)
    expect(final.parts).toHaveLength(1)
    expect(final.transactionHashes).toHaveLength(1)
    expect((await retrieve(open, final)).equals(data)).toBe(true)
    const { commitment, epoch } = final.parts[0]?.header ?? { commitment: Buffer.alloc(32), epoch: 0n }
    const found = await open.disperser.getCertificate({ commitment, epoch })
    const certificate = decoded(found.certificate)
    const { committee } = open.members
    verifyCertificate(certificate, committee, { chainId: CHAIN_ID, multisignature: blstMultisignature })
    const path = Array.from({ length: found.path.length / 32 }, (_, level) => found.path.subarray(32 * level, 32 * level + 32))
    verifyMembership(decodeStatement(found.bundle), certificate, { index: found.index, path })
    expect(found.transactionHash.equals(final.transactionHashes[0] as Buffer)).toBe(true)
  })

  test('shares a bundle with others, and one that is too large is split', async () => {
    open = await pipeline({ config: { bundleBytesMax: 1024 * 1024 } })
    const small = Array.from({ length: 40 }, (_, index) => bytesOf(500 + index, index))
    const large = bytesOf(1_500_001, 99)
    const ids = await Promise.all([...small, large].map((data) => disperse(data)))
    const finals = await Promise.all(ids.map((id) => untilState(open, id, FINAL)))
    for (const [index, data] of small.entries()) expect((await retrieve(open, finals[index] as never)).equals(data)).toBe(true)
    const parts = finals.at(-1)?.parts ?? []
    expect(parts.map(({ offset, sizeBytes }) => [offset, sizeBytes])).toEqual([
      [0n, 750_001n],
      [750_001n, 750_000n],
    ])
    expect((await retrieve(open, finals.at(-1) as never)).equals(large)).toBe(true)
    expect(open.chain.records.size).toBeLessThan(10)
    expect([...open.chain.records.values()].every(({ windows }) => windows === 1)).toBe(true)
  }, 60_000)

  test('with an idempotency key is accepted once', async () => {
    open = await pipeline()
    const data = bytesOf(5000, 1)
    const first = await disperse(data, { idempotencyKey: 'invoice-7' })
    expect(await disperse(data, { idempotencyKey: 'invoice-7' })).toBe(first)
    expect(await reason(disperse(bytesOf(5000, 2), { idempotencyKey: 'invoice-7' }))).toBe('ALREADY_EXISTS')
    expect(await disperse(data)).not.toBe(first)
    await untilState(open, first, FINAL)
  })

  test('of the same bytes twice is certified twice as two blobs, although the chain knows one commitment', async () => {
    open = await pipeline({ config: { idleMs: 0 } })
    const data = bytesOf(5000, 1)
    const first = await untilState(open, await disperse(data), FINAL)
    const second = await untilState(open, await disperse(data), FINAL)
    expect((await retrieve(open, first)).equals(await retrieve(open, second))).toBe(true)
  })

  test('is refused with its reason when it is empty, too large, or not what was announced', async () => {
    open = await pipeline({ config: { blobBytesMax: 1000 } })
    expect(await reason(disperse(new Uint8Array()))).toBe('INVALID_ARGUMENT')
    expect(await reason(disperse(bytesOf(10, 1), { sizeBytes: 1001 }))).toBe('LIMIT_EXCEEDED')
    expect(await reason(disperse(bytesOf(10, 1), { sizeBytes: 9 }))).toBe('INVALID_ARGUMENT')
    expect(await reason(disperse(bytesOf(10, 1), { sizeBytes: 11 }))).toBe('INVALID_ARGUMENT')
    expect(await reason(disperse(bytesOf(10, 1), { idempotencyKey: 'ü' }))).toBe('INVALID_ARGUMENT')
    expect(await reason(disperse(bytesOf(10, 1), { idempotencyKey: 'x'.repeat(129) }))).toBe('INVALID_ARGUMENT')
    expect(await reason(open.disperser.getBlob({ id: 'nobody' }))).toBe('NOT_FOUND')
    expect(await reason(open.disperser.getBlob({ id: '' }))).toBe('INVALID_ARGUMENT')
    expect(await reason(open.disperser.getCertificate({ commitment: Buffer.alloc(31), epoch: 5n }))).toBe('INVALID_ARGUMENT')
    expect(await reason(open.disperser.getCertificate({ commitment: Buffer.alloc(32), epoch: 5n }))).toBe('NOT_FOUND')
    expect(await reason(open.disperser.getQuote({ sizeBytes: 0n, retentionSeconds: 0 }))).toBe('INVALID_ARGUMENT')
    expect(await open.disperser.getQuote({ sizeBytes: 900n, retentionSeconds: 7200 })).toMatchObject({
      priceWei: '0',
      retentionSeconds: 86_400,
    })
    expect((await open.disperser.getCommittee({})).committee?.members).toHaveLength(4)
  })
})

describe('with a third of the stake that', () => {
  test.each(['liar', 'forger', 'withholder', 'mute', 'refuser'] as const)(
    'is a %s, blobs are certified and read',
    async (fault) => {
      open = await pipeline({ stakes: [1n, 1n, 1n, 1n, 1n, 1n, 1n], faults: { 2: fault, 5: fault } })
      const data = bytesOf(30_000, 7)
      const final = await untilState(open, await disperse(data), FINAL)
      expect((await retrieve(open, final)).equals(data)).toBe(true)
    },
  )

  test('is stopped, blobs are certified and read; with more, they wait until it is back', async () => {
    open = await pipeline({ stakes: [1n, 1n, 1n] })
    await open.stopNode(1)
    const data = bytesOf(30_000, 7)
    const final = await untilState(open, await disperse(data), FINAL)
    expect((await retrieve(open, final)).equals(data)).toBe(true)
    await open.stopNode(2)
    const id = await disperse(bytesOf(20_000, 8))
    const waiting = untilState(open, id, FINAL)
    await open.startNode(2)
    expect((await waiting).state).toBe(FINAL)
  })

  test('is too much is given up with the reason', async () => {
    open = await pipeline({ stakes: [1n, 1n, 1n], faults: { 0: 'refuser', 1: 'liar' }, config: { giveUpMs: 1000 } })
    const id = await disperse(bytesOf(1000, 1))
    for await (const { blob } of open.disperser.watchBlob({ id })) {
      if (blob?.state !== BlobState.BLOB_STATE_FAILED) continue
      expect(blob.failureReason).toBe('INSUFFICIENT_SIGNATURES')
      expect(blob.failureMessage).toContain('two thirds')
    }
    expect(open.chain.records.size).toBe(0)
  })
})

describe('after a restart', () => {
  test('what was accepted while no encoder ran is certified, once', async () => {
    open = await pipeline()
    await open.stopEncoder()
    const data = [bytesOf(2000, 1), bytesOf(3000, 2)]
    const ids = await Promise.all(data.map((bytes) => disperse(bytes)))
    await open.killDisperser()
    await open.startEncoder()
    await open.startDisperser()
    for (const [index, id] of ids.entries()) {
      expect((await retrieve(open, await untilState(open, id, FINAL))).equals(data[index] as Uint8Array)).toBe(true)
    }
    expect([...open.chain.records.values()].every(({ windows }) => windows === 1)).toBe(true)
  })

  test('a transaction that was kept is sent again, and a lost one too: each bundle is recorded once', async () => {
    open = await pipeline()
    open.chain.hold()
    open.chain.forget(1)
    const id = await disperse(bytesOf(2000, 1))
    await untilState(open, id, BlobState.BLOB_STATE_CERTIFIED)
    while ((await open.repository.pendingTransaction()) === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    await open.killDisperser()
    await open.startDisperser()
    const later = await disperse(bytesOf(2000, 2))
    open.chain.release()
    await untilState(open, id, FINAL)
    await untilState(open, later, FINAL)
    expect([...open.chain.records.values()].map(({ windows }) => windows)).toEqual([1, 1])
    expect(open.chain.transactionCount()).toBe(2)
  })
})

describe('certificates that come too late', () => {
  const CERTIFIED = BlobState.BLOB_STATE_CERTIFIED
  const FAILED = BlobState.BLOB_STATE_FAILED
  const stateOf = async (id: string) => (await open.disperser.getBlob({ id })).blob

  test('end with their reason, also across a restart, while others of the same transaction become final', async () => {
    open = await pipeline({ epochs: { further: 2, blocks: 1_000_000 }, config: { epochKeeper: false } })
    const { chain } = open
    chain.hold()
    // The first one waits in a transaction, the others for the next: two of an epoch that closes, then one of the next epoch.
    const late = [await disperse(bytesOf(2000, 1))]
    await untilState(open, late[0] as string, CERTIFIED)
    while ((await open.repository.pendingTransaction()) === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    late.push(await disperse(bytesOf(2000, 2)))
    await untilState(open, late[1] as string, CERTIFIED)
    chain.beginEpoch()
    const inTime = await disperse(bytesOf(2000, 3))
    await untilState(open, inTime, CERTIFIED)
    await open.killDisperser()
    chain.beginEpoch()
    chain.closeEpoch(open.members.committee.epoch)
    await open.startDisperser()
    chain.release()
    expect((await untilState(open, inTime, FINAL)).transactionHashes).toHaveLength(1)
    for (const id of late) {
      let told: Awaited<ReturnType<typeof stateOf>>
      for await (const { blob } of open.disperser.watchBlob({ id }, { timeoutMs: 30_000 })) told = blob
      expect(told).toMatchObject({ state: FAILED, failureReason: 'CERTIFICATE_TOO_LATE' })
      expect(told?.failureMessage).toMatch(/EpochClosed.*disperse the bytes again/)
    }
    expect(await open.repository.submittable(Number.MAX_SAFE_INTEGER, 10)).toEqual({ windows: [], nextAtMs: undefined })
    const sent = chain.transactionCount()
    await open.killDisperser()
    await open.startDisperser()
    const again = await disperse(bytesOf(2000, 1))
    await untilState(open, again, FINAL)
    for (const id of late) expect((await stateOf(id))?.state).toBe(FAILED)
    expect(chain.transactionCount()).toBe(sent + 1)
    expect(chain.records.size).toBe(2)
  }, 30_000)
})

describe('several dispersers', () => {
  test('drive their own blobs, share the account, and each tells of all blobs', async () => {
    open = await pipeline()
    await open.startSecondDisperser(1)
    const data = Array.from({ length: 12 }, (_, index) => bytesOf(3000 + index, index))
    // Calls go round, so each of them gets half, and is asked for the other's.
    const ids = await Promise.all(data.map((bytes) => disperse(bytes)))
    const finals = await Promise.all(ids.map((id) => untilState(open, id, FINAL)))
    for (const [index, final] of finals.entries())
      expect((await retrieve(open, final)).equals(data[index] as Uint8Array)).toBe(true)
    const views = await open.repository.blobs(ids)
    expect(new Set(views.map((view) => view?.owner))).toEqual(new Set([0, 1]))
    expect([...open.chain.records.values()].every(({ windows }) => windows === 1)).toBe(true)
  })

  test('of one ordinal do not drive together: the lease decides', async () => {
    open = await pipeline()
    await open.startSecondDisperser(0)
    const data = Array.from({ length: 10 }, (_, index) => bytesOf(2000 + index, index))
    const ids = await Promise.all(data.map((bytes) => disperse(bytes)))
    // What the one without the lease accepted waits for its turn.
    await open.stopDisperser()
    for (const id of ids) await untilState(open, id, FINAL)
    expect([...open.chain.records.values()].every(({ windows }) => windows === 1)).toBe(true)
  }, 30_000)
})

describe("0G's interface", () => {
  const address = () => open.faces().daDisperser ?? ''
  const face = { publicPort: 0, publicWritesPerMinute: 0, publicReadsPerMinute: 0 }

  test('takes a blob, says PROCESSING, then FINALIZED with the header that gives it back', async () => {
    open = await pipeline({ config: face })
    for (const size of [1, 70_000]) {
      const data = bytesOf(size, size)
      const back = await roundTrip(address(), data, 10)
      expect(Buffer.compare(back.data, data)).toBe(0)
      expect(back.requestId).toMatch(/^[0-9a-f]{64}-[0-9a-f]{104}$/)
    }
  })

  test('answers what its clients know: sizes, ids, lengths', async () => {
    open = await pipeline({ config: face })
    const client = zerogClient(address())
    try {
      await expect(client.disperse(Buffer.alloc(0))).rejects.toMatchObject({ details: 'blob size must be greater than 0' })
      await expect(client.disperse(Buffer.alloc(32_505_853))).rejects.toMatchObject({
        details: 'blob size cannot exceed 31744 KiB',
      })
      await expect(client.status(Buffer.alloc(0))).rejects.toMatchObject({
        details: 'invalid request: request_id must not be empty',
      })
      await expect(client.status(Buffer.from('abc'))).rejects.toMatchObject({ details: 'invalid metadata key: abc' })
      expect(await client.status(Buffer.from('ab-cd'))).toEqual({
        status: BlobStatus.PROCESSING,
        info: { blobHeader: undefined },
      })
      const header = { storageRoot: Buffer.alloc(31), epoch: 0n, quorumId: 0n }
      await expect(client.retrieve(header)).rejects.toMatchObject({ details: 'parameter StorageRoot len is not accepted' })
      const unknown = { storageRoot: Buffer.alloc(32), epoch: 5n, quorumId: quorumIdOf(0, 0) }
      await expect(client.retrieve(unknown)).rejects.toMatchObject({ code: 5 })
    } finally {
      client.close()
    }
  })

  test('limits one address, and says when it may come back', async () => {
    open = await pipeline({ config: { ...face, publicWritesPerMinute: 1, publicReadsPerMinute: 60 } })
    const client = zerogClient(address())
    try {
      await client.disperse(bytesOf(10, 1))
      const error = await client.disperse(bytesOf(10, 2)).catch((refusal) => refusal)
      expect(error).toMatchObject({ code: 8, details: 'request ratelimited' })
      expect(error.metadata.get('grpc-status-details-bin')[0].includes('google.rpc.RetryInfo')).toBe(true)
      await client.status(Buffer.from('ab-cd'))
      await expect(client.status(Buffer.from('ab-cd'))).rejects.toMatchObject({ details: 'request rate limited' })
    } finally {
      client.close()
    }
  })
})

import { describe, expect, test } from '@jest/globals'
import type { Statement } from '@zerog/availability'
import type { BlobRecord, BundleRecord, DisperserRepository, PendingTransaction } from '../src/app/disperser/repository.ts'

const bytes = (byte: number, length = 32) => new Uint8Array(length).fill(byte)
const FENCE = { name: 'driver', token: 1n }

function blob(id: string, more: Partial<BlobRecord> = {}): BlobRecord {
  return {
    id,
    owner: 0,
    sizeBytes: 300,
    sha256: bytes(1),
    account: bytes(9, 20),
    retentionSeconds: 3600,
    idempotencyKey: undefined,
    acceptedAtMs: 1000,
    partLengths: [300],
    ...more,
  }
}

function bundle(id: string, more: Partial<BundleRecord> = {}): BundleRecord {
  return { id, owner: 0, epoch: 3n, committee: 0, expiry: 5000n, payloadBytes: 365, createdAtMs: 2000, ...more }
}

function statement(byte: number, more: Partial<Statement> = {}): Statement {
  return {
    commitment: bytes(byte),
    k: 256,
    n: 768,
    rowBytes: 64,
    payloadBytes: 365,
    epoch: 3n,
    committee: 0,
    expiry: 5000n,
    ...more,
  }
}

const window = (id: string, bundleIds: readonly string[], byte = 7) => ({
  id,
  epoch: 3n,
  committee: 0,
  root: bytes(byte),
  certificate: bytes(byte, 190),
  bundleIds,
  certifiedAtMs: 3000,
})

const transaction = (nonce: number, windowIds: readonly string[]): PendingTransaction => ({
  nonce,
  raw: bytes(nonce, 100),
  hash: bytes(0xe0 + nonce),
  sentAtMs: 4000,
  feePerGas: 2_000_000_000n,
  windowIds,
})

async function reason(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no refusal',
    (error) => error.reason ?? error,
  )
}

/** What every repository of the disperser promises. `open` gives an empty one. */
export function repositorySuite(name: string, open: () => Promise<DisperserRepository>): void {
  describe(`${name} repository`, () => {
    const opened = async () => {
      const repository = await open()
      await repository.takeFence(FENCE)
      return repository
    }
    const coded = async (repository: DisperserRepository, id: string, byte: number) => {
      await repository.acceptBlobs([blob(`blob of ${id}`)])
      await repository.createBundle(FENCE, bundle(id), [{ blobId: `blob of ${id}`, part: 0 }])
      await repository.codeBundle(FENCE, id, statement(byte))
    }

    test('accepts blobs once per account and idempotency key', async () => {
      const repository = await opened()
      const first = blob('a', { idempotencyKey: 'k' })
      expect(await repository.acceptBlobs([first, blob('b')])).toEqual([undefined, undefined])
      const [again, other, account] = await repository.acceptBlobs([
        blob('c', { idempotencyKey: 'k', sha256: bytes(2) }),
        blob('d', { idempotencyKey: 'l' }),
        blob('e', { idempotencyKey: 'k', account: bytes(8, 20) }),
      ])
      expect(again).toMatchObject({ id: 'a', sha256: bytes(1), idempotencyKey: 'k' })
      expect([other, account]).toEqual([undefined, undefined])
      expect((await repository.blobs(['c', 'a', 'zz', 'b'])).map((found) => found?.id)).toEqual([undefined, 'a', undefined, 'b'])
      expect((await repository.blobByKey(bytes(9, 20), 'k'))?.id).toBe('a')
      expect(await repository.blobByKey(bytes(9, 20), 'm')).toBeUndefined()
    })

    test('accepts the same key twice in one batch as one blob', async () => {
      const repository = await opened()
      const [first, second] = await repository.acceptBlobs([
        blob('a', { idempotencyKey: 'k' }),
        blob('b', { idempotencyKey: 'k' }),
      ])
      expect(first).toBeUndefined()
      expect(second?.id).toBe('a')
    })

    test('keeps parts in order until they have a bundle, and gives each to one bundle only', async () => {
      const repository = await opened()
      await repository.acceptBlobs([
        blob('b', { acceptedAtMs: 2 }),
        blob('a', { acceptedAtMs: 1, partLengths: [200, 100] }),
        blob('c', { owner: 1 }),
      ])
      expect(await repository.queuedParts(0)).toEqual([
        { blobId: 'a', part: 0, lengthBytes: 200, retentionSeconds: 3600 },
        { blobId: 'a', part: 1, lengthBytes: 100, retentionSeconds: 3600 },
        { blobId: 'b', part: 0, lengthBytes: 300, retentionSeconds: 3600 },
      ])
      await repository.createBundle(FENCE, bundle('x'), [
        { blobId: 'b', part: 0 },
        { blobId: 'a', part: 1 },
      ])
      expect((await repository.queuedParts(0)).map(({ part }) => part)).toEqual([0])
      expect(await repository.bundleParts('x')).toEqual([
        { blobId: 'b', part: 0, offset: 0, lengthBytes: 300, account: bytes(9, 20) },
        { blobId: 'a', part: 1, offset: 200, lengthBytes: 100, account: bytes(9, 20) },
      ])
      expect(await reason(repository.createBundle(FENCE, bundle('y'), [{ blobId: 'b', part: 0 }]))).toBe('WRONG_STATE')
      // All or nothing: the part that was free is free still.
      expect(
        await reason(
          repository.createBundle(FENCE, bundle('z'), [
            { blobId: 'a', part: 0 },
            { blobId: 'b', part: 0 },
          ]),
        ),
      ).toBe('WRONG_STATE')
      expect((await repository.queuedParts(0)).length).toBe(1)
      expect((await repository.openBundles(0)).map(({ id }) => id)).toEqual(['x'])
    })

    test('refuses whoever was fenced out', async () => {
      const repository = await opened()
      await repository.acceptBlobs([blob('a')])
      await repository.takeFence({ name: 'driver', token: 5n })
      expect(await reason(repository.takeFence({ name: 'driver', token: 4n }))).toBe('FENCED')
      expect(await reason(repository.createBundle(FENCE, bundle('x'), [{ blobId: 'a', part: 0 }]))).toBe('FENCED')
      expect(await reason(repository.saveWindow(FENCE, window('w', [])))).toBe('FENCED')
      expect(await reason(repository.saveTransaction(FENCE, transaction(0, [])))).toBe('FENCED')
      await repository.createBundle({ name: 'driver', token: 5n }, bundle('x'), [{ blobId: 'a', part: 0 }])
    })

    test('shows a blob as far as its bundle is', async () => {
      const repository = await opened()
      await coded(repository, 'x', 1)
      const [dispersing] = await repository.blobs(['blob of x'])
      expect(dispersing?.parts).toEqual([
        {
          lengthBytes: 300,
          bundleId: 'x',
          index: 0,
          statement: statement(1),
          certifiedAtMs: undefined,
          finalizedAtMs: undefined,
          transactionHash: undefined,
        },
      ])
      await repository.storedBy(FENCE, 'x', [2, 0])
      expect(await repository.openBundles(0)).toEqual([
        { ...bundle('x'), statement: statement(1), certified: false, stored: [2, 0] },
      ])
      await repository.saveWindow(FENCE, window('w', ['x']))
      expect((await repository.blobs(['blob of x']))[0]?.parts[0]?.certifiedAtMs).toBe(3000)
      expect((await repository.openBundles(0))[0]?.certified).toBe(true)
    })

    test('certifies no bundle twice, and nothing that was given up', async () => {
      const repository = await opened()
      await coded(repository, 'x', 1)
      await coded(repository, 'y', 2)
      await coded(repository, 'z', 3)
      await repository.saveWindow(FENCE, window('w', ['x', 'y']))
      expect(await reason(repository.saveWindow(FENCE, window('v', ['y', 'z'], 8)))).toBe('WRONG_STATE')
      expect((await repository.openBundles(0)).filter(({ certified }) => certified).map(({ id }) => id)).toEqual(['x', 'y'])
      await repository.saveWindow(FENCE, { ...window('w', ['x', 'y']), certificate: bytes(0x77, 190) })
      expect((await repository.certificate(bytes(2), 3n))?.certificate).toEqual(bytes(0x77, 190))
      await repository.closeWindow(FENCE, 'w')
      expect(await reason(repository.saveWindow(FENCE, window('w', ['x', 'y'])))).toBe('WRONG_STATE')
      expect(await reason(repository.failBundle(FENCE, 'x', { reason: 'R', message: 'm' }))).toBe('WRONG_STATE')
      expect(await reason(repository.renewBundle(FENCE, { id: 'x', epoch: 4n, committee: 0, expiry: 1n }))).toBe('WRONG_STATE')
      await repository.failBundle(FENCE, 'z', { reason: 'INSUFFICIENT_SIGNATURES', message: 'too few' })
      expect(await reason(repository.saveWindow(FENCE, window('u', ['z'], 9)))).toBe('WRONG_STATE')
      expect((await repository.blobs(['blob of z']))[0]?.failure).toEqual({
        reason: 'INSUFFICIENT_SIGNATURES',
        message: 'too few',
      })
    })

    test('renews a bundle that nobody certified', async () => {
      const repository = await opened()
      await coded(repository, 'x', 1)
      await repository.storedBy(FENCE, 'x', [1])
      await repository.renewBundle(FENCE, { id: 'x', epoch: 4n, committee: 2, expiry: 6000n })
      expect(await repository.openBundles(0)).toEqual([
        { ...bundle('x', { epoch: 4n, committee: 2, expiry: 6000n }), statement: undefined, certified: false, stored: [] },
      ])
    })

    test('gives closed windows out in order, once, until their transaction is settled', async () => {
      const repository = await opened()
      for (const [id, byte] of [
        ['x', 1],
        ['y', 2],
        ['z', 3],
      ] as const)
        await coded(repository, id, byte)
      await repository.saveWindow(FENCE, window('w1', ['x'], 1))
      await repository.saveWindow(FENCE, { ...window('w2', ['y'], 2), certifiedAtMs: 2500 })
      await repository.saveWindow(FENCE, window('w3', ['z'], 3))
      expect((await repository.submittable(9000, 10)).windows).toEqual([])
      expect(await repository.closeWindows(FENCE, 0)).toBe(3)
      expect(await repository.closeWindows(FENCE, 0)).toBe(0)
      const { windows } = await repository.submittable(9000, 10)
      expect(windows.map(({ id }) => id)).toEqual(['w2', 'w1', 'w3'])
      expect(windows[1]).toEqual({
        id: 'w1',
        certificate: bytes(1, 190),
        statements: [statement(1)],
        attempts: 0,
        transactionHash: undefined,
      })
      expect((await repository.submittable(9000, 1)).windows.length).toBe(1)

      await repository.saveTransaction(FENCE, transaction(4, ['w1', 'w2']))
      expect(await repository.pendingTransaction()).toEqual(transaction(4, ['w1', 'w2']))
      expect((await repository.submittable(9000, 10)).windows.map(({ id }) => id)).toEqual(['w3'])
      const final = { epoch: 3n, committee: 0, root: bytes(2), transactionHash: bytes(0xe4) }
      expect(await repository.applyBlock(FENCE, { nextHeight: 8n, windows: [final], atMs: 7000 })).toEqual([
        { id: 'y', owner: 0, certifiedAtMs: 2500 },
      ])
      expect(await repository.applyBlock(FENCE, { nextHeight: 9n, windows: [final], atMs: 7500 })).toEqual([])
      expect(await repository.nextHeight()).toBe(9n)
      expect((await repository.windowsOf(['w1', 'w2'])).map(({ id, transactionHash }) => [id, transactionHash])).toEqual([
        ['w1', bytes(0xe4)],
      ])
      await repository.settleTransaction(FENCE, { nonce: 4, gasUsed: 260_000n, retryAtMs: 9500 })
      expect(await repository.pendingTransaction()).toBeUndefined()
      expect(await repository.submittable(9000, 10)).toMatchObject({ windows: [{ id: 'w3' }], nextAtMs: 9500 })
      expect((await repository.submittable(9500, 10)).windows.map(({ id, attempts }) => [id, attempts])).toEqual([
        ['w1', 1],
        ['w3', 0],
      ])
      await repository.postponeWindow(FENCE, 'w3', 20_000)
      expect((await repository.submittable(9500, 10)).nextAtMs).toBe(20_000)
      expect((await repository.blobs(['blob of y']))[0]?.parts[0]).toMatchObject({
        finalizedAtMs: 7000,
        transactionHash: bytes(0xe4),
      })
      expect(await repository.finalizeWindow(FENCE, { windowId: 'w1', transactionHash: bytes(5), atMs: 8000 })).toEqual([
        { id: 'x', owner: 0, certifiedAtMs: 3000 },
      ])
      expect((await repository.openBundles(0)).map(({ id }) => id)).toEqual(['z'])
    })

    test('makes a bundle once, however often it is told to', async () => {
      const repository = await opened()
      await repository.acceptBlobs([blob('a'), blob('b')])
      const parts = [
        { blobId: 'a', part: 0 },
        { blobId: 'b', part: 0 },
      ]
      await repository.createBundle(FENCE, bundle('x'), parts)
      // The answer got lost.
      await repository.createBundle(FENCE, bundle('x'), parts)
      expect((await repository.openBundles(0)).map(({ id }) => id)).toEqual(['x'])
      expect((await repository.bundleParts('x')).map(({ blobId }) => blobId)).toEqual(['a', 'b'])
      expect(await reason(repository.createBundle(FENCE, bundle('y'), parts))).toBe('WRONG_STATE')
      expect((await repository.openBundles(0)).map(({ id }) => id)).toEqual(['x'])
    })

    test('gives up a window that no block will take, with its blobs, and nothing else', async () => {
      const repository = await opened()
      for (const [id, byte] of [
        ['x', 1],
        ['y', 2],
        ['z', 3],
      ] as const)
        await coded(repository, id, byte)
      await repository.saveWindow(FENCE, window('w', ['x', 'y'], 1))
      await repository.saveWindow(FENCE, window('v', ['z'], 2))
      await repository.closeWindows(FENCE, 0)
      const failure = { reason: 'CERTIFICATE_TOO_LATE', message: 'too late' }
      const lost = await repository.abandonWindow(FENCE, 'w', failure)
      expect([...lost].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
        { id: 'x', owner: 0 },
        { id: 'y', owner: 0 },
      ])
      // A repetition, an unknown window, and one that is final already.
      const other = { reason: 'OTHER', message: 'other' }
      expect(await repository.abandonWindow(FENCE, 'w', other)).toEqual([])
      expect(await repository.abandonWindow(FENCE, 'nobody', other)).toEqual([])
      await repository.finalizeWindow(FENCE, { windowId: 'v', transactionHash: bytes(5), atMs: 8000 })
      expect(await repository.abandonWindow(FENCE, 'v', other)).toEqual([])
      const views = await repository.blobs(['blob of x', 'blob of y', 'blob of z'])
      expect(views.map((view) => view?.failure)).toEqual([failure, failure, undefined])
      expect((await repository.submittable(9000, 10)).windows).toEqual([])
      expect(await repository.openBundles(0)).toEqual([])
      // The members' word stays known, and a block that names the window changes nothing.
      expect((await repository.certificate(bytes(1), 3n))?.index).toBe(0)
      const named = { epoch: 3n, committee: 0, root: bytes(1), transactionHash: bytes(0xe4) }
      expect(await repository.applyBlock(FENCE, { nextHeight: 8n, windows: [named], atMs: 9000 })).toEqual([])
      expect(await reason(repository.abandonWindow({ ...FENCE, token: FENCE.token - 1n }, 'w', other))).toBe('FENCED')
    })

    test('replaces a transaction with its nonce', async () => {
      const repository = await opened()
      await coded(repository, 'x', 1)
      await repository.saveWindow(FENCE, window('w', ['x']))
      await repository.closeWindow(FENCE, 'w')
      await repository.saveTransaction(FENCE, transaction(0, ['w']))
      const dearer = { ...transaction(0, ['w']), hash: bytes(0xaa), feePerGas: 3_000_000_000n }
      await repository.saveTransaction(FENCE, dearer)
      expect(await repository.pendingTransaction()).toEqual(dearer)
    })

    test('tells whose bytes may be forgotten, and who waits for what', async () => {
      const repository = await opened()
      await coded(repository, 'x', 1)
      await coded(repository, 'y', 2)
      await coded(repository, 'z', 3)
      await repository.acceptBlobs([blob('waiting')])
      await repository.saveWindow(FENCE, window('w', ['x']))
      await repository.applyBlock(FENCE, {
        nextHeight: 1n,
        windows: [{ epoch: 3n, committee: 0, root: bytes(7), transactionHash: bytes(1) }],
        atMs: 5000,
      })
      await repository.failBundle(FENCE, 'y', { reason: 'R', message: 'm' })
      await repository.saveWindow(FENCE, window('v', ['z'], 8))
      expect(await repository.counts()).toMatchObject({ queued: 1, dispersing: 0, certified: 1, failed: 1 })
      expect([...(await repository.keptIds(0))].sort()).toEqual(['blob of x', 'blob of y', 'blob of z', 'waiting'])
      expect(await repository.forgettable(0, 5000, 10)).toEqual(['blob of y'])
      expect([...(await repository.forgettable(0, 5001, 10))].sort()).toEqual(['blob of x', 'blob of y'])
      await repository.bytesForgotten(['blob of x'])
      expect(await repository.forgettable(0, 5001, 10)).toEqual(['blob of y'])
      expect(await repository.forgettable(1, 5001, 10)).toEqual([])
    })
  })
}

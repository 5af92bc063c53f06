import { describe, expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters'
import { blstMultisignature } from '@zerog/consensus/blst'
import { type Hex, ZerogError } from '@zerog/primitives'
import { silentLogger } from '@zerog/runtime'
import { testWorld } from '@zerog/runtime/testing'
import { decodeMaterial, verifyBundle } from '@zerog/verifier'
import { onceVerified } from '../src/adapters/once-verified.ts'
import { createEvidenceDesk, type EvidenceDeps, type EvidenceDesk } from '../src/app/broker/evidence.ts'
import { settledHeight } from '../src/app/broker/evidence-height.ts'
import { evidenceMetrics } from '../src/app/broker/evidence-metrics.ts'
import type { EvidenceChain, EvidenceRepository } from '../src/app/broker/evidence-ports.ts'
import type { Batch, StoredReceipt } from '../src/app/broker/repository.ts'
import { SETTLED_AT, type SettledWorld, settledWorld } from './support/evidence-world.ts'
import { crashing } from './support/serving-model.ts'

const metrics = evidenceMetrics(testWorld().metrics.meter({ target: 'test', replica: '0' }))
const signal = new AbortController().signal
const multisignature = onceVerified(blstMultisignature, { entriesMax: 64 })
/** Of the generated world. */
const MODEL_OWNER = BigInt(`0x${'0e'.repeat(20)}`)
let nowMs = 2_000_000
const clock = { ...systemClock, nowMs: () => nowMs, monotonicMs: () => nowMs }

function deskOf(
  settled: SettledWorld,
  changed: Partial<EvidenceDeps> & { readonly batch?: Batch; readonly publishes?: boolean } = {},
): EvidenceDesk {
  const { world, batch, receipts } = settled
  const { publishes = true, batch: shown = batch, ...deps } = changed
  const provider = receipts[0]?.receipt.provider as Hex
  return createEvidenceDesk(
    {
      chainId: world.trust.chainId,
      at: { ...world.trust.contracts, provider },
      publishes,
      settleAfterMs: 5000,
      retentionMs: 10_000_000,
      retryMs: 1000,
      retryMaxMs: 1500,
      giveUpMs: 60_000_000,
      batchesPerRound: 4,
      materialsMax: 1,
      filesMax: 2,
    },
    {
      repository: settled.repository(),
      books: { batch: async () => shown, batchBlob: async () => world.blob },
      chain: settled.chain,
      archive: settled.archive,
      multisignature,
      metrics,
      clock,
      logger: silentLogger,
      ...deps,
    },
  )
}

const refusalOf = async (work: Promise<unknown>): Promise<{ state: string | undefined; retry: boolean; message: string }> => {
  const error = await work.then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ZerogError)) throw error
  return { state: error.metadata.state, retry: error.retryAfterMs !== undefined, message: error.message }
}

const receiptOf = ({ receipts }: SettledWorld, index: number) => receipts[index] as StoredReceipt

describe('a settled batch', () => {
  test.each([
    ['with settlements', { users: 3, receipts: 7 }],
    ['of several accounts of a committee, with carries', { users: 2, receipts: 4, carry: true, daMembers: 200 }],
    ['with nothing to pay, of an upstream', { users: 2, receipts: 3, free: true, model: false }],
  ])('%s gives each of its answers a file whose links hold', async (_, options) => {
    const settled = await settledWorld({ seed: 'desk', ...options })
    const desk = deskOf(settled)
    expect(await desk.round(signal)).toBe(false)
    for (const stored of settled.receipts) {
      const { ok, links } = verifyBundle(await desk.file(stored), settled.world.trust, { multisignature: blstMultisignature })
      expect({ ok, broken: links.filter((link) => !link.ok) }).toEqual({ ok: true, broken: [] })
    }
  })

  test('is looked for at the first block that shows it, in few reads', async () => {
    const settled = await settledWorld({ seed: 'height', receipts: 3 })
    const at = { ...settled.world.trust.contracts, provider: receiptOf(settled, 0).receipt.provider }
    for (const head of [SETTLED_AT, SETTLED_AT + 1n, 40n, 1_000_000n]) {
      let reads = 0
      const chain: Pick<EvidenceChain, 'head' | 'words'> = {
        head: async () => head,
        words(asked) {
          reads++
          return settled.chain.words(asked)
        },
      }
      expect(await settledHeight(settled.batch, at, chain)).toBe(SETTLED_AT)
      expect(reads).toBeLessThanOrEqual(4 * (1 + Math.ceil(Math.log2(Number(head)))))
    }
    const early = { ...settled.chain, head: async () => SETTLED_AT - 1n }
    await expect(settledHeight(settled.batch, at, early)).rejects.toMatchObject({ reason: 'WRONG_STATE' })
  })

  test('is made again after a crash before or after any step, and is the same', async () => {
    const settled = await settledWorld({ seed: 'crash', receipts: 2, users: 1 })
    const whole = settled.repository()
    await deskOf(settled, { repository: whole }).round(signal)
    const expected = await whole.kept(settled.batch.batchId)
    let steps = 0
    for (; ; steps++) {
      const fuse = { left: steps >> 1, after: steps % 2 === 1, dead: false }
      const repository = settled.repository()
      const dying: Partial<EvidenceDeps> = {
        repository: crashing(repository, fuse),
        chain: crashing(settled.chain, fuse),
        archive: crashing(settled.archive, fuse),
        books: crashing({ batch: async () => settled.batch, batchBlob: async () => settled.world.blob }, fuse),
      }
      await deskOf(settled, dying)
        .round(signal)
        .catch(() => {})
      // The next process, on what the first one left.
      await deskOf(settled, { repository }).round(signal)
      expect(await repository.kept(settled.batch.batchId)).toEqual(expected)
      if (!fuse.dead) break
    }
    expect(steps).toBeGreaterThan(20)
  })

  test('is made although the one before it cannot be', async () => {
    const settled = await settledWorld({ seed: 'poison', receipts: 2 })
    const repository = settled.repository()
    const both = { ...repository, missing: async () => [1n, settled.batch.batchId] }
    const books = {
      batch: async (batchId: bigint) => (batchId === 1n ? { ...settled.batch, batchId, publication: '{' } : settled.batch),
      batchBlob: async () => settled.world.blob,
    }
    await deskOf(settled, { repository: both, books }).round(signal)
    expect(await repository.kept(1n)).toBeUndefined()
    expect(await repository.kept(settled.batch.batchId)).toMatchObject({ height: SETTLED_AT })
  })

  test('made by two brokers at once is kept once', async () => {
    const settled = await settledWorld({ seed: 'twice', receipts: 2 })
    const repository = settled.repository()
    await Promise.all([deskOf(settled, { repository }).round(signal), deskOf(settled, { repository }).round(signal)])
    expect(await repository.missing(0, 10)).toEqual([])
  })
})

describe('evidence that does not hold', () => {
  test.each<[string, Parameters<typeof settledWorld>[0], RegExp]>([
    [
      'the settlement is of another sum',
      { receipts: 3, users: 1, change: { contract: 'settlement', place: 2, by: 1n } },
      /settlement/,
    ],
    ['the anchor is of another blob', { receipts: 3, change: { contract: 'receiptAnchor', by: 1n } }, /^data-availability:/],
    ['the signer is not registered', { receipts: 3, change: { contract: 'inferenceServing', by: 1n } }, /^signer-registered:/],
    [
      'nobody registered the model',
      { receipts: 2, change: { contract: 'modelRegistry', by: -MODEL_OWNER } },
      /^model: .*not registered/,
    ],
  ])('is kept as a refusal that names the link, and never handed out: %s', async (what, options, link) => {
    const settled = await settledWorld({ seed: what, ...options })
    const repository = settled.repository()
    const desk = deskOf(settled, { repository })
    await desk.round(signal)
    const kept = await repository.kept(settled.batch.batchId)
    expect(kept).toMatchObject({ refused: expect.stringMatching(link) })
    const refused = await refusalOf(desk.file(receiptOf(settled, 0)))
    expect(refused).toMatchObject({ state: 'refused', retry: false })
    expect(refused.message).toMatch(new RegExp(link.source.replace('^', '')))
  })

  test('of one answer is refused when it is asked for, whatever the others are', async () => {
    const settled = await settledWorld({ seed: 'one', receipts: 3, users: 1 })
    const desk = deskOf(settled)
    await desk.round(signal)
    const stored = receiptOf(settled, 1)
    const forged = { ...stored, signature: receiptOf(settled, 2).signature }
    expect(await refusalOf(desk.file({ ...forged, id: 'forged' }))).toMatchObject({ state: 'refused', retry: false })
    expect((await desk.file(stored)).length).toBeGreaterThan(0)
  })

  test('because something is missing is tried again, and given up when the batch is old', async () => {
    const settled = await settledWorld({ seed: 'missing rows', receipts: 2 })
    const repository = settled.repository()
    let calls = 0
    const archive = {
      ...settled.archive,
      rows: async () => {
        calls++
        throw new ZerogError('ROWS_INSUFFICIENT', { message: 'no node serves rows 0 of the bundle' })
      },
    }
    const desk = deskOf(settled, { repository, archive })
    for (let round = 0; round < 3; round++) await desk.round(signal)
    expect(calls).toBe(1)
    const tried = async (afterMs: number) => {
      nowMs += afterMs
      await desk.round(signal)
      return calls
    }
    expect([await tried(999), await tried(1)]).toEqual([1, 2])
    expect([await tried(1499), await tried(1), await tried(1500)]).toEqual([2, 3, 4])
    expect(await refusalOf(desk.file(receiptOf(settled, 0)))).toMatchObject({ state: 'in_work', retry: true })
    expect(await repository.kept(settled.batch.batchId)).toBeUndefined()
    const before = nowMs
    const old = deskOf({ ...settled, batch: { ...settled.batch, createdAtMs: nowMs - 60_000_001 } }, { repository, archive })
    await old.round(signal)
    expect(await repository.kept(settled.batch.batchId)).toMatchObject({ refused: expect.stringContaining('rows 0') })
    nowMs = before
  })
})

describe('an answer without evidence says why, and whether to come back', () => {
  test('by its state', async () => {
    const settled = await settledWorld({ seed: 'states', receipts: 2 })
    const stored = receiptOf(settled, 0)
    const ask = async (receipt: Partial<StoredReceipt>, of: Parameters<typeof deskOf>[1] = {}) => {
      const { state, retry } = await refusalOf(deskOf(settled, of).file({ ...stored, ...receipt }))
      return `${state} ${retry ? 'later' : 'never'}`
    }
    const user = (change: Partial<Batch['users'][number]>): Batch => ({
      ...settled.batch,
      users: settled.batch.users.map((each) => ({ ...each, ...change })),
    })
    expect(await ask({ state: 'pending', batch: undefined })).toBe('not_acknowledged later')
    expect(await ask({ state: 'billable', batch: undefined })).toBe('not_settled later')
    expect(await ask({ state: 'void', batch: undefined })).toBe('void never')
    expect(await ask({ state: 'billable', batch: undefined }, { publishes: false })).toBe('not_published never')
    expect(await ask({}, { batch: { ...settled.batch, state: 'settling' } })).toBe('settling later')
    expect(await ask({}, { batch: { ...settled.batch, publication: undefined } })).toBe('not_published never')
    expect(await ask({}, { batch: user({ outcome: { status: 5, unpaid: 9n } }) })).toBe('settlement_refused never')
    expect(await ask({})).toBe('in_work later')
  })

  test('and the wait before a settlement is as long as the settlement is away', async () => {
    const settled = await settledWorld({ seed: 'wait', receipts: 1 })
    const stored = receiptOf(settled, 0)
    const receipt = { ...stored.receipt, finishedAt: BigInt(nowMs - 1000) }
    const error = await deskOf(settled)
      .file({ ...stored, receipt, state: 'billable', batch: undefined })
      .catch((thrown: ZerogError) => thrown)
    expect((error as ZerogError).retryAfterMs).toBe(4000 + 2000)
  })
})

describe('what is kept', () => {
  test('is forgotten after the time of retention, and is material that can be read', async () => {
    const settled = await settledWorld({ seed: 'kept', receipts: 2 })
    const repository: EvidenceRepository = settled.repository()
    const desk = deskOf(settled, { repository })
    await desk.round(signal)
    const kept = await repository.kept(settled.batch.batchId)
    expect(kept).toMatchObject({ height: SETTLED_AT })
    expect(decodeMaterial((kept as { material: Uint8Array }).material)).toEqual(settled.material)
    await desk.prune(signal)
    expect(await repository.kept(settled.batch.batchId)).toBeDefined()
    const before = nowMs
    nowMs += 10_000_001
    await desk.prune(signal)
    expect(await repository.kept(settled.batch.batchId)).toBeUndefined()
    nowMs = before
  })
})

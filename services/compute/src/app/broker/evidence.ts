import type { Multisignature } from '@zerog/consensus'
import { hashOfSet } from '@zerog/consensus/light-client'
import { receiptDomain, recoverReceiptSigner } from '@zerog/evidence'
import type { Clock, Logger } from '@zerog/ports'
import { fromHex, type Hex, ZerogError } from '@zerog/primitives'
import {
  type BatchMaterial,
  buildEvidence,
  type ClaimFinder,
  decodeMaterial,
  encodeEvidence,
  encodeMaterial,
  type Link,
  openBatch,
  trustOf,
  verifyBundle,
} from '@zerog/verifier'
import { SETTLEMENT_STATUS, SETTLEMENT_STATUS_NAMES } from '../../core/billing/outcome.ts'
import { type EvidenceStand, evidenceStand } from '../../core/broker/evidence-stand.ts'
import { lastUsed } from './evidence-cache.ts'
import { type SettledAt, settledHeight } from './evidence-height.ts'
import { collectMaterial } from './evidence-material.ts'
import type { EvidenceMetrics } from './evidence-metrics.ts'
import type { EvidenceArchive, EvidenceChain, EvidenceRepository } from './evidence-ports.ts'
import type { Batch, BrokerRepository, StoredReceipt } from './repository.ts'
import { readPublication } from './settlement.ts'

export type EvidenceOptions = {
  readonly chainId: bigint
  readonly at: SettledAt & { readonly modelRegistry: Hex; readonly daSigners: Hex }
  /** Batches are published here, so evidence of them can be made. */
  readonly publishes: boolean
  readonly settleAfterMs: number
  readonly retentionMs: number
  /** A batch whose evidence could not be collected is tried again after this time, then twice that and so on; refused after `giveUpMs`. */
  readonly retryMs: number
  readonly retryMaxMs: number
  readonly giveUpMs: number
  readonly batchesPerRound: number
  /** Batches whose material, and answers whose file, are kept at hand. */
  readonly materialsMax: number
  readonly filesMax: number
}

export type EvidenceDeps = {
  readonly repository: EvidenceRepository
  readonly books: Pick<BrokerRepository, 'batch' | 'batchBlob'>
  readonly chain: EvidenceChain
  readonly archive: EvidenceArchive
  readonly multisignature: Multisignature
  readonly metrics: EvidenceMetrics
  readonly clock: Clock
  readonly logger: Logger
}

export type EvidenceDesk = {
  /** Makes what is missing. True where more may be left. */
  round(signal: AbortSignal): Promise<boolean>
  /** The verified file of an answer. Throws WRONG_STATE with `retryAfterMs` while it is not made, without where it never will be. */
  file(stored: StoredReceipt): Promise<Uint8Array>
  prune(signal: AbortSignal): Promise<void>
}

/**
 * Keeps evidence of every settled batch and hands out that of single answers. Per batch, what its answers share is collected once and
 * kept only if the evidence of each user and model verifies; a file is put together when it is asked for, verified, and handed out only
 * if it holds (ADR 0170). What is missing is found in the books, so a crash between any two steps costs nothing but their repetition.
 */
export function createEvidenceDesk(options: EvidenceOptions, deps: EvidenceDeps): EvidenceDesk {
  const { repository, books, clock, logger, metrics } = deps
  const domain = receiptDomain({ chainId: options.chainId, receiptAnchor: options.at.receiptAnchor })
  const { inferenceServing, receiptAnchor, modelRegistry, daSigners } = options.at
  const contracts = { inferenceServing, receiptAnchor, modelRegistry, daSigners }
  const failures = new Map<bigint, { readonly count: number; readonly againAtMs: number }>()
  const materials = lastUsed<bigint, OpenMaterial>(options.materialsMax)
  const files = lastUsed<string, Uint8Array>(options.filesMax)

  /** The file, or the links that do not hold. Answers go on between its steps, each of which takes milliseconds. */
  async function assemble(
    { receipt, signature, salt }: Pick<StoredReceipt, 'receipt' | 'signature' | 'salt'>,
    { material, find }: OpenMaterial,
  ): Promise<{ readonly bytes: Uint8Array; readonly broken: readonly Link[] }> {
    const signed = { receipt, signature }
    // Not ours of today: the key may have changed since.
    const signer = recoverReceiptSigner(receipt, { domain, signature }) ?? `0x${'00'.repeat(20)}`
    const answer = { signed, salt: fromHex(salt, 32), signer } as const
    const bytes = encodeEvidence(buildEvidence(answer, { material, find, contracts }))
    await clock.sleep(0)
    const validatorSetHash = hashOfSet(material.validators.trusted)
    const trust = trustOf({ chainId: options.chainId, validatorSetHash, contracts, epochLength: material.epochLength })
    const { links } = verifyBundle(bytes, trust, { multisignature: deps.multisignature })
    return { bytes, broken: links.filter(({ ok }) => !ok) }
  }

  async function collect(batch: Batch, height: bigint, signal: AbortSignal): Promise<void> {
    const { batchId, publication, root } = batch
    if (publication === undefined) return // `missing` names published ones only
    const refuse = async (why: string): Promise<void> => {
      await repository.keep(batchId, { height, refused: why }, clock.nowMs())
      metrics.batches.add(1, { outcome: 'refused' })
      logger.error('evidence_refused', { batchId: String(batchId), batchRoot: root, why })
    }
    const provable = new Set(batch.users.filter(isPaid).map(({ user }) => user))
    const samples = (await repository.samples(batchId)).filter(({ receipt }) => provable.has(receipt.user))
    if (samples.length === 0) return refuse('the contract refused the settlement of every user of the batch')
    const blob = await books.batchBlob(batchId)
    if (blob === undefined) return refuse('the batch is gone')
    const of = {
      ...options,
      provider: options.at.provider,
      contracts,
      batch,
      publication: readPublication(publication),
      height,
      samples,
    }
    const material = await collectMaterial(of, { chain: deps.chain, archive: deps.archive, signal })
    const open = { material, find: openBatch(blob) }
    const broken: (readonly Link[])[] = []
    for (const sample of samples) {
      await clock.sleep(0, signal)
      broken.push((await assemble(sample, open)).broken)
    }
    await clock.sleep(0, signal)
    for (const link of broken.flat()) metrics.brokenLinks.add(1, { link: link.name })
    const first = broken.find((links) => links.length > 0)?.[0]
    if (first !== undefined) {
      logger.warn('evidence_broken', { batchId: String(batchId), link: first.name, detail: first.detail })
      if (broken.every((links) => links.length > 0)) return refuse(`${first.name}: ${first.detail}`)
    }
    await repository.keep(batchId, { height, material: encodeMaterial(material) }, clock.nowMs())
    metrics.batches.add(1, { outcome: 'kept' })
    logger.info('evidence_kept', { batchId: String(batchId), batchRoot: root, height: String(height) })
  }

  async function attempt(batchId: bigint, signal: AbortSignal): Promise<void> {
    const startedMs = clock.monotonicMs()
    const batch = await books.batch(batchId)
    if (batch === undefined) return
    try {
      await collect(batch, await settledHeight(batch, options.at, deps.chain), signal)
      failures.delete(batchId)
      metrics.collectSeconds.observe((clock.monotonicMs() - startedMs) / 1000)
    } catch (error) {
      if (signal.aborted) throw error
      metrics.batches.add(1, { outcome: 'failed' })
      // What is not ours to expect is a bug, but one batch must not keep the others from their evidence.
      const expected = error instanceof ZerogError && error.status !== 'INTERNAL'
      logger[expected ? 'warn' : 'error']('evidence_not_collected', { batchId: String(batchId), error })
      const count = (failures.get(batchId)?.count ?? 0) + 1
      const pauseMs = Math.min(options.retryMs * 2 ** Math.min(count - 1, 20), options.retryMaxMs)
      failures.set(batchId, { count, againAtMs: clock.nowMs() + pauseMs })
      if (clock.nowMs() - batch.createdAtMs < options.giveUpMs) return
      const why = error instanceof Error ? error.message : String(error)
      await repository.keep(batchId, { height: 0n, refused: `it could not be collected: ${why}` }, clock.nowMs())
      failures.delete(batchId)
    }
  }

  async function materialOf(batchId: bigint): Promise<OpenMaterial | undefined> {
    const known = materials.get(batchId)
    if (known !== undefined) return known
    const [kept, blob] = await Promise.all([repository.kept(batchId), books.batchBlob(batchId)])
    if (kept === undefined || blob === undefined || !('material' in kept)) return undefined
    const found = { material: decodeMaterial(kept.material), find: openBatch(blob) }
    materials.set(batchId, found)
    return found
  }

  async function stand(stored: StoredReceipt): Promise<EvidenceStand> {
    const batch = stored.batch && (await books.batch(stored.batch.batchId))
    const kept =
      batch?.state === 'settled' && materials.get(batch.batchId) === undefined ? await repository.kept(batch.batchId) : {}
    const outcome = batch?.users.find(({ user }) => user === stored.receipt.user)?.outcome
    return evidenceStand({
      receipt: { state: stored.state, finishedAtMs: Number(stored.receipt.finishedAt) },
      batch: batch && {
        settled: batch.state === 'settled',
        published: batch.publication !== undefined,
        outcome: outcome && { status: outcome.status, name: SETTLEMENT_STATUS_NAMES[outcome.status] ?? 'unknown' },
      },
      kept,
      publishes: options.publishes,
      settleAfterMs: options.settleAfterMs,
      nowMs: clock.nowMs(),
    })
  }

  return {
    async round(signal) {
      const nowMs = clock.nowMs()
      const missing = await repository.missing(nowMs - options.retentionMs, options.batchesPerRound + failures.size)
      const due = missing.filter((batchId) => (failures.get(batchId)?.againAtMs ?? 0) <= nowMs).slice(0, options.batchesPerRound)
      for (const batchId of due) {
        signal.throwIfAborted()
        await attempt(batchId, signal)
      }
      return due.length === options.batchesPerRound
    },

    async file(stored) {
      const known = files.get(stored.id)
      if (known !== undefined) {
        metrics.files.add(1, { outcome: 'served' })
        return known
      }
      const where = await stand(stored)
      if (where.kind !== 'ready') {
        metrics.files.add(1, { outcome: where.kind === 'wait' ? 'waiting' : 'refused' })
        throw notReady(where)
      }
      const found = stored.batch && (await materialOf(stored.batch.batchId))
      if (found === undefined)
        throw notReady({ kind: 'never', state: 'gone', message: 'the evidence of this answer is not kept any more' })
      const { bytes, broken } = await assemble(stored, found)
      const [first] = broken
      if (first !== undefined) {
        for (const link of broken) metrics.brokenLinks.add(1, { link: link.name })
        metrics.files.add(1, { outcome: 'refused' })
        logger.error('evidence_refused', { answerId: stored.id, link: first.name, detail: first.detail })
        throw notReady({
          kind: 'never',
          state: 'refused',
          message: `evidence of this answer does not hold (${first.name}): ${first.detail}`,
        })
      }
      files.set(stored.id, bytes)
      metrics.files.add(1, { outcome: 'served' })
      metrics.fileBytes.observe(bytes.length)
      return bytes
    },

    async prune(signal) {
      const beforeMs = clock.nowMs() - options.retentionMs
      while (!signal.aborted && (await repository.prune(beforeMs, PRUNE_MAX)) === PRUNE_MAX);
    },
  }
}

type OpenMaterial = { readonly material: BatchMaterial; readonly find: ClaimFinder }

/** Rows of one call of `prune`: materials are large. */
const PRUNE_MAX = 64

/** Whether the state shows what the batch claimed from a user, or nothing is claimed. */
function isPaid({ outcome }: Batch['users'][number]): boolean {
  return outcome !== undefined && outcome.status <= SETTLEMENT_STATUS.partial
}

function notReady(stand: Exclude<EvidenceStand, { readonly kind: 'ready' }>): ZerogError {
  return new ZerogError('WRONG_STATE', {
    message: stand.message,
    metadata: { state: stand.state },
    ...(stand.kind === 'wait' ? { retryAfterMs: stand.retryAfterMs } : {}),
  })
}

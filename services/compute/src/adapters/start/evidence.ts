import { blstMultisignature } from '@zerog/consensus/blst'
import type { addresses } from '@zerog/contracts'
import type { Hex } from '@zerog/primitives'
import type { ModuleContext } from '@zerog/runtime'
import { createEvidenceDesk, type EvidenceDesk } from '../../app/broker/evidence.ts'
import { evidenceMetrics } from '../../app/broker/evidence-metrics.ts'
import type { EvidenceRepository } from '../../app/broker/evidence-ports.ts'
import type { BrokerRepository } from '../../app/broker/repository.ts'
import type { ComputeBrokerConfig } from '../../config.ts'
import { LIMITS } from '../../limits.ts'
import { evidenceChain } from '../chain/evidence-chain.ts'
import { evidenceArchive } from '../da/evidence-archive.ts'
import { onceVerified } from '../once-verified.ts'

const LIMIT = LIMITS.broker.evidence

/** Evidence of this provider's answers: the desk that hands it out, and the rounds that make it. */
export function startEvidence(
  context: ModuleContext<ComputeBrokerConfig>,
  of: {
    readonly at: ReturnType<typeof addresses> & { readonly provider: Hex; readonly chainId: bigint }
    readonly publishes: boolean
    readonly repository: EvidenceRepository
    readonly books: BrokerRepository
  },
): { readonly desk: EvidenceDesk; readonly run: (signal: AbortSignal) => Promise<void> } {
  const { config, clock, logger } = context
  const { settleAfterMs, retentionMs } = config
  const desk = createEvidenceDesk(
    { ...LIMIT, chainId: of.at.chainId, at: of.at, publishes: of.publishes, settleAfterMs, retentionMs },
    {
      repository: of.repository,
      books: of.books,
      chain: evidenceChain(context.rpc),
      archive: evidenceArchive(context.rpc),
      multisignature: onceVerified(blstMultisignature, { entriesMax: LIMIT.signaturesMax }),
      metrics: evidenceMetrics(context.meter),
      clock,
      logger,
    },
  )
  let prunedAtMs = clock.monotonicMs()
  return {
    desk,
    async run(signal) {
      while (!signal.aborted && (await desk.round(signal)));
      if (clock.monotonicMs() - prunedAtMs < LIMITS.broker.pruneMs) return
      await desk.prune(signal)
      prunedAtMs = clock.monotonicMs()
    },
  }
}

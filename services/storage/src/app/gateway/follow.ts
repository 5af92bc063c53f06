import type { ChainClient, ChainLog, Clock, FinalizedBlock, Logger } from '@zerog/ports'
import { fromHex, type Hex, type TreeHasher } from '@zerog/primitives'
import { decodeSubmission, SUBMIT_TOPIC } from '../../core/submission.ts'
import type { Checkpoint, StorageRepository, StoredSubmission } from '../repository.ts'

export type FollowerOptions = {
  readonly flowAddress: Hex
  /** A checkpoint of blocks without a submission is kept at most this often. */
  readonly idleCheckpointMs: number
}

export type FollowerDeps = {
  readonly chain: ChainClient
  readonly repository: StorageRepository
  readonly clock: Clock
  readonly logger: Logger
  readonly hasher: TreeHasher
  readonly onSubmission: (submission: StoredSubmission) => void
}

export type Follower = {
  /** Follows until the signal aborts; throws what the chain client or the repository throws. */
  run(signal: AbortSignal): Promise<void>
  /** The last block that this gateway saw; undefined before the first. */
  position(): Checkpoint | undefined
}

/**
 * Every gateway follows by itself: the checkpoint moves by compare-and-set together with what it caused, so several of them write
 * each block once and none waits for another's lease to run out.
 */
export function createFollower(options: FollowerOptions, deps: FollowerDeps): Follower {
  const { repository, clock, logger } = deps
  let seen: Checkpoint | undefined
  let stored: Checkpoint | undefined
  let storedAtMs = Number.NEGATIVE_INFINITY

  async function apply(block: FinalizedBlock): Promise<void> {
    const to = { height: block.height, hash: block.hash }
    const submissions = block.logs.flatMap((log) => readLog(log, block.height))
    const due = submissions.length > 0 || clock.monotonicMs() - storedAtMs >= options.idleCheckpointMs
    while (due && (stored === undefined || stored.height < block.height)) {
      const outcome = await repository.applyBlock({ from: stored, to, submissions })
      stored = outcome === 'applied' ? to : await repository.checkpoint()
      storedAtMs = clock.monotonicMs()
    }
    seen = to
    for (const submission of submissions) deps.onSubmission(submission)
  }

  function readLog(log: ChainLog, height: bigint): StoredSubmission[] {
    const submission = decodeSubmission(
      { topics: log.topics.map((topic) => fromHex(topic)), data: fromHex(log.data) },
      deps.hasher,
    )
    if (submission === undefined) {
      logger.warn('submission_ignored', { transactionHash: log.transactionHash, logIndex: log.logIndex })
      return []
    }
    const transactionHash = fromHex(log.transactionHash)
    return [{ ...submission, height, transactionHash, transactionFrom: fromHex(log.transactionFrom) }]
  }

  return {
    async run(signal) {
      stored = await repository.checkpoint()
      seen = stored ?? seen
      const filter = { addresses: [options.flowAddress], topics: [SUBMIT_TOPIC] }
      const fromHeight = stored === undefined ? 0n : stored.height + 1n
      for await (const block of deps.chain.watch({ fromHeight, filter, signal })) await apply(block)
    },
    position: () => seen,
  }
}

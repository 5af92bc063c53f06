import type { Bus, Clock, Logger } from '@zerog/ports'
import { JOB_BATCH_MAX } from '../../limits.ts'
import type { Deletion, StorageRepository } from '../repository.ts'
import type { NodeDirectory } from './directory.ts'
import type { Finalizer } from './finalize.ts'

export type SweepDeps = {
  readonly repository: StorageRepository
  readonly directory: NodeDirectory
  readonly finalizer: Finalizer
  readonly bus: Pick<Bus, 'publish'>
  readonly clock: Clock
  readonly logger: Logger
}

export type Sweeper = {
  /** Forgets files that nobody submitted in time, on the nodes too. */
  expire(): Promise<number>
  /** Publishes events that wait in the outbox, in order. */
  publish(): Promise<number>
  /** Looks at complete files whose finalization was cut off. */
  finalizeRest(): Promise<number>
}

/** A node that is silent for so long is not asked to forget any more; the file may come again. */
const DELETION_PATIENCE_MS = 10 * 60_000

export function createSweeper(deps: SweepDeps): Sweeper {
  const { repository, directory, clock, logger } = deps
  let after = 0n

  async function forget(deletion: Deletion): Promise<void> {
    const done = await Promise.all(
      deletion.nodeIds.map(async (nodeId) => {
        const node = directory.find(nodeId)
        if (node === undefined || !node.reachable) return directory.silentForMs(nodeId) > DELETION_PATIENCE_MS ? [nodeId] : []
        await node.client.deleteFile(deletion)
        return [nodeId]
      }),
    )
    const nodeIds = done.flat()
    if (nodeIds.length > 0) await repository.finishDeletion(deletion.fileId, nodeIds)
  }

  return {
    async expire() {
      const expired = await repository.expire(clock.nowMs(), JOB_BATCH_MAX)
      if (expired > 0) logger.info('unsubmitted_files_expired', { count: expired })
      for (const deletion of await repository.deletions(JOB_BATCH_MAX)) await forget(deletion)
      return expired
    },
    async publish() {
      const events = await repository.outbox(JOB_BATCH_MAX)
      for (const event of events) await deps.bus.publish(event)
      if (events.length > 0) await repository.clearOutbox(events.map((event) => event.id))
      return events.length
    },
    async finalizeRest() {
      const files = await repository.unfinished(after, JOB_BATCH_MAX)
      after = files.length < JOB_BATCH_MAX ? 0n : (files.at(-1)?.fileId ?? 0n)
      let finalized = 0
      for (const file of files) if (await deps.finalizer.tryFinalize(file.fileId)) finalized++
      return finalized
    },
  }
}

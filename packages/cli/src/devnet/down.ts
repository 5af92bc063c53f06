import { ZerogError } from '@zerog/primitives'
import { removeEndpoints } from './endpoints.ts'
import { readLauncher, removeLauncher } from './launcher-file.ts'
import { isRunning, type ProcessId, signalProcess, untilGone } from './process-id.ts'

const GRACE_MS = 30_000
const KILL_MS = 5_000

export type DownReport = { readonly stopped: boolean; readonly processes: number; readonly killed: number }

/**
 * Stops the devnet of a data folder and resolves when none of its processes is left. Asks first, kills what does not stop in
 * 30 s, and does the same for children whose launcher was killed. Stopping twice, or what never ran, is fine.
 */
export async function stopDevnet(dataDir: string): Promise<DownReport> {
  const file = await readLauncher(dataDir)
  if (file === undefined) {
    await removeEndpoints(dataDir)
    return { stopped: false, processes: 0, killed: 0 }
  }
  const before = [file.launcher, ...file.children].filter(isRunning)
  signalProcess(file.launcher, 'SIGTERM')
  // Children stop by themselves when their launcher is gone; an orderly launcher waits for them.
  await untilGone([file.launcher, ...file.children], GRACE_MS)
  // The launcher may have restarted a child after we read the file.
  const everybody: readonly ProcessId[] = [...before, ...((await readLauncher(dataDir))?.children ?? [])]
  const left = everybody.filter(isRunning)
  for (const id of left) signalProcess(id, 'SIGKILL')
  if (!(await untilGone(left, KILL_MS))) {
    throw new ZerogError('WRONG_STATE', {
      message: `processes ${left.map(({ pid }) => pid).join(', ')} do not end; they may wait for a disk: look at them with ps`,
    })
  }
  await removeEndpoints(dataDir)
  await removeLauncher(dataDir)
  return { stopped: before.length > 0, processes: before.length, killed: left.length }
}

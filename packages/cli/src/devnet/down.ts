import { ZerogError } from '@zerog/primitives'
import { removeEndpoints } from './endpoints.ts'
import { readLauncher, removeLauncher } from './launcher-file.ts'
import { isRunning, type ProcessId, signalProcess, untilGone } from './process-id.ts'

const GRACE_MS = 30_000
/** Without a launcher the children stop by themselves within seconds. */
const ORPHAN_GRACE_MS = 10_000
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
  const orderly = isRunning(file.launcher)
  if (orderly) signalProcess(file.launcher, 'SIGTERM')
  else for (const child of file.children) signalProcess(child, 'SIGTERM')
  // An orderly launcher waits for its children, so it is the last to go.
  await untilGone([file.launcher, ...file.children], orderly ? GRACE_MS : ORPHAN_GRACE_MS)
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

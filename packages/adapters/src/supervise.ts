import { type ChildProcess, spawn } from 'node:child_process'

/**
 * A shell that starts a server and waits on a pipe from us. Only we hold the other end, so when we end in any way, also by SIGKILL,
 * the pipe closes and the server gets SIGINT. A shell needs 1 MB where a Node process as supervisor needs 40.
 */
const SCRIPT =
  '"$@" </dev/null 3<&- & server=$!; { cat >/dev/null; kill -INT $server; } <&3 & watch=$!; wait $server; code=$?; kill $watch; exit $code'

export type Supervised = {
  readonly child: ChildProcess
  /** Resolves when the server is gone, or could not be started. */
  readonly ended: Promise<void>
  /** Asks the server to stop (SIGINT). */
  readonly hangUp: () => void
}

export type SuperviseOptions = {
  /** Open file for standard output and error. */
  readonly logFd: number
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly uid?: number
  readonly gid?: number
}

/** Starts a server that does not outlive this process. */
export function supervise(command: readonly string[], options: SuperviseOptions): Supervised {
  const { logFd, env = process.env, uid, gid } = options
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'zerog-supervisor', ...command], {
    stdio: ['ignore', logFd, logFd, 'pipe'],
    // Its own session: Ctrl-C in the terminal reaches zerog, which stops its servers last.
    detached: true,
    env: { ...env },
    ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
  })
  const hangUp = () => {
    const pipe = child.stdio[3]
    if (pipe === null || pipe === undefined || !('end' in pipe)) return
    pipe.on('error', () => {})
    pipe.end()
  }
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      hangUp()
      resolve()
    }
    child.once('exit', end)
    child.once('error', end)
  })
  return { child, ended, hangUp }
}

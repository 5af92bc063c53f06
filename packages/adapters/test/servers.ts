import { execFileSync } from 'node:child_process'
import { accessSync, closeSync, constants, existsSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { startEmbeddedPostgres } from '../src/sql/embedded.ts'
import { supervise } from '../src/supervise.ts'
import { temporaryFolder } from '../src/testing.ts'

export type ServerKind = 'postgres' | 'redis' | 'nats'

export type RunningServer = {
  readonly url: string
  /** Of the server itself, to freeze or kill it. */
  readonly pid: number
  readonly stop: () => Promise<void>
  /** SIGKILL; resolves when it is gone. Its files stay. */
  readonly kill: () => Promise<void>
  /** After `kill`: on the same port with the same files. */
  readonly restart: () => Promise<RunningServer>
}

/** What tests need of the system beside Node: servers, a browser, and the tool for alerts. */
export type ProgramKind = ServerKind | 'chromium' | 'promtool'

/** What Debian 12 calls them; other systems need the same programs on the PATH. */
export const PROGRAMS: Readonly<Record<ProgramKind, { readonly program: string; readonly debianPackage: string }>> = {
  postgres: { program: 'postgres', debianPackage: 'postgresql' },
  redis: { program: 'redis-server', debianPackage: 'redis-server' },
  nats: { program: 'nats-server', debianPackage: 'nats-server' },
  chromium: { program: 'chromium', debianPackage: 'chromium' },
  promtool: { program: 'promtool', debianPackage: 'prometheus' },
}

/** Where the program lies, or undefined. Debian keeps PostgreSQL's programs out of the PATH, and small systems /usr/sbin. */
export function findProgram(kind: ProgramKind): string | undefined {
  const { program } = PROGRAMS[kind]
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  if (kind === 'postgres') folders.unshift(...debianPostgresFolders())
  for (const folder of folders) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      // initdb must lie beside it; a lone link does not help.
      if (kind === 'postgres') accessSync(join(folder, 'initdb'), constants.X_OK)
      return path
    } catch {}
  }
  return undefined
}

export function installCommand(kind: ProgramKind): string {
  return `apt-get install -y --no-install-recommends ${PROGRAMS[kind].debianPackage}`
}

/** Finds the program; installs it first where we may: as root, or with CI=true. */
export function obtainProgram(kind: ProgramKind): string | undefined {
  const found = findProgram(kind)
  if (found !== undefined || !(process.getuid?.() === 0 || process.env.CI === 'true')) return found
  const sudo = process.getuid?.() === 0 ? '' : 'sudo -n '
  const command = `${sudo}apt-get update && ${sudo}${installCommand(kind)}`
  process.stderr.write(`zerog: ${PROGRAMS[kind].program} is missing and needed by tests; running: ${command}\n`)
  try {
    // Jest's workers may want the same at once.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    execFileSync('flock', ['/tmp/zerog-apt.lock', 'sh', '-c', command], { stdio: ['ignore', 'ignore', 'pipe'], env })
  } catch (error) {
    process.stderr.write(`zerog: that failed: ${String(error).slice(0, 2000)}\n`)
  }
  return findProgram(kind)
}

/** Starts an instance of our own on a free port of the loopback address, in a temporary folder. It does not outlive this process. */
export async function startServer(kind: ServerKind): Promise<RunningServer> {
  const program = findProgram(kind)
  if (program === undefined) throw new Error(`${PROGRAMS[kind].program} is not installed: ${installCommand(kind)}`)
  return kind === 'postgres' ? startPostgres(program) : startPlain(kind, program)
}

async function startPostgres(program: string, folder = temporaryFolder('postgres'), port?: number): Promise<RunningServer> {
  const options = { dataDir: folder.path, binDir: join(program, '..'), ...(port === undefined ? {} : { port }) }
  const server = await startEmbeddedPostgres(options)
  return {
    url: server.url,
    pid: server.pid,
    async stop() {
      await server.stop()
      folder.remove()
    },
    async kill() {
      process.kill(server.pid, 'SIGKILL')
      await server.exited
    },
    restart: () => startPostgres(program, folder, server.port),
  }
}

type PlainKind = 'redis' | 'nats'

async function startPlain(kind: PlainKind, program: string): Promise<RunningServer> {
  const folder = temporaryFolder(kind)
  for (let attempt = 1; ; attempt++) {
    const server = await startPlainOn(await freePort(), kind, program, folder)
    if (server !== undefined) return server
    if (attempt === 5) throw new Error(`${program} does not start:\n${readFileSync(join(folder.path, 'log'), 'utf8')}`)
  }
}

/** undefined when the server ended before it listened. */
async function startPlainOn(
  port: number,
  kind: PlainKind,
  program: string,
  folder: ReturnType<typeof temporaryFolder>,
): Promise<RunningServer | undefined> {
  const pidFile = join(folder.path, 'pid')
  const arguments_ = {
    redis: [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      folder.path,
      '--pidfile',
      pidFile,
    ],
    nats: ['-a', '127.0.0.1', '-p', `${port}`, '-js', '-sd', folder.path, '-P', pidFile],
  }[kind]
  rmSync(pidFile, { force: true })
  const log = openSync(join(folder.path, 'log'), 'w', 0o600)
  const { ended, hangUp } = supervise([program, ...arguments_], { logFd: log })
  closeSync(log)
  let running = true
  void ended.then(() => {
    running = false
  })
  // Both write their pid file a moment before or after they listen.
  while (running && !(existsSync(pidFile) && (await answers(port)))) await new Promise((resolve) => setTimeout(resolve, 10))
  if (!running) return undefined
  const pid = Number(readFileSync(pidFile, 'utf8'))
  return {
    url: `${kind}://127.0.0.1:${port}`,
    pid,
    async stop() {
      hangUp()
      await ended
      folder.remove()
    },
    async kill() {
      process.kill(pid, 'SIGKILL')
      await ended
    },
    async restart() {
      const again = await startPlainOn(port, kind, program, folder)
      if (again === undefined) throw new Error(`${program} does not start again on port ${port}`)
      return again
    },
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

function debianPostgresFolders(): string[] {
  try {
    const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
    return versions.map((version) => `/usr/lib/postgresql/${version}/bin`)
  } catch {
    return []
  }
}

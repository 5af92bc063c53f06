import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Clock, Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { systemClock } from '../clock/system.ts'
import { codeOf, folderDamaged, folderError, lockFolder } from '../folder.ts'
import { supervise } from '../supervise.ts'
import { embeddedPostgresBin, postgresMajor, type RunAs, runAs } from './postgres-binaries.ts'
import { disownPostmasterFile, isPostmasterOf, logTail, readPostmaster } from './postgres-files.ts'

export type EmbeddedPostgresOptions = {
  /** Holds the database, its password and its log; created with mode 0700. */
  readonly dataDir: string
  /** On 127.0.0.1. Default: a free one. */
  readonly port?: number
  readonly logger?: Logger
  readonly clock?: Clock
  /** Folder of initdb and postgres. Default: those of the npm package. */
  readonly binDir?: string
}

export type EmbeddedPostgres = {
  /** With user and password: a secret. */
  readonly url: string
  readonly port: number
  /** Of the postmaster. */
  readonly pid: number
  /** Resolves when the server ended, whoever ended it; true if `stop` was called before. */
  readonly exited: Promise<{ readonly expected: boolean }>
  /** Rolls back what runs, writes everything, resolves when the process is gone. */
  stop(): Promise<void>
}

const USER = 'zerog'
const START_MS = 30_000
const STOP_MS = 15_000

/**
 * Starts a PostgreSQL of our own: no installation, no account, durable, reachable on the loopback address with a password only.
 * It ends when this process does, also when that is killed. Heals what a killed predecessor left. ADR 0022.
 * Throws DATA_FOLDER_IN_USE, DATA_FOLDER_DAMAGED, PORT_IN_USE, DISK_FULL, CONFIG_INVALID, DEPENDENCY_UNAVAILABLE.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const unlock = lockFolder(options.dataDir)
  try {
    return await start(options, unlock)
  } catch (error) {
    unlock()
    throw folderError(error, options.dataDir)
  }
}

type Server = {
  readonly bin: string
  readonly as: RunAs
  readonly data: string
  readonly log: string
  readonly password: string
  readonly clock: Clock
}

async function start(options: EmbeddedPostgresOptions, unlock: () => void): Promise<EmbeddedPostgres> {
  const { dataDir, logger, clock = systemClock } = options
  const bin = options.binDir ?? embeddedPostgresBin()
  const as = runAs()
  giveTo(as, dataDir)
  const log = join(dataDir, 'postgres.log')
  const server: Server = { bin, as, data: join(dataDir, 'data'), log, password: password(dataDir), clock }
  if (!existsSync(server.data)) await initialize(server, dataDir)
  // A restored backup often has a wider mode, with which PostgreSQL refuses to start.
  chmodSync(server.data, 0o700)
  await endPredecessor(server, logger)
  for (let attempt = 1; ; attempt++) {
    const port = options.port || (await freePort())
    try {
      return await launch(server, port, unlock, logger)
    } catch (error) {
      const taken = error instanceof ZerogError && error.reason === 'PORT_IN_USE' && !options.port
      const lingering = error instanceof ZerogError && error.reason === 'DATA_FOLDER_IN_USE'
      if (attempt === 10 || !(taken || lingering)) throw error
      // Workers of a killed postmaster need a moment to notice that it is gone.
      await clock.sleep(lingering ? 300 : 0)
    }
  }
}

/** The folder appears under its name only when it is complete, so a killed first start begins anew. */
async function initialize({ bin, as, data, password: secret }: Server, dataDir: string): Promise<void> {
  const fresh = `${data}.new`
  rmSync(fresh, { recursive: true, force: true })
  const secretFile = join(dataDir, 'password.init')
  writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 })
  giveTo(as, secretFile)
  const arguments_ = [
    '-D',
    fresh,
    '-U',
    USER,
    `--pwfile=${secretFile}`,
    '--auth=scram-sha-256',
    '--locale=C',
    '-E',
    'UTF8',
    '--data-checksums',
    // One sync of the file system instead of one for each of 1,000 files: 2.1 s instead of 3.6 s on a busy disk.
    ...(postgresMajor(bin) >= 17 ? ['--sync-method=syncfs'] : []),
  ]
  try {
    const { code, output } = await run(as, join(bin, 'initdb'), arguments_)
    if (code !== 0) throw failure(output, dataDir)
    renameSync(fresh, data)
  } finally {
    rmSync(secretFile, { force: true })
  }
}

/** A postmaster that outlived its zerog (which was killed) is shut down; it is ours, because we hold the folder's lock. */
async function endPredecessor({ data, clock }: Server, logger: Logger | undefined): Promise<void> {
  const old = readPostmaster(data)
  if (old === undefined) return
  if (!isPostmasterOf(old.pid, data)) {
    disownPostmasterFile(data)
    return
  }
  logger?.info('postgres_predecessor_stopped', { pid: old.pid })
  await endProcess(old.pid, () => isPostmasterOf(old.pid, data), clock)
}

/** Fast shutdown, then immediate (recovers at the next start), then SIGKILL. */
async function endProcess(pid: number, runs: () => boolean, clock: Clock): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGINT', STOP_MS],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if (codeOf(error) === 'ESRCH') return
      throw error
    }
    for (const endMs = clock.monotonicMs() + waitMs; clock.monotonicMs() < endMs; ) {
      if (!runs()) return
      await clock.sleep(20)
    }
  }
}

async function launch(server: Server, port: number, unlock: () => void, logger: Logger | undefined): Promise<EmbeddedPostgres> {
  const { bin, as, data, log, clock, password: secret } = server
  const logFd = openSync(log, 'w', 0o600)
  giveTo(as, log)
  const command = [...as.prefix, join(bin, 'postgres'), '-D', data, ...settings(port, postgresMajor(bin))]
  const { child, ended, hangUp } = supervise(command, {
    logFd,
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    ...(as.uid === undefined || as.gid === undefined ? {} : { uid: as.uid, gid: as.gid }),
  })
  closeSync(logFd)
  let stopping = false
  const pid = await untilReady(child, server, hangUp)
  const exited = ended.then(() => {
    unlock()
    if (!stopping) logger?.error('postgres_ended', { pid, log: lastFailure(logTail(log)) })
    return { expected: stopping }
  })
  logger?.info('postgres_ready', { pid, port })
  return {
    url: `postgresql://${USER}:${secret}@127.0.0.1:${port}/postgres`,
    port,
    pid,
    exited,
    async stop() {
      if (!stopping) {
        stopping = true
        await endProcess(pid, () => isPostmasterOf(pid, data), clock)
      }
      await ended
    },
  }
}

/** The pid once postmaster.pid says "ready"; throws what the log says when the server ends before. */
async function untilReady(child: ChildProcess, { data, log, clock }: Server, hangUp: () => void): Promise<number> {
  for (const endMs = clock.monotonicMs() + START_MS; clock.monotonicMs() < endMs; await clock.sleep(10)) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) throw failure(logTail(log), data)
    const postmaster = readPostmaster(data)
    if (postmaster?.status === 'ready' && isPostmasterOf(postmaster.pid, data)) return postmaster.pid
  }
  hangUp()
  throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `PostgreSQL was not ready within ${START_MS / 1000} s; see ${log}`,
    metadata: { log },
  })
}

/** Durable (fsync and full page writes are on by default), small, loopback only. */
function settings(port: number, major: number): string[] {
  const values: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    shared_buffers: '32MB',
    // A dozen processes with a pool of ten and a bus each; an idle slot costs a few kilobytes.
    max_connections: 200,
    max_wal_size: '256MB',
    // One server, no replicas.
    wal_level: 'minimal',
    max_wal_senders: 0,
    jit: 'off',
    max_parallel_workers: 2,
    autovacuum_max_workers: 2,
    // Three I/O worker processes save nothing here.
    ...(major >= 18 ? { io_method: 'sync' } : {}),
  }
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

function password(dataDir: string): string {
  const file = join(dataDir, 'password')
  if (existsSync(file)) {
    const text = readFileSync(file, 'utf8').trim()
    if (/^[0-9a-f]{32}$/.test(text)) return text
    if (existsSync(join(dataDir, 'data'))) throw folderDamaged(dataDir, 'its file "password" is not what was written')
  } else if (existsSync(join(dataDir, 'data'))) {
    throw folderDamaged(dataDir, 'its file "password" is missing')
  }
  const text = randomBytes(16).toString('hex')
  writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return text
}

/** Turns the server's own words into something that an operator can act on. */
function failure(log: string, path: string): ZerogError {
  const said = lastFailure(log)
  const metadata = { path, said }
  if (/Address already in use|could not bind/.test(log)) {
    return new ZerogError('PORT_IN_USE', {
      message: 'the port of the embedded PostgreSQL is taken by another program; choose another with --port-offset',
      metadata,
    })
  }
  if (/No space left on device/.test(log)) {
    return new ZerogError('DISK_FULL', { message: `the disk of ${path} is full; free space and start again`, metadata })
  }
  if (/pre-existing shared memory block|lock file ".*" already exists/.test(log)) {
    return new ZerogError('DATA_FOLDER_IN_USE', { message: `another PostgreSQL still works on ${path}; stop it first`, metadata })
  }
  if (/Permission denied|Operation not permitted/.test(log)) {
    return new ZerogError('CONFIG_INVALID', {
      message: `PostgreSQL may not use ${path} (${said}); give the folder to the user that runs zerog`,
      metadata,
    })
  }
  if (/incompatible with server/.test(log)) {
    return new ZerogError('WRONG_STATE', {
      message: `${path} was written by another major version of PostgreSQL; export it there or start again with --reset`,
      metadata,
    })
  }
  return folderDamaged(path, `PostgreSQL does not start (${said})`)
}

function lastFailure(log: string): string {
  const lines = log.split('\n').filter((line) => /FATAL|PANIC|error:|ERROR|could not/.test(line))
  return (lines.at(-1) ?? log.trim().split('\n').at(-1) ?? '').slice(0, 300)
}

function run(as: RunAs, file: string, arguments_: readonly string[]): Promise<{ code: number | null; output: string }> {
  const [command = file, ...rest] = [...as.prefix, file, ...arguments_]
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      ...(as.uid === undefined ? {} : { uid: as.uid, gid: as.gid as number }),
    })
    let output = ''
    const take = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-16_384)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}

/** Another user than ours must be able to reach and write it. */
function giveTo({ uid, gid }: RunAs, path: string) {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', resolve)
  })
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

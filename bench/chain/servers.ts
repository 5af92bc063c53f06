import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { peerFolder } from '../peer.ts'
import { rpc } from './drive.ts'
import { CHAIN_ID, MNEMONIC, SENDERS } from './workloads.ts'

/** The same for everybody, far above what one batch needs. */
const BLOCK_GAS = 2_000_000_000

export type Server = {
  readonly url: string
  readonly pid: number
  readonly stop: () => Promise<void>
}

export type Contender = {
  readonly name: string
  /** How it was started, for the report. */
  readonly mode: string
  /** Slow ones get fewer transactions, which the report says. */
  readonly transactionsMax: number
  readonly start: () => Promise<Server>
}

const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts')

/** `zerog up --chain-only`: one process, its HTTP door is the gateway, everything is on disk before it is answered. */
const zerog = (profileDir: string | undefined, flags: readonly string[]): Contender => ({
  name: 'zerog',
  mode: ['up --chain-only', ...flags].join(' '),
  transactionsMax: Number.POSITIVE_INFINITY,
  start: () =>
    launch(async (port, folder) => ({
      command: process.execPath,
      args: [
        ...(profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]),
        MAIN,
        ...[
          'up',
          '--chain-only',
          '--quiet',
          '--accounts',
          String(SENDERS),
          '--port',
          String(port),
          '--data-dir',
          join(folder, 'devnet'),
        ],
        ...flags,
      ],
      env: { ZEROG_CHAIN_VALIDATOR_GAS_LIMIT: String(BLOCK_GAS) },
    })),
})

const anvil = (mode: readonly string[]): Contender => ({
  name: 'anvil',
  mode: mode.length === 0 ? 'automine' : mode.join(' '),
  transactionsMax: Number.POSITIVE_INFINITY,
  start: () =>
    launch(async (port) => ({
      command: join(peerFolder('@foundry-rs/anvil@1.7.1'), `node_modules/@foundry-rs/anvil-${platform()}/bin/anvil`),
      args: [
        ...['--silent', '--port', String(port), '--accounts', String(SENDERS), '--mnemonic', MNEMONIC],
        ...['--chain-id', String(CHAIN_ID), '--gas-limit', String(BLOCK_GAS), ...mode],
      ],
    })),
})

const hardhat: Contender = {
  name: 'hardhat',
  mode: 'node, interval 1 s',
  transactionsMax: Number.POSITIVE_INFINITY,
  start: () =>
    launch(async (port, folder) => {
      const modules = peerFolder('hardhat@2.29.1')
      const network = {
        hardhat: {
          chainId: Number(CHAIN_ID),
          blockGasLimit: BLOCK_GAS,
          accounts: { mnemonic: MNEMONIC, count: SENDERS },
          mining: { auto: false, interval: 1000 },
          loggingEnabled: false,
        },
      }
      const config = join(modules, 'hardhat.config.cjs')
      writeFileSync(
        config,
        `module.exports = ${JSON.stringify({ solidity: '0.8.28', networks: network, paths: { cache: folder } })}\n`,
      )
      return {
        command: process.execPath,
        args: [join(modules, 'node_modules/hardhat/internal/cli/cli.js'), '--config', config, 'node', '--port', String(port)],
        cwd: modules,
        env: { HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true', CI: 'true' },
      }
    }),
}

const ganache: Contender = {
  name: 'ganache',
  mode: 'blockTime 1',
  transactionsMax: 2_000,
  start: () =>
    launch(async (port) => ({
      command: process.execPath,
      args: [
        join(peerFolder('ganache@7.9.2'), 'node_modules/ganache/dist/node/cli.js'),
        ...[
          '--server.port',
          String(port),
          '--logging.quiet',
          '--wallet.mnemonic',
          MNEMONIC,
          '--wallet.totalAccounts',
          String(SENDERS),
        ],
        ...['--chain.chainId', String(CHAIN_ID), '--miner.blockGasLimit', String(BLOCK_GAS), '--miner.blockTime', '1'],
      ],
    })),
}

/** By name of the flag `--servers`. */
export function contenders(profileDir: string | undefined): Readonly<Record<string, Contender>> {
  return {
    zerog: zerog(profileDir, []),
    'zerog-interval': zerog(profileDir, ['--block-time', '1']),
    anvil: anvil(['--block-time', '1']),
    'anvil-automine': anvil([]),
    hardhat,
    ganache,
  }
}

/** User and system time of a process, its threads and its children, ms. Linux only. */
export function cpuMs(pid: number): number {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(name))
    .filter((stat) => stat !== undefined)
  const members = new Set([pid])
  for (let grew = true; grew; ) {
    grew = false
    for (const stat of stats) if (!members.has(stat.pid) && members.has(stat.parent)) grew = Boolean(members.add(stat.pid))
  }
  return stats.reduce((sum, stat) => (members.has(stat.pid) ? sum + stat.ms : sum), 0)
}

/**
 * Resident memory, MiB: all of it, what belongs to the process alone, or pages of files, of the mapped store above all, which the kernel takes back when it
 * needs them.
 */
export function residentMib(pid: number, kind: 'VmRSS' | 'RssAnon' | 'RssFile' = 'VmRSS'): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`^${kind}:\\s+(\\d+)`, 'm'))
  return Math.round(Number(line?.[1] ?? 0) / 1024)
}

/** CPU of a process by the names of its threads, ms: what the main thread's profile does not show. */
export function cpuMsByThread(pid: number): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    const name = thread === String(pid) ? 'main' : stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    sums.set(name, (sums.get(name) ?? 0) + 10 * (Number(fields[11]) + Number(fields[12])))
  }
  return sums
}

function statOf(name: string): { readonly pid: number; readonly parent: number; readonly ms: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // 14th to 17th field: user and system time, of itself and of children that have ended, in ticks of 10 ms.
    return {
      pid: Number(name),
      parent: Number(fields[1]),
      ms: 10 * [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0),
    }
  } catch {
    return undefined
  }
}

const platform = (): string => `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`

type Command = {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

const START_MS_MAX = 60_000

async function launch(describe: (port: number, folder: string) => Promise<Command>): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'zerog-bench-'))
  const port = await freePort()
  const { command, args, cwd, env } = await describe(port, folder)
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGINT')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  const url = `http://127.0.0.1:${port}`
  try {
    await answering(url, child)
    return { url, pid: child.pid as number, stop } // it answered, so it runs
  } catch (error) {
    await stop()
    throw error
  }
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const untilMs = performance.now() + START_MS_MAX
  for (;;) {
    try {
      await rpc(url, 'eth_blockNumber', [])
      return
    } catch (error) {
      if (child.exitCode !== null || performance.now() > untilMs) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

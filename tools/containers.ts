import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { releaseVersion } from './version.ts'

/** What building and running images needs, by Debian's names. */
const PROGRAMS = {
  podman: 'podman',
  buildah: 'buildah',
  runc: 'runc',
  mmdebstrap: 'mmdebstrap',
  iptables: 'iptables',
  catatonit: 'catatonit',
  netavark: 'netavark',
  'aardvark-dns': 'aardvark-dns',
} as const
/** Not all of them lie on the PATH. */
const FOLDERS = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/sbin', '/sbin']

export const ROOT = join(import.meta.dirname, '..')
export const CACHE = join(ROOT, '.zerog', 'cache', 'containers')
/** As the charts of this version name it. */
export const IMAGE = `localhost/zerog:${releaseVersion()}`
export const BASE_IMAGE = 'localhost/zerog-base:bookworm'

export type Ran = { readonly status: number; readonly stdout: string; readonly stderr: string }

/** Runs a program of the container tools and returns what it said; output may be shown while it runs. */
export function container(
  program: string,
  args: readonly string[],
  options: { readonly show?: boolean; readonly input?: string; readonly timeoutMs?: number } = {},
): Ran {
  const result = spawnSync(program, args, {
    env: { ...process.env, CONTAINERS_CONF: containersConf() },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: options.timeoutMs ?? 1_800_000,
    ...(options.input === undefined ? {} : { input: options.input }),
    stdio: [
      options.input === undefined ? 'ignore' : 'pipe',
      options.show === true ? 'inherit' : 'pipe',
      options.show === true ? 'inherit' : 'pipe',
    ],
  })
  if (result.error !== undefined) return { status: 127, stdout: '', stderr: result.error.message }
  return { status: result.status ?? 1, stdout: result.stdout ?? '', stderr: result.stderr ?? '' }
}

/** The same, where anything but success is the end of the command. */
export function must(program: string, args: readonly string[], options: Parameters<typeof container>[2] = {}): string {
  const { status, stdout, stderr } = container(program, args, options)
  if (status === 0) return stdout.trim()
  throw new Error(
    `${program} ${args.slice(0, 3).join(' ')} failed (exit ${status}): ${stderr.trim().split('\n').slice(-3).join(' ')}`,
  )
}

/**
 * Why containers cannot be used here, or undefined. Missing programs are installed with apt-get where we are root or CI=true, which is
 * said first; elsewhere the reason names the command.
 */
export function containersProblem(
  wanted: readonly (keyof typeof PROGRAMS)[] = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[],
): string | undefined {
  if (process.platform !== 'linux') return `containers are run on Linux here, this is ${process.platform}`
  const missing = () => wanted.filter((name) => !isInstalled(name)).map((name) => PROGRAMS[name])
  const before = missing()
  const command = ['apt-get', 'install', '-y', '--no-install-recommends', ...before]
  if (before.length > 0 && (process.getuid?.() === 0 || process.env.CI === 'true')) {
    process.stderr.write(`zerog: ${before.join(', ')} missing; running: ${command.join(' ')}\n`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env })
    spawnSync(command[0] ?? '', command.slice(1), { stdio: 'ignore', env })
  }
  const after = missing()
  if (after.length > 0) return `${after.join(', ')} missing; install with: sudo ${['apt-get', 'install', ...after].join(' ')}`
  if (!wanted.includes('podman')) return undefined
  const probe = container('podman', ['info', '--format', '{{.Host.OCIRuntime.Name}}'], { timeoutMs: 60_000 })
  return probe.status === 0 ? undefined : `podman does not work here: ${probe.stderr.trim().split('\n').at(-1)}`
}

export function imageExists(name: string): boolean {
  return container('podman', ['image', 'exists', name]).status === 0
}

function isInstalled(name: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(':'), ...FOLDERS]
  return folders.some((folder) => existsSync(join(folder, name)))
}

let written: string | undefined

/** Limits below the hard ones of small guests, and the runtime that knows every layout of control groups. */
function containersConf(): string {
  if (written !== undefined) return written
  mkdirSync(CACHE, { recursive: true })
  written = join(CACHE, 'containers.conf')
  const text =
    '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n[engine]\nruntime = "runc"\n[network]\nnetwork_backend = "netavark"\n'
  writeFileSync(written, text)
  return written
}

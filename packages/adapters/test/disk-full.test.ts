import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { temporaryFolder } from '../src/testing.ts'

/** A name space of its own in which anybody may mount a file system of 8 MiB. */
const PRIVATE_MOUNTS = ['unshare', '--user', '--map-root-user', '--mount'] as const
const SCRIPT = fileURLToPath(new URL('./children/disk-full.ts', import.meta.url))

function mayMount(): boolean {
  try {
    execFileSync(PRIVATE_MOUNTS[0], [...PRIVATE_MOUNTS.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const suite = mayMount() ? describe : describe.skip

suite(`a full disk${suite === describe ? '' : ' (skipped: this system allows no user namespace with mounts)'}`, () => {
  let folder: ReturnType<typeof temporaryFolder>
  beforeEach(() => {
    folder = temporaryFolder('full')
  })
  afterEach(() => folder.remove())

  const run = (kind: string) => {
    const shell = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" "$3" "$4" "$1"'
    const arguments_ = [...PRIVATE_MOUNTS.slice(1), 'sh', '-c', shell, 'sh', folder.path, process.execPath, SCRIPT, kind]
    return JSON.parse(
      execFileSync(PRIVATE_MOUNTS[0], arguments_, { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } }),
    )
  }

  test.each(['kv', 'blob'])(
    '%s: writes are refused with DISK_FULL, reads go on, and so do writes when there is space again',
    (kind) => {
      const result = run(kind)
      expect(result).toEqual({
        reason: 'DISK_FULL',
        full: true,
        readsWhenFull: true,
        again: 'DISK_FULL',
        afterSpace: 'written',
        last: true,
      })
    },
  )

  test('the embedded PostgreSQL says so at its first start', () => {
    expect(run('postgres')).toEqual({ reason: 'DISK_FULL' })
  })
})

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'

jest.setTimeout(30_000)

let dir: string
let started: ChildProcess[] = []
let orphan: number | undefined
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'zerog-process-'))
  started = []
  orphan = undefined
})
afterEach(async () => {
  for (const child of started) child.kill('SIGKILL')
  if (orphan !== undefined && (await isAlive(orphan))) process.kill(orphan, 'SIGKILL')
  await rm(dir, { recursive: true, force: true })
})

function launch(file: string, args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures', file), ...args], {
    env: { PATH: process.env.PATH ?? '', ZEROG_COMMON_DATA_DIR: dir, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  started.push(child)
  let out = ''
  let err = ''
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const look of waiting) look()
  }
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk
    wake()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk
  })
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
  const says = async (pattern: RegExp): Promise<RegExpExecArray> => {
    const found = Promise.withResolvers<RegExpExecArray>()
    const look = () => {
      const match = pattern.exec(out)
      if (match !== null) found.resolve(match)
    }
    waiting.add(look)
    look()
    void ended.then(() => found.reject(new Error(`the process ended without saying ${pattern}: ${out}${err}`)))
    return found.promise
  }
  return { child, says, ended, out: () => out, err: () => err }
}

describe('a process', () => {
  test('ends in order on SIGTERM, with code 0', async () => {
    const { child, says, ended, out } = launch('child.ts', [])
    await says(/ready/)
    child.kill('SIGTERM')
    expect(await ended).toEqual({ code: 0, signal: null })
    expect(out()).toMatch(/draining[\s\S]*stopped/)
  })

  test('ends at once on a second signal', async () => {
    const { child, says, ended, out } = launch('child.ts', ['hang'])
    await says(/ready/)
    child.kill('SIGINT')
    await says(/draining/)
    child.kill('SIGTERM')
    expect(await ended).toEqual({ code: 143, signal: null })
    expect(out()).not.toContain('stopped')
  })

  test.each([
    ['throw', 'zerog: uncaught exception: TypeError: undefined is not a chain'],
    ['reject', 'zerog: unhandled rejection: Error: nobody caught this'],
  ])('ends with one clear line and code 1 when nobody caught an error (%s)', async (what, line) => {
    const { ended, err } = launch('child.ts', [what])
    expect((await ended).code).toBe(1)
    const lines = err().trim().split('\n')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(line)
  })

  test('that is configured wrongly says what is wrong and ends with code 2', async () => {
    const { ended, err } = launch('child.ts', [], { ZEROG_ECHO_VALUE: 'many' })
    expect((await ended).code).toBe(2)
    expect(err()).toContain('value (ZEROG_ECHO_VALUE)')
  })

  test('without its certificate says which command makes it', async () => {
    const { ended, err } = launch('child.ts', [], { ZEROG_ECHO_GRPC_PORT: '0', ZEROG_ECHO_TLS_DIR: dir })
    expect((await ended).code).toBe(2)
    expect(err()).toContain('run: zerog certs issue echo')
  })
})

describe('a child whose launcher is killed with SIGKILL', () => {
  test.each([
    ['orphan', 'in order'],
    ['hang', 'although its module hangs'],
  ])(
    'ends too (%s: %s)',
    async (what) => {
      const launcher = launch('launcher.ts', [what])
      const [, text] = await launcher.says(/child (\d+)/)
      const pid = Number(text)
      orphan = pid
      expect(await isAlive(pid)).toBe(true)
      launcher.child.kill('SIGKILL')
      await launcher.ended
      const endsMs = performance.now() + 10_000
      while ((await isAlive(pid)) && performance.now() < endsMs) await pause(50)
      expect(await isAlive(pid)).toBe(false)
    },
    300_000,
  )
})

/** A zombie that nobody waits for counts as dead. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return !/^\d+ \(.*\) Z/.test(stat)
  } catch {
    return false
  }
}

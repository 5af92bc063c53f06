import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { EXIT } from '../exit-codes.ts'
import { runCli } from '../run-cli.ts'

type Vectors = {
  trust: { validatorSetHash: string; epochLength: string }
  bundle: string
  mutants: { at: number; xor: number; broken: string[] }[]
}

let folder: string
let vectors: Vectors
let good: Buffer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zerog-verify-'))
  vectors = JSON.parse(await readFile(new URL('../../../../tests/vectors/evidence.json', import.meta.url), 'utf8'))
  good = Buffer.from(vectors.bundle.slice(2), 'hex')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function verify(bytes: Uint8Array, ...flags: string[]) {
  const file = join(folder, 'answer.0gev')
  await writeFile(file, bytes)
  let out = ''
  let err = ''
  const streams = { out: { write: (text: string) => (out += text) }, err: { write: (text: string) => (err += text) } }
  const args = ['verify', file, '--epoch-length', vectors.trust.epochLength, ...flags]
  const code = await runCli(args, { streams, env: { HOME: folder, ZEROG_DATA_DIR: join(folder, 'none') } })
  return { code, out, err }
}
const trust = () => ['--trust', vectors.trust.validatorSetHash]

describe('zerog verify', () => {
  test('shows every link of evidence that holds, and exits 0', async () => {
    const { code, out } = await verify(good, ...trust())
    expect(code).toBe(EXIT.ok)
    expect(out.match(/^[a-z-]+ +ok /gm)).toHaveLength(11)
    expect(out).toContain('every link holds')
  })

  test('names the link of a changed file and exits 9', async () => {
    const { at, xor, broken } = vectors.mutants.find(({ broken: names }) => names.length === 1) as Vectors['mutants'][number]
    const { code, out } = await verify(
      good.map((byte, index) => (index === at ? byte ^ xor : byte)),
      ...trust(),
      '--json',
    )
    expect(code).toBe(EXIT.verificationFailed)
    const { data } = JSON.parse(out)
    expect(data).toMatchObject({ ok: false, trusted: true })
    expect(data.links.filter((link: { ok: boolean }) => !link.ok).map(({ name }: { name: string }) => name)).toEqual(broken)
  })

  test('says that nobody vouches for the validators without --trust, and exits 8', async () => {
    const { code, out } = await verify(good)
    expect(code).toBe(EXIT.partial)
    expect(out).toMatch(/validators +\?/)
    expect(out).toContain('--trust')
  })

  test('refuses validators that are not the trusted ones', async () => {
    const { code, out } = await verify(good, '--trust', `0x${'11'.repeat(32)}`)
    expect(code).toBe(EXIT.verificationFailed)
    expect(out).toContain('broken: validators')
  })

  test('says where a file is no evidence', async () => {
    const { code, err } = await verify(good.subarray(0, 999), ...trust())
    expect(code).toBe(EXIT.verificationFailed)
    expect(err).toMatch(/not an evidence bundle: .* byte \d+/)
    expect((await verify(Buffer.from('hello'), ...trust())).err).toContain('0GEV')
  })
})

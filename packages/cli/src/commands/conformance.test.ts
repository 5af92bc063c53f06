import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { EXIT } from '../exit-codes.ts'
import { runCli } from '../run-cli.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zerog-conformance-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function conformance(...args: readonly string[]) {
  let out = ''
  let err = ''
  const streams = { out: { write: (text: string) => (out += text) }, err: { write: (text: string) => (err += text) } }
  const code = await runCli(['chain', 'conformance', ...args], { streams, env: { HOME: folder } })
  return { code, out, err }
}

test('says what passed, failed and was skipped, why, and on which code; a failed case is exit 1', async () => {
  await writeFile(join(folder, 'a.json'), JSON.stringify({ cat: { in: 'cat', out: '0x83636174' } }))
  await writeFile(join(folder, 'b.json'), JSON.stringify({ blocks: { blocks: [], genesisBlockHeader: {} } }))
  const good = await conformance(folder, '--cases')
  expect(good.code).toBe(EXIT.ok)
  expect(good.out).toContain(`passed rlp on zerog rlp ${join(folder, 'a.json')} cat\n`)
  expect(good.out).toContain('skipped 1: blockchain test: headers and consensus of another chain\n')
  expect(good.out).toMatch(/1 passed, 0 failed, 1 skipped\n$/)
  await writeFile(join(folder, 'c.json'), JSON.stringify({ dog: { in: 'dog', out: '0x83636174' }, what: { is: 'this' } }))
  const bad = await conformance(folder)
  expect(bad.code).toBe(1)
  expect(bad.out).toContain(`failed rlp on zerog rlp ${join(folder, 'c.json')} dog: encoded 0x83646f67, wanted 0x83636174\n`)
  expect(bad.out).toContain(`skipped ${join(folder, 'c.json')} what: unknown form`)
  expect(bad.out).toMatch(/1 passed, 1 failed, 2 skipped\n$/)
  const json = JSON.parse((await conformance(folder, '--json')).out)
  expect(json).toMatchObject({
    v: 1,
    ok: true,
    data: { passed: 1, failed: 1, skipped: 2, failures: [{ name: 'dog', engine: 'zerog rlp' }] },
  })
})

test('no such folder and no such engine are told apart from failures', async () => {
  expect((await conformance(join(folder, 'none'))).code).toBe(EXIT.notFound)
  expect((await conformance(folder, '--engine', 'geth')).code).toBe(EXIT.usage)
})

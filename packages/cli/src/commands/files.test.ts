import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { runCli } from '../run-cli.ts'
import { readInput, requireWritable, writeOutput, writeSecret } from './files.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zerog-files-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('files of commands', () => {
  test('what is written is read back, over an older file too', async () => {
    const path = join(folder, 'a.bin')
    for (const bytes of [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]) {
      await requireWritable(path)
      await writeOutput(path, bytes)
      expect(await readInput(path)).toEqual(bytes)
    }
  })

  test('a place where nothing can be written is refused before anything else is done, and leaves nothing behind', async () => {
    const refused = {
      reason: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^cannot write .*; name a file in a folder that exists$/),
    }
    await expect(requireWritable(join(folder, 'none', 'x'))).rejects.toMatchObject(refused)
    await expect(requireWritable(folder)).rejects.toMatchObject(refused)
    await expect(writeOutput(join(folder, 'none', 'x'), new Uint8Array(1))).rejects.toMatchObject(refused)
    await requireWritable(join(folder, 'later'))
    await expect(readFile(join(folder, 'later'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(readInput(join(folder, 'later'))).rejects.toMatchObject({ reason: 'NOT_FOUND' })
  })

  test('a secret is written once, for its owner alone', async () => {
    const path = join(folder, 'keys', 'a.key')
    expect([await writeSecret(path, 'first'), await writeSecret(path, 'second')]).toEqual([true, false])
    expect(await readFile(path, 'utf8')).toBe('first')
    expect([(await stat(path)).mode & 0o777, (await stat(join(folder, 'keys'))).mode & 0o777]).toEqual([0o600, 0o700])
  })

  // No network is there: an answer would be asked for and paid before, if the file came last.
  test.each([
    ['compute', 'chat', 'hi', '--evidence'],
    ['evidence', 'get', 'chatcmpl-0', '--out'],
  ])('zerog %s %s looks at its file first', async (...args) => {
    let err = ''
    const streams = { out: { write: () => true }, err: { write: (text: string) => (err += text) } }
    const env = {
      HOME: folder,
      ZEROG_DATA_DIR: join(folder, 'none'),
      ZEROG_GATEWAY_URL: 'http://127.0.0.1:9',
      ZEROG_COMPUTE_KEY: 'sk',
    }
    expect(await runCli([...args, join(folder, 'none', 'x.0gev')], { streams, env })).toBe(2)
    expect(err).toContain('cannot write')
  })
})

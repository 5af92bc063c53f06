import { spawnSync } from 'node:child_process'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { packTar, unpackTar } from './tar.ts'

const path = fc
  .array(fc.stringMatching(/^[a-z0-9._-]{1,40}$/), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('/'))
  .filter((text) => !text.split('/').includes('..') && !text.split('/').includes('.'))

test('what was packed unpacks to the same', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.record({ path, bytes: fc.uint8Array({ maxLength: 1500 }) }), { selector: (entry) => entry.path }),
      (entries) => {
        const archive = packTar(entries)
        expect(archive.length % 512).toBe(0)
        expect(unpackTar(archive)).toEqual(entries)
      },
    ),
    { numRuns: 50 },
  )
})

test('tar itself reads the archive, long paths too', () => {
  const long = `${'folder/'.repeat(18)}file.txt`
  const archive = packTar([{ path: long, bytes: new TextEncoder().encode('hi') }])
  const listed = spawnSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' })
  expect(listed.stdout.trim()).toBe(long)
})

test('a damaged header is found', () => {
  const archive = packTar([{ path: 'a', bytes: new Uint8Array(3) }])
  archive[0] = 66
  expect(() => unpackTar(archive)).toThrow(/damaged/)
})

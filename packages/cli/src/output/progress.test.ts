import { expect, test } from '@jest/globals'
import { createOutput } from './output.ts'
import { createProgress } from './progress.ts'

function linesOf(json: boolean) {
  let err = ''
  const streams = { out: { write: () => true }, err: { write: (text: string) => (err += text) } }
  const progress = createProgress(createOutput({ json, quiet: false, verbose: false, color: false }, streams))
  return { progress, lines: () => err.trimEnd().split('\n') }
}

test('without a terminal each phase says how far it came, once', () => {
  const { progress, lines } = linesOf(false)
  for (const done of [0, 1, 2, 3]) progress.update({ phase: 'upload', done, total: 3, unit: 'segments' })
  progress.update({ phase: 'finalize', done: 0, total: 1, unit: 'steps' })
  progress.end()
  progress.end()
  expect(lines()).toEqual(['upload: 3 of 3 segments', 'finalize: 0 of 1 steps'])
})

test('with --json a line is a document', () => {
  const { progress, lines } = linesOf(true)
  progress.update({ phase: 'hash', done: 5, total: 5, unit: 'bytes' })
  progress.end()
  expect(lines().map((line) => JSON.parse(line))).toEqual([
    { v: 1, progress: { phase: 'hash', done: 5, total: 5, unit: 'bytes' } },
  ])
})

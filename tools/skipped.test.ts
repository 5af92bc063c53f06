import { expect, test } from '@jest/globals'
import { skippedLines } from './skipped.ts'

const result = (status: string, title: string, ...ancestorTitles: readonly string[]) => ({ status, title, ancestorTitles })

test('what did not run is listed by its group, with how much of it, the largest first', () => {
  const suites = [
    {
      name: '/repo/tests/a.test.ts',
      assertionResults: [
        result('passed', 'runs', 'group'),
        result('pending', 'first', 'other group'),
        result('pending', 'second', 'other group', 'inner'),
      ],
    },
    { name: '/repo/tests/b.test.ts', assertionResults: [result('todo', 'without a group'), result('failed', 'fails')] },
  ]
  expect(skippedLines(suites, '/repo/')).toEqual(['   2  tests/a.test.ts: other group', '   1  tests/b.test.ts: without a group'])
})

test('nothing is listed where everything ran', () => {
  expect(skippedLines([{ name: '/repo/a.test.ts', assertionResults: [result('passed', 'runs')] }], '/repo/')).toEqual([])
})

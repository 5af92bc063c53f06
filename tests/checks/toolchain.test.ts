import { expect, test } from '@jest/globals'
import { runTool } from './tool.ts'

const report = (result: { stdout: string; stderr: string }) => `${result.stdout}${result.stderr}`

test('the whole repository type-checks as one program', () => {
  const result = runTool('tsc', ['-p', 'tsconfig.check.json', '--incremental', 'false'])
  expect(report(result)).toBe('')
  expect(result.status).toBe(0)
}, 300_000)

test('Biome finds nothing to format or to lint', () => {
  const result = runTool('biome', ['check', '--error-on-warnings', '.'])
  expect(result.status === 0 ? '' : report(result)).toBe('')
}, 300_000)

test('knip finds no unused file, export or dependency', () => {
  const result = runTool('knip', ['--no-progress'])
  expect(result.status === 0 ? '' : report(result)).toBe('')
}, 300_000)

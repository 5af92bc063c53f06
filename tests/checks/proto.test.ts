import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { repositoryRoot, runTool } from './tool.ts'

describe('proto/ is the one source of wire types', () => {
  let copy: string
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'zerog-proto-'))
    for (const path of ['proto', 'buf.yaml', 'buf.gen.yaml'])
      cpSync(join(repositoryRoot, path), join(copy, path), { recursive: true })
  })
  afterAll(() => rmSync(copy, { recursive: true, force: true }))

  test('buf lint finds nothing', () => {
    const result = runTool('buf', ['lint'])
    expect(`${result.stdout}${result.stderr}`).toBe('')
    expect(result.status).toBe(0)
  }, 300_000)

  test('the generated TypeScript is what proto/ generates today', () => {
    const run = runTool('buf', ['generate', '--output', copy])
    expect(run.status === 0 ? '' : run.stderr).toBe('')
    const generated = 'packages/proto/src/generated'
    const difference = runTool('diff', ['-r', join(repositoryRoot, generated), join(copy, generated)])
    expect(`${difference.stdout}${difference.stderr}`).toBe('')
  }, 300_000)

  test('nothing breaks the wire of the last release', () => {
    const tag = runTool('git', ['describe', '--tags', '--abbrev=0', '--match', 'v*']).stdout.trim()
    // Before the first release there is nothing to break; the planted break below keeps the tool honest.
    if (tag === '') return
    const result = runTool('buf', ['breaking', '--against', `.git#tag=${tag}`])
    expect(`${result.stdout}${result.stderr}`).toBe('')
  }, 300_000)

  test('a renumbered field is reported as breaking', () => {
    const file = join(copy, 'proto/zerog/chain/v1/chain.proto')
    const source = readFileSync(file, 'utf8')
    const broken = source.replace('uint64 height = 2;', 'uint64 height = 9;')
    expect(broken).not.toBe(source)
    writeFileSync(file, broken)
    const result = runTool('buf', ['breaking', copy, '--against', repositoryRoot])
    writeFileSync(file, source)
    expect(result.status).not.toBe(0)
    expect(result.stdout).toContain('chain.proto')
  }, 300_000)
})

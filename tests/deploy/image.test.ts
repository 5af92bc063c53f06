import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const ROOT = join(import.meta.dirname, '../..')
const dockerfile = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8')
/** Instructions with their continuation lines joined. */
const instructions = dockerfile
  .replaceAll(/^\s*#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')))
const argument = (lines: readonly string[], name: string) =>
  lines.findLast((line) => line.startsWith(`${name} `))?.slice(name.length + 1)

test('the image runs node itself as a numeric user that is not root', () => {
  expect(argument(last, 'USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  const entry: unknown = JSON.parse(argument(last, 'ENTRYPOINT') ?? '')
  expect(entry).toEqual(['/usr/local/bin/node', expect.any(String), '/app/packages/cli/src/main.ts'])
  expect(Array.isArray(JSON.parse(argument(last, 'CMD') ?? ''))).toBe(true)
})

test('bases are arguments with a version, never latest', () => {
  const defaults = instructions.filter((line) => /^ARG \w+_IMAGE=/.test(line))
  expect(defaults).toHaveLength(2)
  for (const line of defaults) {
    expect(line).toMatch(/:\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$/)
    expect(line).not.toContain('latest')
  }
  for (const from of instructions.filter((line) => line.startsWith('FROM ')))
    expect(from).toMatch(/^FROM \$\{(BASE|BUILD)_IMAGE\}/)
})

test('the last stage takes programs from the stages before and installs nothing', () => {
  for (const copy of last.filter((line) => line.startsWith('COPY '))) expect(copy).toContain('--from=')
  for (const run of last.filter((line) => line.startsWith('RUN '))) expect(run).not.toMatch(/npm|apt|curl|wget/)
})

test('labels say what it is and which revision', () => {
  const labels = argument(last, 'LABEL') ?? ''
  for (const name of ['title', 'licenses', 'version', 'revision']) expect(labels).toContain(`org.opencontainers.image.${name}=`)
})

test('the context is a list of what is let in, and holds no secret and no data', () => {
  const lines = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  expect(lines[0]).toBe('*')
  const letIn = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
  expect(letIn).not.toContain('.zerog')
  const present = new Set([...readdirSync(ROOT), ...readdirSync(join(ROOT, 'deploy')).map((name) => `deploy/${name}`)])
  expect(letIn.filter((name) => !present.has(name))).toEqual([])
})

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { REASONS } from '@zerog/primitives'
import { repositoryRoot } from './tool.ts'

const services = readdirSync(join(repositoryRoot, 'services'))
const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8')

/** The RPC methods that each service's protos declare, by the file name their endpoint must have. */
function rpcFiles(layer: string): string[] {
  const folder = join(repositoryRoot, 'proto/zerog', layer, 'v1')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/^\s*rpc (\w+)\(/gm)].map((match) => match[1] as string),
    )
    .map((name) => `${name.replace(/(?<!^)([A-Z])/g, '-$1').toLowerCase()}.ts`)
}

describe.each(services)('services/%s', (service) => {
  const source = join(repositoryRoot, 'services', service, 'src')

  test('has the same entries as every service, and at most limits.ts beside them', () => {
    const entries = new Set(readdirSync(source))
    for (const entry of ['core', 'app', 'adapters', 'config.ts', 'module.ts', 'main.ts']) expect([...entries]).toContain(entry)
    const others = [...entries].filter(
      (entry) => !['core', 'app', 'adapters', 'config.ts', 'limits.ts', 'module.ts', 'main.ts'].includes(entry),
    )
    expect(others).toEqual([])
  })

  test('has a main.ts of at most 30 lines', () => {
    expect(read(`services/${service}/src/main.ts`).trimEnd().split('\n').length).toBeLessThanOrEqual(30)
  })

  test('has one file per RPC', () => {
    const folder = join(source, 'adapters/grpc')
    const wanted = rpcFiles(service)
    if (wanted.length === 0) return
    const present = new Set(readdirSync(folder, { recursive: true }).map((file) => String(file).split('/').pop() as string))
    expect(wanted.filter((file) => !present.has(file))).toEqual([])
  })
})

test('every reason of the registry has its page with a cause and a fix', () => {
  const problems = Object.keys(REASONS).filter((reason) => {
    const page = join(repositoryRoot, 'docs/errors', `${reason}.md`)
    return !existsSync(page) || !/## Cause/.test(readFileSync(page, 'utf8')) || !/## Fix/.test(readFileSync(page, 'utf8'))
  })
  expect(problems).toEqual([])
  const strangers = readdirSync(join(repositoryRoot, 'docs/errors')).filter(
    (file) => file !== 'README.md' && !(file.replace(/\.md$/, '') in REASONS),
  )
  expect(strangers).toEqual([])
})

test('every link between the documents leads somewhere', () => {
  const documents = [
    ...readdirSync(repositoryRoot).filter((file) => file.endsWith('.md')),
    ...readdirSync(join(repositoryRoot, 'docs'), { recursive: true })
      .map((file) => `docs/${file}`)
      .filter((file) => file.endsWith('.md')),
  ]
  expect(documents.length).toBeGreaterThan(5)
  const broken = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1] as string)
      .filter((target) => !existsSync(join(repositoryRoot, document, '..', target)))
      .map((target) => `${document} -> ${target}`),
  )
  expect(broken).toEqual([])
})

import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder, until } from './devnet.ts'
import { type Instrument, metricsPage, readMetricsPage } from './support/metrics-page.ts'

jest.setTimeout(180_000)

const PAGE = join(import.meta.dirname, '../../docs/metrics.md')

type Span = {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly links: readonly { readonly traceId: string }[]
}

/** One process per target takes minutes on a busy machine; the rest is the same. */
const SHAPE = process.env.ZEROG_TEST_LONG === '1' ? ['--processes'] : []

/** One devnet whose targets send their traces to a collector of ours. */
let devnet: TestDevnet
let dataDir: string
let collector: Server
const spans: Span[] = []

beforeAll(async () => {
  collector = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      keep(JSON.parse(Buffer.concat(parts).toString('utf8')))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const { port } = collector.address() as AddressInfo
  process.env.ZEROG_COMMON_OTLP_ENDPOINT = `http://127.0.0.1:${port}`
  dataDir = await temporaryFolder()
  devnet = await startDevnet(dataDir, ...SHAPE)
})
afterAll(async () => {
  delete process.env.ZEROG_COMMON_OTLP_ENDPOINT
  await removeDevnet(dataDir)
  collector.closeAllConnections()
  collector.close()
})

/** OTLP's JSON form, as far as it is used. */
function keep(document: any): void {
  for (const { resource, scopeSpans } of document.resourceSpans) {
    const service = resource.attributes.find(({ key }: any) => key === 'service.name').value.stringValue
    for (const { spans: found } of scopeSpans)
      for (const { name, traceId, links = [] } of found) spans.push({ service, name, traceId, links })
  }
}

test('one trace id runs from a chat request through every service that it needs, to its settlement', async () => {
  const { openaiUrl, openaiKey } = devnet.endpoints.compute as { openaiUrl: string; openaiKey: string }
  const model = (
    (await (await fetch(`${openaiUrl}/models`, { headers: { authorization: `Bearer ${openaiKey}` } })).json()) as any
  ).data[0].id
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const answer = await fetch(`${openaiUrl}/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${openaiKey}`,
      'content-type': 'application/json',
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'What is a bundle?' }], max_tokens: 8 }),
  })
  expect(answer.status).toBe(200)
  await answer.text()
  const services = () => new Set(spans.filter((span) => span.traceId === traceId).map(({ service }) => service))
  const settled = () => spans.some((span) => span.traceId === traceId && span.name === 'settlement: settle')
  await until('the settlement of the answer', settled, 60_000)
  // Each service sends its spans in batches of its own.
  for (const service of [
    'zerog-gateway',
    'zerog-compute-router',
    'zerog-compute-broker',
    'zerog-compute-worker',
    'zerog-da-disperser',
    'zerog-chain-rpc',
  ])
    await until(`a span of ${service}`, () => services().has(service), 30_000)
  // The blob of the settlement is dispersed in the same trace, as far as the members.
  const stored = () => spans.some((span) => span.traceId === traceId && span.service === 'zerog-da-node')
  await until('a member of data availability', stored, 30_000)
  const bundle = () => spans.find((span) => span.traceId === traceId && span.name === 'make bundle')
  await until('the bundle of the blob', () => bundle() !== undefined, 30_000)
  expect(bundle()?.links[0]?.traceId).toBe(traceId)
  // Batches are linked to each request that they are for.
  const settlement = spans.find((span) => span.traceId === traceId && span.name.startsWith('settlement'))
  expect(settlement?.links.map((link) => link.traceId)).toContain(traceId)
})

test('the doctor writes through every layer and reads back', async () => {
  const { code, json } = await devnet.zerog('doctor', '--write', '--json')
  const written = json().data.checks.filter(({ name }: { name: string }) => /^(write|ask)/.test(name))
  expect(written.map(({ name, state }: { name: string; state: string }) => `${name}: ${state}`)).toEqual([
    'write to the chain: ok',
    'write to storage: ok',
    'write to data availability: ok',
    'ask a model: ok',
  ])
  expect(code).toBe(0)
})

test('docs/metrics.md lists every metric with its labels, and no other', async () => {
  const admins = [...new Set(Object.values(devnet.endpoints.services).flatMap(({ admin }) => admin ?? []))]
  const lists = await Promise.all(
    admins.map(async (admin) => (await (await fetch(`http://${admin}/metrics/instruments`)).json()) as readonly Instrument[]),
  )
  const byName = new Map(lists.flat().map((instrument) => [instrument.name, instrument]))
  const instruments = [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  if (process.env.ZEROG_UPDATE === '1') writeFileSync(PAGE, metricsPage(instruments))
  const shown = (list: readonly Instrument[]) => list.map(({ name, kind, labels }) => `${name} ${kind} ${labels.join()}`)
  expect(shown(readMetricsPage(readFileSync(PAGE, 'utf8')))).toEqual(shown(instruments))
  const texts = await Promise.all(admins.map(async (admin) => (await fetch(`http://${admin}/metrics`)).text()))
  expect(texts.join('\n')).toMatch(/^zerog_runtime_server_up\{server="postgres"\} 1$/m)
})

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A step of some service, in milliseconds since 1970 with fractions. */
type Span = { readonly service: string; readonly name: string; readonly startMs: number; readonly endMs: number }

/** When something that the bench itself did began and ended, on the same clock. */
export type Round = { readonly startMs: number; readonly marks: Readonly<Record<string, number>> }

export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

/** A collector of OTLP over HTTP: every span that the devnet ends. */
export async function collectSpans() {
  const spans: Span[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      keep(JSON.parse(Buffer.concat(parts).toString('utf8')), spans)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** OTLP's JSON form, as far as it is used; the devnet is ours. */
function keep(document: any, spans: Span[]): void {
  const toMs = (nanoseconds: string) => Number(BigInt(nanoseconds) / 1000n) / 1000
  for (const { resource, scopeSpans } of document.resourceSpans) {
    const service: string = resource.attributes.find(({ key }: { key: string }) => key === 'service.name').value.stringValue
    for (const { spans: found } of scopeSpans)
      for (const { name, startTimeUnixNano, endTimeUnixNano } of found)
        spans.push({
          service: service.replace('zerog-', ''),
          name,
          startMs: toMs(startTimeUnixNano),
          endMs: toMs(endTimeUnixNano),
        })
  }
}

/**
 * Medians over rounds, one blob each: when the first span of a name begins and the last one ends, how many there are and how long they take
 * together. Spans of other work (blocks, leases) show where they fall.
 */
export function timeline(rounds: readonly Round[], spans: readonly Span[]): string[] {
  type Row = { first: number[]; last: number[]; sum: number[]; count: number[] }
  const rows = new Map<string, Row>()
  const rowOf = (name: string): Row => {
    const row = rows.get(name) ?? { first: [], last: [], sum: [], count: [] }
    rows.set(name, row)
    return row
  }
  for (const { startMs, marks } of rounds) {
    for (const [name, atMs] of Object.entries(marks)) {
      const row = rowOf(`* ${name}`)
      row.first.push(atMs - startMs)
    }
    const untilMs = Math.max(...Object.values(marks))
    const byName = Map.groupBy(
      spans.filter((span) => span.startMs >= startMs && span.startMs <= untilMs),
      ({ service, name }) => `${service}: ${name.replace(/^zerog\.[a-z.0-9]*\./, '')}`,
    )
    for (const [name, of] of byName) {
      const row = rowOf(name)
      row.first.push(Math.min(...of.map((span) => span.startMs)) - startMs)
      row.last.push(Math.max(...of.map((span) => span.endMs)) - startMs)
      row.sum.push(of.reduce((sum, span) => sum + span.endMs - span.startMs, 0))
      row.count.push(of.length)
    }
  }
  const lines = [...rows]
    .filter(([, { first }]) => first.length * 2 > rounds.length)
    .map(([name, row]) => ({
      name,
      first: median(row.first) ?? 0,
      last: median(row.last),
      sum: median(row.sum),
      count: median(row.count),
    }))
    .sort((a, b) => a.first - b.first)
  const cell = (value: number | undefined, digits = 1) => (value === undefined ? '' : value.toFixed(digits)).padStart(8)
  return [
    `${'begins'.padStart(8)}${'ends'.padStart(8)}${'together'.padStart(9)}${'count'.padStart(6)}  ms after the first byte, medians of ${rounds.length} blobs`,
    ...lines.map(
      ({ name, first, last, sum, count }) => `${cell(first)}${cell(last)} ${cell(sum)}${cell(count, 0).slice(2)}  ${name}`,
    ),
  ]
}

function median(samples: readonly number[]): number | undefined {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1]
}

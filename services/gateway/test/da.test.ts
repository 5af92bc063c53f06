import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { layoutFor } from '../../../packages/erasure/src/index.ts'
import { bytesOf } from '../../da/test/support/members.ts'
import { type DaFace, daFace } from './support/da-face.ts'

let face: DaFace
beforeAll(async () => {
  face = await daFace()
})
afterAll(() => face.close())

const ask = (path: string, init: RequestInit = {}) => fetch(`${face.url}/da/v1${path}`, init)

async function post(bytes: Uint8Array, headers: Record<string, string> = {}, query = ''): Promise<any> {
  const answer = await ask(`/blobs${query}`, { method: 'POST', body: new Uint8Array(bytes), headers })
  return { status: answer.status, ...((await answer.json()) as object) }
}

/** What an error looks like: the status of the line and of the document, and the reason. */
async function problem(answer: Response | Promise<Response>): Promise<unknown> {
  const response = await answer
  expect(response.headers.get('content-type')).toMatch('application/problem+json')
  const { status, reason, detail } = (await response.json()) as Record<string, unknown>
  expect(status).toBe(response.status)
  expect(typeof detail).toBe('string')
  return [status, reason]
}

async function finalized(bytes: Uint8Array): Promise<any> {
  const { id } = await post(bytes)
  return (await ask(`/blobs/${id}?wait=finalized`)).json()
}

describe('a blob by HTTP', () => {
  test('is accepted, waited for and read back as it was, in several pieces of upload and download', async () => {
    const bytes = bytesOf(3_500_001, 1)
    const accepted = await post(bytes)
    expect(accepted).toMatchObject({ status: 202, sizeBytes: bytes.length, id: expect.any(String) })
    const certified = (await (await ask(`/blobs/${accepted.id}?wait=certified`)).json()) as any
    expect(['certified', 'finalized']).toContain(certified.state)
    const final = (await (await ask(`/blobs/${accepted.id}?wait=finalized`)).json()) as any
    expect(final).toMatchObject({ state: 'finalized', parts: [{ epoch: 5, index: 0, offset: 0, sizeBytes: bytes.length }] })
    const answer = await ask(`/blobs/${accepted.id}/data`)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    expect(answer.headers.get('etag')).toBe(`"${sha256}"`)
    expect(answer.headers.get('accept-ranges')).toBe('bytes')
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
    const { commitment } = final.parts[0]
    const part = await ask(`/bundles/${commitment}/blobs/0?epoch=5&offset=1000&length=50`)
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(1000, 1050))).toBe(true)
  })

  test('answers one range of its bytes, and says where ranges do not fit', async () => {
    const bytes = bytesOf(10_000, 2)
    const { id } = await finalized(bytes)
    const ranged = (range: string, more: Record<string, string> = {}) => ask(`/blobs/${id}/data`, { headers: { range, ...more } })
    for (const [range, from, to] of [
      ['bytes=5-8', 5, 9],
      ['bytes=9990-', 9990, 10_000],
      ['bytes=-10', 9990, 10_000],
      ['bytes=9000-20000', 9000, 10_000],
    ] as const) {
      const answer = await ranged(range)
      expect([range, answer.status, answer.headers.get('content-range')]).toEqual([range, 206, `bytes ${from}-${to - 1}/10000`])
      expect(Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(from, to))).toBe(true)
    }
    const beyond = await ranged('bytes=10000-')
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */10000'])
    const changed = await ranged('bytes=5-8', { 'if-range': '"another"' })
    expect([changed.status, (await changed.arrayBuffer()).byteLength]).toEqual([200, 10_000])
  })

  test('is one blob for one idempotency key, and other bytes under the same key are a conflict', async () => {
    const key = { 'idempotency-key': 'invoice-7' }
    const first = await post(bytesOf(500, 3), key)
    expect((await post(bytesOf(500, 3), key)).id).toBe(first.id)
    expect(await post(bytesOf(500, 4), key)).toMatchObject({ status: 409, reason: 'ALREADY_EXISTS' })
    expect((await post(bytesOf(500, 3))).id).not.toBe(first.id)
  })

  test('can be waited for no longer than asked, and not be read before it is certified', async () => {
    await face.da.stopEncoder()
    const { id } = await post(bytesOf(700, 5))
    const waited = (await (await ask(`/blobs/${id}?wait=certified&timeoutMs=50`)).json()) as any
    expect(['queued', 'dispersing']).toContain(waited.state)
    const early = await ask(`/blobs/${id}/data`)
    expect(early.headers.get('retry-after')).not.toBeNull()
    expect(await problem(early)).toEqual([409, 'WRONG_STATE'])
    await face.da.startEncoder()
    expect(((await (await ask(`/blobs/${id}?wait=certified`)).json()) as any).state).toMatch(/certified|finalized/)
  })

  test('that its client does not finish is not accepted, and the next one is', async () => {
    const url = new URL(`${face.url}/da/v1/blobs`)
    await new Promise<void>((resolve) => {
      const half = httpRequest(url, { method: 'POST', headers: { 'content-length': '100000' } })
      half.on('error', () => resolve())
      half.write(Buffer.alloc(5000), () => half.destroy(new Error('gone')))
    })
    expect(await post(bytesOf(100, 6))).toMatchObject({ status: 202 })
  })
})

describe('a bundle by HTTP', () => {
  test('shows rows as frames in which nothing is missing, with what proves them', async () => {
    const bytes = bytesOf(60_000, 7)
    const { parts } = await finalized(bytes)
    const { commitment } = parts[0]
    const { bundle, certificate } = (await (await ask(`/bundles/${commitment}/certificate?epoch=5`)).json()) as any
    expect(certificate).toMatch(/^0x/)
    expect(layoutFor(bundle.payloadBytes, { committeeRows: face.da.members.committee.rows, rate: '1/4' })).toEqual({
      k: bundle.k,
      n: bundle.n,
      rowBytes: bundle.rowBytes,
    })
    const wanted = [0, bundle.k - 1, bundle.k, bundle.k + bundle.n - 1]
    const frames = Buffer.from(await (await ask(`/bundles/${commitment}/rows?epoch=5&indexes=${wanted.join(',')}`)).arrayBuffer())
    const seen: number[] = []
    for (let at = 0; at < frames.length; ) {
      seen.push(frames.readUInt32BE(at))
      const rowBytes = frames.readUInt32BE(at + 4)
      const pathBytes = frames.readUInt32BE(at + 8 + rowBytes)
      expect([rowBytes, pathBytes % 32]).toEqual([bundle.rowBytes, 0])
      at += 12 + rowBytes + pathBytes
    }
    expect(seen.sort((a, b) => a - b)).toEqual(wanted)
    const rlc = await (await ask(`/bundles/${commitment}/rlc?epoch=5`)).arrayBuffer()
    expect(rlc.byteLength).toBe(16 * bundle.k)
  })

  test('shows committee and price', async () => {
    expect(await (await ask('/committee')).json()).toMatchObject({ epoch: 5, committee: 0, members: { length: 4 } })
    expect(await (await ask('/quote?sizeBytes=1048576')).json()).toMatchObject({ priceWei: '0' })
  })
})

describe('refused with a problem document', () => {
  const zero = `0x${'00'.repeat(32)}`

  test.each([
    ['an unknown blob', '/blobs/nobody', 404, 'NOT_FOUND'],
    ['its bytes', '/blobs/nobody/data', 404, 'NOT_FOUND'],
    ['waiting for it', '/blobs/nobody?wait=certified&timeoutMs=200', 404, 'NOT_FOUND'],
    ['another state to wait for', '/blobs/nobody?wait=soon', 400, 'INVALID_ARGUMENT'],
    ['a longer time than there is', '/blobs/nobody?wait=certified&timeoutMs=60001', 400, 'INVALID_ARGUMENT'],
    ['an unknown bundle', `/bundles/${zero}/certificate?epoch=5`, 404, 'NOT_FOUND'],
    ['rows of it', `/bundles/${zero}/rows?epoch=5&indexes=1`, 404, 'NOT_FOUND'],
    ['its vector', `/bundles/${zero}/rlc?epoch=5`, 404, 'NOT_FOUND'],
    ['a blob of it', `/bundles/${zero}/blobs/0?epoch=5`, 404, 'NOT_FOUND'],
    ['a short commitment', '/bundles/0x00/rlc?epoch=5', 400, 'INVALID_ARGUMENT'],
    ['an epoch that is none', `/bundles/${zero}/rlc?epoch=-1`, 400, 'INVALID_ARGUMENT'],
    ['no rows', `/bundles/${zero}/rows?epoch=5`, 400, 'INVALID_ARGUMENT'],
    ['a row index that is none', `/bundles/${zero}/rows?epoch=5&indexes=1,x`, 400, 'INVALID_ARGUMENT'],
    ['too many rows', `/bundles/${zero}/rows?epoch=5&indexes=${'1,'.repeat(512)}1`, 400, 'INVALID_ARGUMENT'],
    ['a blob of no index', `/bundles/${zero}/blobs/65536?epoch=5`, 400, 'INVALID_ARGUMENT'],
    ['a committee that has not begun', '/committee?epoch=99', 404, 'NOT_FOUND'],
    ['a price of nothing', '/quote?sizeBytes=0', 400, 'INVALID_ARGUMENT'],
    ['a price without a size', '/quote', 400, 'INVALID_ARGUMENT'],
  ])('%s', async (_what, path, status, reason) => {
    expect(await problem(ask(path))).toEqual([status, reason])
  })

  test('a blob that is empty, of unknown length, or with options that are none', async () => {
    const send = (init: RequestInit, query = '') => problem(ask(`/blobs${query}`, { method: 'POST', ...init }))
    expect(await send({ body: new Uint8Array() })).toEqual([400, 'INVALID_ARGUMENT'])
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(10))
        controller.close()
      },
    })
    expect(await send({ body, duplex: 'half' } as RequestInit)).toEqual([400, 'INVALID_ARGUMENT'])
    const some = { body: new Uint8Array(10) }
    expect(await send(some, '?retentionSeconds=x')).toEqual([400, 'INVALID_ARGUMENT'])
    expect(await send(some, '?account=0x12')).toEqual([400, 'INVALID_ARGUMENT'])
    expect(await send({ ...some, headers: { 'idempotency-key': 'x'.repeat(129) } })).toEqual([400, 'INVALID_ARGUMENT'])
  })
})

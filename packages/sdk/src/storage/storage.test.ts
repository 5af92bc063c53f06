import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { flowAbi } from '@zerog/contracts'
import { equalBytes, SEGMENT_BYTES, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { toEventSelector, toFunctionSelector } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createZerogClient, fileRoot, memoryTransport, type RpcRequest, type Transport, type UploadProgress } from '../index.ts'
import { base64ToBytes, bytesToBase64 } from './base64.ts'
import { FLOW_ABI } from './flow.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const pattern = (length: number) => Uint8Array.from({ length }, (_, index) => (31 * index + 7) & 0xff)
const clientOf = (transport: Transport) => createZerogClient({ account, transport })

/** The network with a fault put between: `work` may answer, throw, or pass on. */
function faulty(inner: Transport, work: (request: RpcRequest, pass: () => Promise<unknown>) => Promise<unknown>): Transport {
  return { request: (face, request) => work(request, () => inner.request(face, request)) }
}

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error) => (error instanceof ZerogError ? error.reason : error),
  )

describe('upload and download', () => {
  test.each([1, 256, 257, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES + 5000])(
    '%d bytes come back as they were',
    async (size) => {
      const client = clientOf(memoryTransport())
      const bytes = pattern(size)
      const done = await client.storage.upload(bytes)
      expect(done).toMatchObject({ sizeBytes: size, finalized: true, submissionIndex: 0n })
      expect(done.fee).toBeGreaterThan(0n)
      expect(equalBytes(await client.storage.downloadBytes(done.root), bytes)).toBe(true)
    },
  )

  test('every kind of source has the same root', async () => {
    const bytes = pattern(SEGMENT_BYTES + 999)
    const folder = await mkdtemp(join(tmpdir(), 'zerog-sdk-'))
    try {
      const path = join(folder, 'file')
      await writeFile(path, bytes)
      async function* chunks() {
        for (let offset = 0; offset < bytes.length; offset += 1000) yield bytes.subarray(offset, offset + 1000)
      }
      const roots = await Promise.all(
        [bytes, new Blob([bytes]), new Blob([bytes]).stream(), chunks(), { path }].map((source) => fileRoot(source as any)),
      )
      expect(new Set(roots).size).toBe(1)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('ranges cut exactly', async () => {
    const client = clientOf(memoryTransport())
    const bytes = pattern(2 * SEGMENT_BYTES + 77)
    const { root } = await client.storage.upload(bytes)
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), fc.nat(bytes.length), async (a, b) => {
        const [start, end] = a < b ? [a, b] : [b, a]
        const part = await client.storage.downloadBytes(root, { range: { start, end } })
        expect(equalBytes(part, bytes.subarray(start, end))).toBe(true)
      }),
      { numRuns: 25 },
    )
  })

  test('a file that is stored is not paid twice', async () => {
    const client = clientOf(memoryTransport())
    const first = await client.storage.upload(pattern(500))
    const second = await client.storage.upload(pattern(500))
    expect(second).toEqual({ ...first, txHash: undefined, fee: 0n, segments: { total: 1, sent: 0 } })
    expect('txHash' in second).toBe(false)
  })

  test('an upload that was cut off goes on without paying again or sending what arrived', async () => {
    const network = memoryTransport()
    let sent = 0
    let broken = true
    const client = clientOf(
      faulty(network, async ({ method }, pass) => {
        if (method === 'zgs_uploadSegmentsByTxSeq' && ++sent > 2 && broken) {
          throw new ZerogError('WRONG_STATE', { message: 'out of order' })
        }
        return pass()
      }),
    )
    const bytes = pattern(5 * SEGMENT_BYTES)
    expect(await reasonOf(client.storage.upload(bytes, { parallel: 1 }))).toBe('WRONG_STATE')
    broken = false
    const phases: UploadProgress[] = []
    const done = await client.storage.upload(bytes, { onProgress: (progress) => phases.push(progress) })
    expect(done).toMatchObject({ fee: 0n, finalized: true, segments: { total: 5, sent: 3 } })
    expect(phases.some(({ phase }) => phase === 'submit')).toBe(false)
    expect((await client.storage.status()).nextSubmissionIndex).toBe(1n)
  })

  test('back-pressure and short outages are waited out', async () => {
    let failures = 2
    const transport = faulty(memoryTransport(), async ({ method }, pass) => {
      if (method === 'zgs_uploadSegmentsByTxSeq' && failures-- > 0)
        throw new ZerogError('QUEUE_FULL', { message: 'too many data writing' })
      return pass()
    })
    expect((await clientOf(transport).storage.upload(pattern(300))).finalized).toBe(true)
  })

  test.each([
    ['one bit', (data: Uint8Array) => data.with(5, (data[5] ?? 0) ^ 1)],
    ['the length', (data: Uint8Array) => data.subarray(0, data.length - 256)],
  ])('a server that changes %s is found out', async (_what, change) => {
    const transport = faulty(memoryTransport(), async ({ method }, pass) => {
      const answer: any = await pass()
      if (method !== 'zgs_downloadSegmentWithProofByTxSeq') return answer
      return { ...answer, data: bytesToBase64(change(base64ToBytes(answer.data)) as Uint8Array) }
    })
    const client = clientOf(transport)
    const { root } = await client.storage.upload(pattern(2 * SEGMENT_BYTES))
    expect(await reasonOf(client.storage.downloadBytes(root))).toBe('VERIFICATION_FAILED')
  })

  test('an unknown root, an empty file and an empty account are named', async () => {
    const client = clientOf(memoryTransport())
    expect(await reasonOf(client.storage.downloadBytes(`0x${'ab'.repeat(32)}`))).toBe('NOT_FOUND')
    expect(await reasonOf(client.storage.upload(new Uint8Array()))).toBe('INVALID_ARGUMENT')
    expect(await reasonOf(clientOf(memoryTransport({ balanceWei: 5n })).storage.upload(pattern(10)))).toBe('INSUFFICIENT_FUNDS')
    expect(await reasonOf(createZerogClient({ transport: memoryTransport() }).storage.upload(pattern(10)))).toBe(
      'UNAUTHENTICATED',
    )
  })

  test('endpoints of two networks are refused before anything is paid', async () => {
    const transport = faulty(memoryTransport(), async ({ method }, pass) => (method === 'eth_chainId' ? '0x1' : pass()))
    expect(await reasonOf(clientOf(transport).storage.upload(pattern(10)))).toBe('CONFIG_INVALID')
  })

  test.each(['hash', 'submit', 'confirm', 'upload', 'finalize'])(
    'an abort in phase %s ends the upload with CANCELLED',
    async (at) => {
      const abort = new AbortController()
      const onProgress = ({ phase }: UploadProgress) => {
        if (phase === at) abort.abort()
      }
      const upload = clientOf(memoryTransport()).storage.upload(pattern(4 * SEGMENT_BYTES), { signal: abort.signal, onProgress })
      expect(await reasonOf(upload)).toBe('CANCELLED')
    },
  )

  test('an abort ends the download with CANCELLED, or with the reason the caller gave', async () => {
    const client = clientOf(memoryTransport())
    const { root } = await client.storage.upload(pattern(4 * SEGMENT_BYTES))
    for (const [reason, expected] of [
      [undefined, 'CANCELLED'],
      [new ZerogError('QUEUE_FULL', { message: 'no room' }), 'QUEUE_FULL'],
    ] as const) {
      const abort = new AbortController()
      const onProgress = () => abort.abort(reason)
      const download = client.storage.downloadBytes(root, { signal: abort.signal, onProgress, parallel: 1 })
      expect(await reasonOf(download)).toBe(expected)
    }
  })

  test('an abort while segments travel ends the upload with CANCELLED', async () => {
    const abort = new AbortController()
    const transport = faulty(memoryTransport(), async ({ method }, pass) => {
      if (method === 'zgs_uploadSegmentsByTxSeq') abort.abort()
      return pass()
    })
    const upload = clientOf(transport).storage.upload(pattern(4 * SEGMENT_BYTES), { signal: abort.signal, parallel: 1 })
    expect(await reasonOf(upload)).toBe('CANCELLED')
  })

  test('twenty uploads at once from one account get twenty nonces', async () => {
    const client = clientOf(memoryTransport())
    const done = await Promise.all(Array.from({ length: 20 }, (_, index) => client.storage.upload(pattern(index + 1))))
    expect(new Set(done.map(({ submissionIndex }) => submissionIndex)).size).toBe(20)
  })
})

test('the flow ABI of the SDK is the one of the contracts', () => {
  const selectors = (abi: readonly any[]) =>
    new Set(
      abi.flatMap((item) =>
        item.type === 'function' ? [toFunctionSelector(item)] : item.type === 'event' ? [toEventSelector(item)] : [],
      ),
    )
  const known = selectors(flowAbi)
  expect([...selectors(FLOW_ABI)].filter((selector) => !known.has(selector))).toEqual([])
})

test('base64 survives both ways', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => expect(base64ToBytes(bytesToBase64(bytes))).toEqual(bytes)),
  )
})

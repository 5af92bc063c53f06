import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { buildFileTree, SEGMENT_BYTES, toHex } from '@zerog/primitives'
import { removeDevnet, startDevnet, temporaryFolder } from './devnet.ts'
import { hashPairHex } from './support/keccak.ts'

// The storage faces byte by byte: what 0G's node, indexer and REST gateway say, and HTTP ranges on top.

let dataDir: string
let nodeUrl: string
let rpcUrl: string
let indexerUrl: string
const data = randomBytes(2 * SEGMENT_BYTES + 1000)
const tree = buildFileTree(data)
const root = toHex(tree.root)
const FLOW = '0x0600000000000000000000000000000000000101'
const unknown = `0x${'ab'.repeat(32)}`

beforeAll(async () => {
  dataDir = await temporaryFolder()
  const devnet = await startDevnet(dataDir, '--storage-nodes', '3')
  rpcUrl = devnet.endpoints.rpcUrl
  nodeUrl = devnet.endpoints.storage?.nodeUrl ?? ''
  indexerUrl = devnet.endpoints.storage?.indexerUrl ?? ''
  const path = join(dataDir, 'file.bin')
  await writeFile(path, data)
  const copied = await devnet.zerog('storage', 'cp', path, 'zg://', '--json')
  if (copied.code !== 0) throw new Error(copied.err)
}, 300_000)

afterAll(async () => {
  if (dataDir !== undefined) await removeDevnet(dataDir)
})

type Answer = { readonly result?: any; readonly error?: { code: number; message: string; data?: unknown }; readonly id: unknown }

async function post(body: string, url = nodeUrl): Promise<string> {
  return (await fetch(url, { method: 'POST', body })).text()
}

async function call(method: string, ...params: unknown[]): Promise<Answer> {
  return JSON.parse(await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })))
}

function segment(index: number) {
  const bytes = data.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES)
  const whole = Buffer.alloc(Math.ceil(bytes.length / 256) * 256)
  bytes.copy(whole)
  const proof = tree.proof(index)
  return {
    root,
    data: whole.toString('base64'),
    index,
    proof: { lemma: proof.lemma.map((node) => toHex(node)), path: [...proof.path] },
    fileSize: data.length,
  }
}

describe('zgs', () => {
  test('file info has the form of 0g-storage-node', async () => {
    const { result } = await call('zgs_getFileInfo', root, true)
    expect(result).toEqual({
      tx: {
        streamIds: [],
        data: [],
        dataMerkleRoot: root,
        merkleNodes: tree.nodes.map((node) => [node.height + 1, toHex(node.root)]),
        startEntryIndex: 2048,
        size: data.length,
        seq: 0,
      },
      finalized: true,
      isCached: false,
      uploadedSegNum: 3,
      pruned: false,
    })
    expect((await call('zgs_getFileInfoByTxSeq', 0)).result).toEqual(result)
    expect((await call('zgs_checkFileFinalized', 0)).result).toBe(true)
    expect((await call('zgs_checkFileFinalized', root)).result).toBe(true)
  })

  test('what is unknown is null', async () => {
    for (const [method, ...params] of [
      ['zgs_getFileInfo', unknown, true],
      ['zgs_getFileInfoByTxSeq', 99],
      ['zgs_checkFileFinalized', 99],
      ['zgs_checkFileFinalized', unknown],
      ['zgs_downloadSegment', unknown, 0, 1],
      ['zgs_downloadSegmentByTxSeq', 99, 0, 1],
      ['zgs_downloadSegmentWithProof', unknown, 0],
    ] as const) {
      expect(await call(method, ...params)).toEqual({ jsonrpc: '2.0', id: 1, result: null })
    }
  })

  test('status names network, contract and position', async () => {
    const { result } = await call('zgs_getStatus')
    expect(result).toMatchObject({
      connectedPeers: 3,
      nextTxSeq: 1,
      networkIdentity: {
        chainId: 31337,
        flowAddress: FLOW,
        p2pProtocolVersion: { major: 0, minor: 4, build: 0 },
      },
    })
    expect(result.logSyncHeight).toBeGreaterThan(0)
    expect(result.logSyncBlock).toMatch(/^0x[0-9a-f]{64}$/)
    expect((await call('zgs_getShardConfig')).result).toEqual({ shardId: 0, numShard: 1 })
  })

  test('segments come with entries, across a segment border and with proof', async () => {
    const across = Buffer.from((await call('zgs_downloadSegment', root, 1000, 1100)).result, 'base64')
    expect(across).toEqual(data.subarray(1000 * 256, 1100 * 256))
    const last = Buffer.from((await call('zgs_downloadSegmentByTxSeq', 0, 2048, 2052)).result, 'base64')
    expect(last).toEqual(Buffer.concat([data.subarray(2048 * 256), Buffer.alloc(24)]))
    expect((await call('zgs_downloadSegmentWithProof', root, 1)).result).toEqual(segment(1))
    expect((await call('zgs_downloadSegmentWithProofByTxSeq', 0, 2)).result).toEqual(segment(2))
  })

  test('refusals have its codes and texts', async () => {
    const error = async (method: string, ...params: unknown[]) => (await call(method, ...params)).error
    const params = (parameter: string, data: string) => ({ code: -32602, message: `Invalid params: ${parameter}`, data })
    expect(await error('zgs_downloadSegment', root, 5, 5)).toEqual(params('end_index', 'invalid chunk index'))
    expect(await error('zgs_downloadSegment', root, 0, 1025)).toEqual(params('end_index', 'exceeds maximum chunks 1024'))
    expect((await error('zgs_downloadSegment', root, 2048, 3000))?.message).toMatch('end entry index exceeds tx size')
    expect(await error('zgs_downloadSegmentWithProof', root, 3)).toEqual(params('index', 'index out of bound'))
    const good = segment(0)
    expect(await error('zgs_uploadSegment', { ...good, index: 3 })).toEqual(params('index', 'index out of bound'))
    expect(await error('zgs_uploadSegment', { ...good, data: good.data.slice(0, 344) })).toMatchObject({ code: -32602 })
    expect(await error('zgs_uploadSegment', { ...good, index: 1 })).toMatchObject(params('proof', 'invalid proof'))
    expect(await error('zgs_uploadSegment', { ...good, fileSize: 0 })).toEqual(params('file_size', 'file is empty'))
    expect(await error('zgs_uploadSegment', { ...good, fileSize: 5 })).toEqual(
      params('file_size', 'segment file size not matched with tx file size'),
    )
    expect(await error('zgs_uploadSegment', { ...good, data: '' })).toEqual({ code: -32000, message: 'data is empty' })
    expect(await error('zgs_uploadSegmentByTxSeq', { ...good, root: unknown }, 0)).toEqual({
      code: -32603,
      message: 'Internal error',
      data: 'data root and tx seq not match',
    })
    expect(await error('zgs_uploadSegment', { ...good, root: unknown, fileSize: 11 * 2 ** 20 })).toEqual(
      params('file_size', 'caching of large file when tx is unavailable is not supported'),
    )
    expect(await error('zgs_uploadSegment', 5)).toMatchObject({ code: -32602 })
    expect(await error('zgs_nothing')).toMatchObject({ code: -32601 })
  })

  test('duplicates are accepted, one by one and in lists', async () => {
    expect((await call('zgs_uploadSegment', segment(0))).result).toBeNull()
    expect((await call('zgs_uploadSegmentByTxSeq', segment(1), 0)).result).toBeNull()
    expect((await call('zgs_uploadSegments', [segment(0), segment(2)])).result).toBeNull()
    expect((await call('zgs_uploadSegmentsByTxSeq', [segment(0)], 0)).result).toBeNull()
    expect((await call('zgs_uploadSegments', [])).result).toBeNull()
  })

  test('ids come back as they were written, alone, in batches and with errors', async () => {
    const id = '17642894512345678.25'
    expect(await post(`{"jsonrpc":"2.0","id":${id},"method":"zgs_getShardConfig"}`)).toContain(`"id":${id}`)
    const batch = await post(
      `[{"jsonrpc":"2.0","id":${id},"method":"zgs_getShardConfig"},{"jsonrpc":"2.0","id":"x","method":"no"}]`,
    )
    expect(JSON.parse(batch)).toHaveLength(2)
    expect(batch).toContain(`"id":${id}`)
    expect(JSON.parse(await post('{')).error.code).toBe(-32700)
    expect(JSON.parse(await post('[]')).error.code).toBe(-32600)
  })

  test('a sector proof leads to the root of the flow', async () => {
    const [flowRoot, length] = (await call('zgs_getFlowContext')).result
    expect(length).toBeGreaterThan(4096)
    for (const sector of [0, 1, 2047, 2048, 3071, 3072, 4095, 4096, 4096 + 3]) {
      const { result, error } = await call('zgs_getSectorProof', sector, flowRoot)
      expect(error).toBeUndefined()
      expect(result.lemma.at(-1)).toBe(flowRoot)
      expect(result.path).toHaveLength(result.lemma.length - 2)
      let node = result.lemma[0]
      for (const [step, isLeft] of result.path.entries()) {
        node = isLeft ? hashPairHex(node, result.lemma[step + 1]) : hashPairHex(result.lemma[step + 1], node)
      }
      expect(node).toBe(flowRoot)
    }
    // computeFlowRoot() of the contract itself.
    const request = { jsonrpc: '2.0', id: 1, method: 'eth_call', params: [{ to: FLOW, data: '0x1deb0fca' }, 'latest'] }
    expect(JSON.parse(await post(JSON.stringify(request), rpcUrl)).result).toBe(flowRoot)
    expect((await call('zgs_getHashAtNodeIndex', 2)).result).toBe(toHex(tree.segmentRoot(0)))
    expect((await call('zgs_getSectorProof', 10 ** 9)).error).toMatchObject({ code: -32000 })
  })
})

describe('the indexer', () => {
  const ask = async (method: string, ...params: unknown[]): Promise<Answer> =>
    JSON.parse(await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), indexerUrl))

  test('names full nodes under URLs that answer', async () => {
    const { trusted, discovered } = (await ask('indexer_getShardedNodes')).result
    expect(discovered).toEqual([])
    expect(trusted).toHaveLength(3)
    for (const node of trusted) {
      expect(node).toMatchObject({ config: { shardId: 0, numShard: 1 }, latency: expect.any(Number), since: expect.any(Number) })
      const answer = JSON.parse(await post('{"jsonrpc":"2.0","id":1,"method":"zgs_getStatus"}', node.url))
      expect(answer.result.networkIdentity.chainId).toBe(31337)
    }
    expect((await ask('indexer_getSelectedNodes', 2, 'min', true, [])).result.trusted).toHaveLength(2)
    expect((await ask('indexer_getSelectedNodes', 4, 'min', true, [])).error?.message).toMatch('cannot select a subset')
    expect((await ask('indexer_getNodeLocations')).result).toEqual({})
  })

  test('locates finalized files', async () => {
    expect((await ask('indexer_getFileLocations', root)).result).toHaveLength(3)
    expect((await ask('indexer_getFileLocations', unknown)).error).toMatchObject({ code: -32000, message: 'file not found' })
  })
})

describe('REST', () => {
  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${indexerUrl}${path}`, { headers })
  const bytes = async (response: Response) => Buffer.from(await response.arrayBuffer())

  test('a file comes whole or by range, with its root as validator', async () => {
    const whole = await get(`/file?root=${root}&name=${encodeURIComponent('bericht ä.bin')}`)
    expect(whole.status).toBe(200)
    expect(whole.headers.get('accept-ranges')).toBe('bytes')
    expect(whole.headers.get('content-length')).toBe(String(data.length))
    expect(whole.headers.get('content-disposition')).toBe(
      `attachment; filename="bericht _.bin"; filename*=UTF-8''bericht%20%C3%A4.bin`,
    )
    expect(await bytes(whole)).toEqual(data)
    const etag = whole.headers.get('etag') ?? ''
    const part = await get('/file?txSeq=0', { range: 'bytes=262100-262199' })
    expect(part.status).toBe(206)
    expect(part.headers.get('content-range')).toBe(`bytes 262100-262199/${data.length}`)
    expect(await bytes(part)).toEqual(data.subarray(262_100, 262_200))
    expect(await bytes(await get(`/file?root=${root}`, { range: 'bytes=-7' }))).toEqual(data.subarray(-7))
    const beyond = await get(`/file?root=${root}`, { range: `bytes=${data.length}-` })
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${data.length}`])
    expect((await get(`/file?root=${root}`, { 'if-none-match': etag })).status).toBe(304)
    expect((await get(`/file?root=${root}`, { range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200)
    const head = await fetch(`${indexerUrl}/file?root=${root}`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(data.length)])
  })

  test('answers stand in the envelope, refusals with HTTP 200', async () => {
    const json = async (path: string) => {
      const response = await get(path)
      return { status: response.status, ...((await response.json()) as object) }
    }
    expect(await json(`/file/info/${root}`)).toMatchObject({
      status: 200,
      code: 0,
      message: 'Success',
      data: { finalized: true },
    })
    expect(await json('/file/info/0')).toMatchObject({ code: 0, data: { tx: { seq: 0 } } })
    expect(await json(`/file/info/${unknown}`)).toEqual({ status: 200, code: 101, message: 'File not found', data: null })
    expect(await json('/file')).toMatchObject({ status: 200, code: 1, message: 'Invalid parameter' })
    expect(await json(`/file?root=${unknown}`)).toMatchObject({ code: 101 })
    expect(await json('/file?root=0x12')).toMatchObject({ code: 1 })
    expect(await json(`/files/info?cid=0&cid=${unknown}`)).toMatchObject({ code: 0, data: [{ finalized: true }, null] })
    expect(await json('/files/info')).toMatchObject({ code: 1, data: 'No cid specified' })
    expect(await json('/node/status')).toMatchObject({ code: 0, data: { nextTxSeq: 1 } })
    expect(await json(`/file/${root}/a.txt`)).toMatchObject({ status: 200, code: 106 })
  })

  test('a segment is taken by POST /file/segment', async () => {
    const send = async (body: unknown) =>
      (await fetch(`${indexerUrl}/file/segment`, { method: 'POST', body: JSON.stringify(body) })).json()
    const { root: _root, fileSize: _size, ...rest } = segment(0)
    expect(await send({ ...rest, root })).toEqual({ code: 0, message: 'Success', data: 'Succeeded to upload segment' })
    expect(await send({ ...rest, txSeq: 0 })).toMatchObject({ code: 0 })
    expect(await send({ ...rest, root: unknown })).toMatchObject({ code: 101 })
    expect(await send({ ...rest, root, data: '' })).toEqual({
      code: 1,
      message: 'Invalid parameter',
      data: 'Segment data is empty',
    })
    expect(await send({ ...rest, root, index: 1 })).toMatchObject({ code: 1 })
    expect(await send(5)).toMatchObject({ code: 1 })
  })

  test('browsers of other origins may call', async () => {
    const response = await get(`/file/info/${root}`, { origin: 'https://example.org' })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })
})

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Indexer, MemData, StorageNode, ZgFile } from '@0gfoundation/0g-ts-sdk'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { developmentAccounts } from '@zerog/contracts'
import { ethers } from 'ethers'
import { removeDevnet, startDevnet, temporaryFolder } from './devnet.ts'
import type { SdkJob, SdkResult } from './support/sdk-client.ts'
import { storageVectors } from './support/vectors.ts'

// 0G's storage SDK, unmodified, against the gateway: nothing but URLs is ours.

let dataDir: string
let rpcUrl: string
let nodeUrl: string
let indexerUrl: string
let provider: ethers.JsonRpcProvider
let indexer: Indexer
let folder: string
let signer: ethers.Wallet

beforeAll(async () => {
  jest.spyOn(console, 'log').mockImplementation(() => {})
  folder = await mkdtemp(join(tmpdir(), 'zerog-sdk-'))
  dataDir = await temporaryFolder()
  const { endpoints } = await startDevnet(dataDir, '--storage-nodes', '3')
  rpcUrl = endpoints.rpcUrl
  nodeUrl = endpoints.storage?.nodeUrl ?? ''
  provider = new ethers.JsonRpcProvider(rpcUrl)
  signer = new ethers.Wallet(developmentAccounts()[0]?.privateKey ?? '', provider)
  indexerUrl = endpoints.storage?.indexerUrl ?? ''
  indexer = new Indexer(indexerUrl)
}, 300_000)

afterAll(async () => {
  provider?.destroy()
  if (dataDir !== undefined) await removeDevnet(dataDir)
  await rm(folder, { recursive: true, force: true })
})

type Uploaded = { readonly txHash: string; readonly rootHash: string; readonly txSeq: number }
type Options = Parameters<Indexer['upload']>[3]

async function upload(data: Uint8Array, options: Options = {}): Promise<Uploaded> {
  const [result, error] = await indexer.upload(new MemData(data), rpcUrl, signer as never, options)
  if (error !== null) throw error
  return result as Uploaded
}

async function download(root: string | string[], name: string): Promise<Uint8Array> {
  const path = join(folder, name)
  const error = await indexer.download(root as string, path, true)
  if (error !== null) throw error
  return new Uint8Array(await readFile(path))
}

/** The SDK in a process of its own. */
async function runClient(job: Pick<SdkJob, 'files' | 'atOnce'> & Partial<SdkJob>): Promise<readonly SdkResult[]> {
  const { NODE_OPTIONS: _options, ...env } = process.env
  const child = spawn(process.execPath, [join(import.meta.dirname, 'support/sdk-client.ts')], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const privateKeys = developmentAccounts()
    .slice(0, 9)
    .map((account) => account.privateKey)
  child.stdin.end(JSON.stringify({ rpcUrl, indexerUrl, folder, privateKeys, ...job } satisfies SdkJob))
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
  return JSON.parse(output)
}

const vectors = storageVectors()
const withVectors = vectors === undefined ? describe.skip : describe

withVectors("every size of 0G's vectors", () => {
  test('is uploaded and downloaded by its own SDK, with the root of the vector', async () => {
    const files = (vectors ?? []).map(({ rule, size }) => ({ rule, size }))
    const results = await runClient({ files, atOnce: false })
    expect(results.every((result) => result.sameBytes)).toBe(true)
    expect(results.map((result) => result.rootHash).sort()).toEqual((vectors ?? []).map((vector) => vector.root).sort())
  }, 150_000)
})

describe('uploads', () => {
  test('of a file on disk pay once: the second time nothing is submitted', async () => {
    const data = randomBytes(300_000)
    const path = join(folder, 'file.bin')
    await writeFile(path, data)
    const file = await ZgFile.fromFilePath(path)
    const [first, error] = await indexer.upload(file, rpcUrl, signer as never)
    expect(error).toBeNull()
    await file.close()
    const again = await upload(data)
    expect(again.txHash).toBe('')
    expect(again.txSeq).toBe((first as Uploaded).txSeq)
  }, 300_000)

  test('of content that is stored already under another submission are final at once', async () => {
    const data = randomBytes(300_000)
    const first = await upload(data)
    const second = await upload(data, { skipIfFinalized: false })
    expect(second.rootHash).toBe(first.rootHash)
    const node = new StorageNode(nodeUrl)
    const info = await node.getFileInfoByTxSeq(second.txSeq)
    expect(info).toMatchObject({ finalized: true, uploadedSegNum: 2, pruned: false, isCached: false })
  }, 300_000)

  test('in fragments come back in order', async () => {
    const data = randomBytes(1_000_000)
    const { rootHashes } = (await upload(data, { fragmentSize: 262_144 })) as unknown as { rootHashes: string[] }
    expect(rootHashes).toHaveLength(4)
    expect(await download(rootHashes, 'fragments')).toEqual(new Uint8Array(data))
  }, 300_000)

  test('encrypted with a key are decrypted with it', async () => {
    const data = randomBytes(400_000)
    const key = randomBytes(32)
    const { rootHash } = await upload(data, { encryption: { type: 'aes256', key } })
    const [blob, error] = await indexer.downloadToBlob(rootHash, { decryption: { symmetricKey: key } } as never)
    expect(error).toBeNull()
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(new Uint8Array(data))
    const [raw] = await indexer.downloadToBlob(rootHash)
    expect(raw.size).toBe(data.length + 17)
  }, 300_000)

  test('encrypted for a recipient are decrypted by the recipient', async () => {
    const data = randomBytes(1000)
    const recipient = ethers.Wallet.createRandom()
    const recipientPubKey = recipient.signingKey.compressedPublicKey
    const { rootHash } = await upload(data, { encryption: { type: 'ecies', recipientPubKey } })
    const [blob, error] = await indexer.downloadToBlob(rootHash, { decryption: { privateKey: recipient.privateKey } } as never)
    expect(error).toBeNull()
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(new Uint8Array(data))
  }, 300_000)

  test('to two replicas find two nodes', async () => {
    const { rootHash } = await upload(randomBytes(300_000), { expectedReplica: 2 })
    expect(await indexer.getFileLocations(rootHash)).toHaveLength(3)
  }, 300_000)

  test('of 64 files at once all arrive', async () => {
    const files = Array.from({ length: 64 }, (_, index) => ({ rule: 'lcg' as const, size: 100_001 + index * 5003 }))
    const results = await runClient({
      files,
      atOnce: true,
      privateKeys: developmentAccounts()
        .slice(9)
        .map((account) => account.privateKey),
    })
    expect(results).toHaveLength(64)
    expect(results.every((result) => result.sameBytes)).toBe(true)
  }, 100_000)
})

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Indexer, MemData } from '@0gfoundation/0g-ts-sdk'
import { ethers } from 'ethers'
import { contentOf, type StorageVector } from './vectors.ts'

// A user's program with 0G's SDK, in a process of its own: its Keccak in JavaScript is several times slower inside of jest.
// Reads a SdkJob from stdin and writes SdkResult[] to stdout.

export type SdkJob = {
  readonly rpcUrl: string
  readonly indexerUrl: string
  readonly folder: string
  readonly privateKeys: readonly string[]
  readonly files: readonly Pick<StorageVector, 'rule' | 'size'>[]
  /** All files of an account at once, instead of one after the other. */
  readonly atOnce: boolean
}
export type SdkResult = { readonly size: number; readonly rootHash: string; readonly sameBytes: boolean }

const job = JSON.parse(await text(process.stdin)) as SdkJob
// The SDK tells its story on stdout.
console.log = () => {}
const provider = new ethers.JsonRpcProvider(job.rpcUrl)
const indexer = new Indexer(job.indexerUrl)
const results = (await Promise.all(job.privateKeys.map(runLane))).flat()
process.stdout.write(JSON.stringify(results))
provider.destroy()

async function runLane(privateKey: string, lane: number): Promise<SdkResult[]> {
  const signer = new ethers.Wallet(privateKey, provider)
  const files = job.files.filter((_, at) => at % job.privateKeys.length === lane)
  const nonce = await provider.getTransactionCount(signer.address)
  if (job.atOnce) return Promise.all(files.map((file, at) => roundTrip(signer, file, BigInt(nonce + at))))
  const out: SdkResult[] = []
  for (const file of files) out.push(await roundTrip(signer, file, undefined))
  return out
}

async function roundTrip(signer: ethers.Wallet, file: SdkJob['files'][number], nonce: bigint | undefined): Promise<SdkResult> {
  const data = contentOf(file)
  const options = nonce === undefined ? {} : { nonce }
  const [uploaded, error] = await indexer.upload(new MemData(data), job.rpcUrl, signer as never, options)
  if (error !== null) throw error
  const { rootHash } = uploaded as { rootHash: string }
  const path = join(job.folder, createHash('sha256').update(`${rootHash}${file.size}`).digest('hex'))
  const failure = await indexer.download(rootHash, path, true)
  if (failure !== null) throw failure
  return { size: file.size, rootHash, sameBytes: (await readFile(path)).equals(data) }
}

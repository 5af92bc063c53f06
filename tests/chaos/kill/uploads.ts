import { buildFileTree, checkSegmentProof, fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import {
  createZerogClient,
  downloadBytes,
  type Face,
  gatewayEndpoints,
  getFileInfo,
  type RpcRequest,
  waitForFinality,
} from '@zerog/sdk'
import type { Prng } from '@zerog/sim'
import type { PrivateKeyAccount } from 'viem'
import { until } from '../../e2e/devnet.ts'
import { type Caller, requirePromise } from './caller.ts'

export type StoredFile = { readonly root: Hex; readonly bytes: Uint8Array; readonly segmentCount: number }
/** A segment whose upload call returned: from then on it may not be lost. */
export type AcknowledgedSegment = {
  readonly root: Hex
  readonly index: number
  readonly data: Uint8Array
  readonly sizeBytes: number
}

export type UploadLane = {
  readonly address: Hex
  /** Stores so many new files, each until it is finalized. */
  readonly run: (count: number) => Promise<void>
}

const SIZES = [1, 255, 40_000, 262_144, 262_145, 700_000]
const FINALITY_MS = 20_000

/** One account that stores files through the SDK, which speaks 0G's JSON-RPC faces, and calls again after every outage. */
export function uploadLane(
  options: { readonly account: PrivateKeyAccount; readonly random: Prng },
  deps: { readonly caller: Caller; readonly onFinalized: (file: StoredFile) => void },
): UploadLane {
  const { account, random } = options
  const { caller } = deps
  // The URLs are not used: the transport knows where the gateway is now.
  const client = createZerogClient({ endpoints: gatewayEndpoints('http://devnet'), transport: caller.transport, account })

  async function store(bytes: Uint8Array): Promise<void> {
    const tree = buildFileTree(bytes)
    const root = toHex(tree.root)
    // Some files are sent by their root, before the storage layer has seen the transaction.
    const ahead = random.chance(0.4)
    await caller.persist(`file ${root} of ${bytes.length} bytes`, async () => {
      const wait = ahead ? 'submitted' : 'finalized'
      await client.storage.upload(bytes, { wait, timeoutMs: FINALITY_MS }).catch(againIfOutOfGas)
      if (ahead) await waitForFinality(client, { root }, { timeoutMs: FINALITY_MS })
    })
    deps.onFinalized({ root, bytes, segmentCount: tree.layout.segmentCount })
  }

  return {
    address: account.address.toLowerCase() as Hex,
    async run(count) {
      for (let done = 0; done < count; done++) await store(content(random, random.pick(SIZES) + random.below(3)))
    },
  }
}

/** What the books count as failed is sent once more. */
function againIfOutOfGas(error: unknown): never {
  const failed = error instanceof ZerogError && /was included in block .* but reverted/.test(error.message)
  throw failed ? new ZerogError('UPLOAD_INCOMPLETE', { message: error.message, cause: error }) : error
}

function content(random: Prng, length: number): Uint8Array {
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => random.next())
  return new Uint8Array(words.buffer, 0, length)
}

/** Segments of a call to `zgs_uploadSegments` or `zgs_uploadSegmentsByTxSeq` that was answered with success. */
export function segmentsOf(face: Face, { method, params }: RpcRequest): readonly AcknowledgedSegment[] {
  if (face !== 'storage' || !method.startsWith('zgs_uploadSegments')) return []
  // What our own SDK sent a moment ago.
  const wire = params?.[0] as { root: Hex; index: number; data: string; fileSize: number }[]
  return wire.map(({ root, index, data, fileSize }) => ({ root, index, data: Buffer.from(data, 'base64'), sizeBytes: fileSize }))
}

/** Right after a recovery, before anybody could send it again: the segment is there, is the same and proves itself. */
export async function requireSegment(caller: Caller, segment: AcknowledgedSegment): Promise<void> {
  const { root, index, data, sizeBytes } = segment
  const what = `acknowledged segment ${index} of ${root}`
  let answer: any
  await until(
    `${what} is readable`,
    async () => {
      const request = { method: 'zgs_downloadSegmentWithProof', params: [root, index] }
      // Its entry may be known only when the follower has read the block of the transaction.
      answer = await caller.direct.request('storage', request).catch(() => null)
      return answer !== null
    },
    60_000,
  )
  const found = Buffer.from(answer.data, 'base64')
  requirePromise(found.equals(data), () => `${what} came back with other bytes`)
  const proof = { lemma: answer.proof.lemma.map((node: Hex) => fromHex(node)), path: answer.proof.path }
  const failure = checkSegmentProof({ root: fromHex(root), sizeBytes, index, data: found, proof })
  requirePromise(failure === undefined, () => `${what} does not prove itself: ${failure}`)
}

/** A finalized file stays final, is whole, and downloads as it went in. */
export async function requireFile(caller: Caller, { root, bytes }: StoredFile): Promise<void> {
  const client = createZerogClient({ endpoints: gatewayEndpoints('http://devnet'), transport: caller.direct })
  const info = await getFileInfo(client, { root })
  requirePromise(
    info?.finalized === true,
    () => `finalized file ${root} is ${info === undefined ? 'unknown' : 'not final any more'}`,
  )
  const found = await downloadBytes(client, root)
  requirePromise(Buffer.compare(found, bytes) === 0, () => `file ${root} came back with other bytes`)
}

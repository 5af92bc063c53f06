import type { Segment } from '@zerog/proto/storage'
import { fileNotFound, invalidParameter } from './envelope.ts'
import type { StorageClient } from './upload.ts'
import { fields, readData, readIndex, readInteger, readProof, refOfRoot, refOfTxSeq } from './wire.ts'

/** Body of POST /file/segment: `{root|txSeq, data, index, proof}`. The size comes from the submission, which must be there. */
export async function readUpload(
  client: StorageClient,
  body: Uint8Array,
): Promise<{ readonly segments: readonly Segment[]; readonly txSeq: number }> {
  const input = fields(parse(body), 'body')
  const data = readData(input.data ?? '')
  if (data.length === 0) throw invalidParameter('Segment data is empty')
  const byNumber = input.txSeq !== undefined && input.txSeq !== null
  const ref = byNumber ? refOfTxSeq(readInteger(input.txSeq, 'txSeq')) : refOfRoot(input.root)
  const { file } = await client.getFile({ file: ref, needAvailable: true })
  if (file === undefined) throw fileNotFound()
  const { root, sizeBytes } = file
  const segment = { root, sizeBytes, index: readIndex(input.index ?? 0, 'index'), proof: readProof(input.proof), data }
  return { segments: [segment], txSeq: Number(file.txSeq) }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'))
  } catch {
    throw invalidParameter('the body is no JSON')
  }
}

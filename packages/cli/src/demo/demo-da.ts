import { createHash } from 'node:crypto'
import { assert } from '@zerog/primitives'
import type { DaBlob, ZerogClient } from '@zerog/sdk'
import { repositoryFiles } from './sources.ts'
import { type Limits, mustBe, type Timed } from './step.ts'
import { packTar } from './tar.ts'

/** Bytes of the blob: a few MiB of the repository's own sources. */
const BLOB_BYTES_MAX = 4_000_000

/** A blob is dispersed, certified, sampled and read back; where nodes are processes of their own, while one of them stands still. */
export async function demoDa(
  client: ZerogClient,
  limits: Limits & { readonly daNodeProcess?: number | undefined },
  timed: Timed,
): Promise<void> {
  const bytes = new Uint8Array(packTar(await repositoryFiles(limits.root))).slice(0, BLOB_BYTES_MAX)
  const sha256 = `0x${createHash('sha256').update(bytes).digest('hex')}`
  let blob: DaBlob | undefined

  await timed(async () => {
    blob = await client.da.disperse(bytes, { wait: 'finalized', signal: limits.signal, timeoutMs: limits.timeoutMs })
    mustBe(blob.sha256 === sha256, `the blob has hash ${blob.sha256}, its bytes ${sha256}`)
    const [part] = blob.parts
    mustBe(part !== undefined && blob.transactionHashes.length > 0, 'a finalized blob has a bundle and a transaction')
    return {
      layer: 'da',
      step: 'disperse a blob until final',
      id: part?.commitment ?? '',
      detail: `${bytes.length} bytes, certified after ${(blob.certifiedAtMs ?? 0) - blob.acceptedAtMs} ms`,
    }
  })
  const [part] = blob?.parts ?? []
  assert(blob !== undefined && part !== undefined, 'the first step sets the blob')
  const { id } = blob

  await timed(async () => {
    const { nobleMultisignature, sampleBundle } = await import('@zerog/sdk/light')
    const report = await sampleBundle(client, part, { multisignature: nobleMultisignature, signal: limits.signal })
    mustBe(report.available, `rows are missing or wrong: ${JSON.stringify(report.rows.filter(({ ok }) => !ok))}`)
    return {
      layer: 'da',
      step: 'sample it as a light client',
      id: part.commitment,
      detail: `${report.rows.length} rows proven, ${report.certificate.signers} of ${report.certificate.members} members signed`,
    }
  })

  await timed(async () => {
    const stopped = limits.daNodeProcess
    if (stopped !== undefined) process.kill(stopped, 'SIGSTOP')
    try {
      const back = await client.da.retrieve(id, { sha256, signal: limits.signal, timeoutMs: limits.timeoutMs })
      mustBe(Buffer.compare(back, bytes) === 0, 'the bytes that came back differ from those that were dispersed')
      const step = stopped === undefined ? 'read it out of the nodes' : 'read it while one node is stopped'
      return { layer: 'da', step, id, detail: `${back.length} bytes equal` }
    } finally {
      if (stopped !== undefined) process.kill(stopped, 'SIGCONT')
    }
  })
}

import type { Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { DisperserServiceDefinition, RetrieverServiceDefinition } from '@zerog/proto/da'
import type { EvidenceArchive } from '../../app/broker/evidence-ports.ts'

const HASH_BYTES = 32
/** Rows that one call of SampleRows may name. */
const ROWS_MAX = 1024
const TIMEOUT_MS = 60_000

/** Certificates from the disperser, rows from the nodes through the retriever, which verifies them. */
export function evidenceArchive(rpc: Rpc): EvidenceArchive {
  const disperser = rpc.client(DisperserServiceDefinition, 'da-disperser')
  const retriever = rpc.client(RetrieverServiceDefinition, 'da-retriever')
  return {
    async certificate(of, signal) {
      const { bundle, certificate, index, path } = await disperser.getCertificate(wire(of), { signal })
      if (bundle === undefined) throw malformed('a certificate without a bundle')
      return {
        commitment: of.commitment,
        k: bundle.k,
        n: bundle.n,
        rowBytes: bundle.rowBytes,
        payloadBytes: bundle.payloadBytes,
        epoch: bundle.epoch,
        committee: bundle.committee,
        expiry: bundle.expiry,
        windowIndex: index,
        windowPath: hashesOf(path),
        certificate: new Uint8Array(certificate),
      }
    },
    async rlc(of, signal) {
      return new Uint8Array((await retriever.getRlc(wire(of), { signal })).rlc)
    },
    async rows({ indexes, ...of }, signal) {
      const rows: Awaited<ReturnType<EvidenceArchive['rows']>>[number][] = []
      for (let at = 0; at < indexes.length; at += ROWS_MAX) {
        const wanted = { ...wire(of), indexes: indexes.slice(at, at + ROWS_MAX) }
        for await (const { row, missing } of retriever.sampleRows(wanted, { signal, timeoutMs: TIMEOUT_MS })) {
          if (missing.length > 0) throw unserved(missing)
          // Copies: what is kept must not hold a whole message in memory.
          if (row !== undefined) rows.push({ index: row.index, row: new Uint8Array(row.data), path: hashesOf(row.path) })
        }
      }
      return rows
    },
  }
}

const wire = ({ commitment, epoch }: { readonly commitment: Uint8Array; readonly epoch: bigint }) => ({
  commitment: Buffer.from(commitment),
  epoch,
})

function hashesOf(path: Uint8Array): Uint8Array[] {
  if (path.length % HASH_BYTES !== 0) throw malformed('a path that is no list of hashes')
  return Array.from({ length: path.length / HASH_BYTES }, (_, level) => path.slice(level * HASH_BYTES, (level + 1) * HASH_BYTES))
}

function unserved(missing: readonly number[]): ZerogError {
  return new ZerogError('ROWS_INSUFFICIENT', { message: `no node serves rows ${missing.slice(0, 8).join(', ')} of the bundle` })
}

function malformed(what: string): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', { message: `data availability answered ${what}; check which release it runs` })
}

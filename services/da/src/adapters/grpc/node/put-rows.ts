import type { Endpoint } from '@zerog/ports'
import type { PutRowsHeader, PutRowsRequest, Row } from '@zerog/proto/da'
import type { DaNode } from '../../../app/node/da-node.ts'
import type { PutHeader, SentRow } from '../../../app/node/put-rows.ts'
import { HASH_BYTES, RLC_BYTES, ROWS_ASKED_MAX } from '../../../limits.ts'
import { nodeService } from '../put-rows-codec.ts'
import { decodeCommitment } from '../row-codec.ts'
import { decodeStatement, invalid } from '../statement-codec.ts'

const method = nodeService.methods.putRows

export function putRows(node: DaNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['da-encoder'],
    async handle(requests, { signal }) {
      const incoming = requests[Symbol.asyncIterator]()
      const first = await incoming.next()
      if (first.done === true) throw invalid('header', 'the first message names the bundle')
      const header = decodeHeader(first.value.header)
      return { storedCount: await node.put(header, batchesOf(first.value, incoming), signal) }
    },
  }
}

function decodeHeader(header: PutRowsHeader | undefined): PutHeader {
  if (header === undefined) throw invalid('header', 'the first message names the bundle')
  const { rlc, rowRoot, rowCount } = header
  const bundle = decodeStatement(header.bundle)
  if (rowRoot.length !== HASH_BYTES) throw invalid('row_root', 'a row root has 32 bytes')
  if (rlc.length !== bundle.k * RLC_BYTES) throw invalid('rlc', `the vector has ${RLC_BYTES} bytes for each of ${bundle.k} rows`)
  if (rowCount < 1 || rowCount > ROWS_ASKED_MAX) throw invalid('row_count', `a member has 1 to ${ROWS_ASKED_MAX} rows`)
  // Copies: the message is its sender's again once the call has ended.
  return {
    bundle: { ...bundle, commitment: decodeCommitment(bundle.commitment) },
    rlc: new Uint8Array(rlc),
    rowRoot: new Uint8Array(rowRoot),
  }
}

async function* batchesOf(first: PutRowsRequest, rest: AsyncIterator<PutRowsRequest>): AsyncGenerator<readonly SentRow[]> {
  if (first.rows.length > 0) yield first.rows.map(sentRow)
  for (;;) {
    const next = await rest.next()
    if (next.done === true) return
    if (next.value.header !== undefined) throw invalid('header', 'only the first message has a header')
    yield next.value.rows.map(sentRow)
  }
}

/** Views; sizes are checked against the bundle's. */
function sentRow({ index, data, path }: Row): SentRow {
  return { index, row: data, path }
}

import type { Statement } from '@zerog/availability'
import type { Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { PutRowsRequest, Row } from '@zerog/proto/da'
import type { CodedBundle } from '../../app/encoder/coder.ts'
import type { MemberClient, MemberConnector } from '../../app/members.ts'
import { ROWS_MESSAGE_BYTES_MAX, SIGN_TIMEOUT_MS } from '../../core/disperser/limits.ts'
import { nodeService } from './put-rows-codec.ts'
import { encodeStatement, toWire } from './statement-codec.ts'

const TARGET = 'da-node'
const HASH_BYTES = 32

/** Members over gRPC: the socket of a member of this installation is the ordinal of its instance. */
export function rpcMemberConnector(rpc: Rpc): MemberConnector {
  return ({ socket, address }): MemberClient => {
    if (!/^\d{1,4}$/.test(socket)) {
      throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
        message: `member ${address} is registered at ${socket}; this installation reaches members by the ordinal of their instance only`,
        metadata: { socket },
      })
    }
    const client = rpc.client(nodeService, TARGET, Number(socket))
    return {
      async putRows({ statement, coded, indexes }, { signal, timeoutMs }) {
        const { storedCount } = await client.putRows(requests(statement, coded, indexes), { signal, timeoutMs })
        if (storedCount === indexes.length) return
        throw new ZerogError('VERIFICATION_FAILED', {
          message: `the member acknowledged ${storedCount} rows where ${indexes.length} were sent`,
        })
      },
      async signWindow(bundles, signal) {
        const { signature } = await client.signWindow(
          { bundles: bundles.map(encodeStatement) },
          { signal, timeoutMs: SIGN_TIMEOUT_MS, retriesMax: 1 },
        )
        return signature
      },
    }
  }
}

/**
 * The header first, then rows, as many as fit into one message. Ascending, because members keep them in the order in which they come: original
 * rows of a range then lie side by side on their disks.
 */
async function* requests(statement: Statement, coded: CodedBundle, indexes: Uint32Array): AsyncGenerator<PutRowsRequest> {
  const header = {
    bundle: encodeStatement(statement),
    rlc: toWire(coded.rlc),
    rowRoot: toWire(coded.rowRoot),
    rowCount: indexes.length,
  }
  const depth = Math.log2(statement.k + statement.n)
  // Tags and lengths take less than 16 bytes a row.
  const rowsAtOnce = Math.max(1, Math.floor(ROWS_MESSAGE_BYTES_MAX / (statement.rowBytes + depth * HASH_BYTES + 16)))
  const ascending = indexes.toSorted()
  for (let first = 0; first < ascending.length; first += rowsAtOnce) {
    const rows = Array.from(ascending.subarray(first, first + rowsAtOnce), (index) => rowOf(coded, index))
    yield first === 0 ? { header, rows } : { header: undefined, rows }
  }
}

function rowOf(coded: CodedBundle, index: number): Row {
  const siblings = coded.path(index)
  const path = Buffer.allocUnsafe(siblings.length * HASH_BYTES)
  for (const [level, sibling] of siblings.entries()) path.set(sibling, level * HASH_BYTES)
  return { index, data: toWire(coded.row(index)), path }
}

import type { Statement } from '@zerog/availability'
import { ZerogError } from '@zerog/primitives'
import type { CodedBundle } from '../../app/encoder/coder.ts'
import type { MemberClient, MemberConnector } from '../../app/members.ts'
import { SIGN_TIMEOUT_MS } from '../../core/disperser/limits.ts'
import type { NodeDialer } from '../foreign/dialer.ts'
import { messageSpace } from './message-space.ts'
import { encodePutRows, rowsPerMessage } from './put-rows-codec.ts'
import { encodeStatement, toWire } from './statement-codec.ts'

const HASH_BYTES = 32

/** Members over gRPC, wherever they are. */
export function rpcMemberConnector(dial: NodeDialer): MemberConnector {
  return (member): MemberClient => ({
    async putRows({ statement, coded, indexes }, { signal, timeoutMs }) {
      const space = messageSpace()
      const client = await dial(member)
      const { storedCount } = await client.putRows(requests({ statement, coded, indexes }, space.take), { signal, timeoutMs })
      // The member has all of it. After a failure nobody knows who still looks at the messages.
      space.giveBack()
      if (storedCount === indexes.length) return
      throw new ZerogError('VERIFICATION_FAILED', {
        message: `the member acknowledged ${storedCount} rows where ${indexes.length} were sent`,
      })
    },
    async signWindow(bundles, signal) {
      const client = await dial(member)
      const { signature } = await client.signWindow(
        { bundles: bundles.map(encodeStatement) },
        { signal, timeoutMs: SIGN_TIMEOUT_MS, retriesMax: 1 },
      )
      return signature
    },
  })
}

type Sending = { readonly statement: Statement; readonly coded: CodedBundle; readonly indexes: Uint32Array }

/**
 * The header first, then rows, as many as fit into one message. Ascending, because members keep them in the order in which they come: original
 * rows of a range then lie side by side on their disks.
 */
async function* requests({ statement, coded, indexes }: Sending, take: (bytes: number) => Buffer): AsyncGenerator<Uint8Array> {
  const header = {
    bundle: encodeStatement(statement),
    rlc: toWire(coded.rlc),
    rowRoot: toWire(coded.rowRoot),
    rowCount: indexes.length,
  }
  const pathBytes = Math.log2(statement.k + statement.n) * HASH_BYTES
  const rowsAtOnce = rowsPerMessage(statement.rowBytes, pathBytes)
  const ascending = indexes.toSorted()
  // One after the other: a message is written before the next one's paths are laid here.
  const paths = Buffer.allocUnsafe(Math.min(rowsAtOnce, indexes.length) * pathBytes)
  for (let first = 0; first < ascending.length; first += rowsAtOnce) {
    const rows = Array.from(ascending.subarray(first, first + rowsAtOnce), (index, place) => {
      const path = paths.subarray(place * pathBytes, (place + 1) * pathBytes)
      coded.copyPath(index, path)
      return { index, data: toWire(coded.row(index)), path }
    })
    yield encodePutRows({ header: first === 0 ? header : undefined, rows }, take)
  }
}

import type { Statement } from '@zerog/availability'
import { readHeader } from '@zerog/erasure'
import { ZerogError } from '@zerog/primitives'
import { packLayout } from '../../core/node/manifest.ts'
import { refuse } from '../../core/node/promise-rules.ts'
import type { CodeContext } from '../../core/row-check.ts'
import { HASH_BYTES, SPACE_KEPT_MAX } from '../../limits.ts'
import type { RowChecker } from '../row-checker.ts'
import { createShelf } from '../shelf.ts'
import { type StepTraces, traced } from '../traced.ts'
import type { RowWriter } from './row-store.ts'

export type PutHeader = {
  readonly bundle: Statement
  /** k * 16 bytes */
  readonly rlc: Uint8Array
  readonly rowRoot: Uint8Array
}

/** A row as it comes: its path is one piece, because views of its hashes would cost more than their copy. */
export type SentRow = {
  readonly index: number
  readonly row: Uint8Array
  /** Siblings from leaf to root, 32 bytes each. */
  readonly path: Uint8Array
}

/** Of packs that were written; all members of a process share it. */
const packs = createShelf(SPACE_KEPT_MAX, (bytes) => new SharedArrayBuffer(bytes))

/** A pack that fills: rows lie in shared memory, where a thread checks them without a copy. */
type OpenPack = { readonly bytes: Uint8Array; readonly indexes: number[] }

/**
 * Takes exactly the rows of `expected`, in any order; nothing is written before it is checked. Two packs of at most 4 MiB are in memory at
 * once: one fills while the other one is checked and written.
 * @returns how many rows are durable
 * @throws ZerogError as the checks; then nothing of it stays
 */
export async function putRows(
  header: PutHeader,
  batches: AsyncIterable<readonly SentRow[]>,
  deps: {
    readonly expected: Uint32Array
    readonly checker: RowChecker
    readonly writer: RowWriter
    readonly signal: AbortSignal
    readonly traces?: StepTraces | undefined
  },
): Promise<number> {
  const { bundle } = header
  const { checker, writer, signal } = deps
  const layout = packLayout(bundle)
  const context: CodeContext = { ...bundle, rlc: header.rlc, rowRoot: header.rowRoot }
  const left = new Set(deps.expected)
  const order: number[] = []
  let pack: OpenPack = openPack(0)
  let writing: Promise<void> = Promise.resolve()
  let failure: { readonly error: unknown } | undefined
  const guard = (work: Promise<void>): Promise<void> =>
    work.catch((error) => {
      failure ??= { error }
    })
  const throwFailure = () => {
    if (failure !== undefined) throw failure.error
  }

  function openPack(taken: number): OpenPack {
    const rows = Math.min(layout.rowsPerPack, deps.expected.length - taken)
    const bytes = packs.take(rows * layout.strideBytes)
    return { bytes, indexes: [] }
  }

  /** All of a pack at once: each call is a message to a thread and one back, and derives what its rows share. */
  const check = ({ indexes, bytes }: OpenPack): Promise<void> =>
    indexes.length === 0 ? Promise.resolve() : traced(deps.traces, 'check rows', () => checker.check(context, { indexes, bytes }))

  async function turnPack(): Promise<void> {
    const full = pack
    await writing
    throwFailure()
    writing = guard(
      check(full)
        .then(() => writer.add(full.bytes))
        .then(() => packs.keep(full.bytes)),
    )
    pack = openPack(order.length)
  }

  function place(row: SentRow): void {
    const at = pack.indexes.length * layout.strideBytes
    // Not `set`: from an odd address into shared memory it goes byte by byte, at a quarter of the speed.
    const bytes = asBuffer(pack.bytes)
    asBuffer(row.row).copy(bytes, at)
    asBuffer(row.path).copy(bytes, at + bundle.rowBytes)
    pack.indexes.push(row.index)
    order.push(row.index)
  }

  try {
    for await (const rows of batches) {
      signal.throwIfAborted()
      throwFailure()
      for (const row of rows) {
        checkRow(row, bundle, left)
        if (pack.indexes.length === layout.rowsPerPack) await turnPack()
        place(row)
      }
    }
    signal.throwIfAborted()
    if (left.size > 0) throw refuse('assignment', `${left.size} of the ${deps.expected.length} assigned rows are missing`)
    await Promise.all([writing, check(pack)])
    throwFailure()
    await traced(deps.traces, 'write rows', () =>
      writer.finish(pack.bytes, { rowRoot: header.rowRoot, rlc: header.rlc, indexes: order }),
    )
    packs.keep(pack.bytes)
    return order.length
  } catch (error) {
    await writing
    await writer.abandon()
    throw error
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Form and assignment; whether the row is right is the checker's question. */
function checkRow({ index, row, path }: SentRow, bundle: Statement, left: Set<number>): void {
  const depth = Math.log2(bundle.k + bundle.n)
  if (row.length !== bundle.rowBytes || path.length !== depth * HASH_BYTES) {
    throw refuse('form', `row ${index} must have ${bundle.rowBytes} bytes and a path of ${depth} hashes`)
  }
  if (!left.delete(index)) throw refuse('assignment', `row ${index} is not assigned to this member, or came twice`)
  if (index === 0) checkSize(row, bundle)
}

/** The size stands in row 0, so only its keeper can tell that the statement says another one. */
function checkSize(row: Uint8Array, { k, rowBytes, payloadBytes }: Statement): void {
  const size = readHeader(row, k * rowBytes)
  if (size === payloadBytes) return
  throw new ZerogError('PROOF_INVALID', {
    message: `the rows hold a payload of ${size} bytes, the statement says ${payloadBytes}`,
    metadata: { check: 'layout' },
  })
}

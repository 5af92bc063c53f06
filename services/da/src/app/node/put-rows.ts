import type { Statement } from '@zerog/availability'
import { type RowProof, readHeader } from '@zerog/erasure'
import { ZerogError } from '@zerog/primitives'
import { packLayout } from '../../core/node/manifest.ts'
import { refuse } from '../../core/node/promise-rules.ts'
import type { CodeContext } from '../../core/row-check.ts'
import type { RowChecker } from '../row-checker.ts'
import { keepSpace, takeSpace } from './pack-space.ts'
import type { RowWriter } from './row-store.ts'

export type PutHeader = {
  readonly bundle: Statement
  /** k * 16 bytes */
  readonly rlc: Uint8Array
  readonly rowRoot: Uint8Array
}

/** A pack that fills: rows lie in shared memory, where threads check them without a copy. */
type OpenPack = { readonly bytes: Uint8Array; readonly indexes: number[]; readonly checks: Promise<void>[] }

/**
 * Takes exactly the rows of `expected`, in any order; nothing is written before it is checked. Two packs of at most 4 MiB are in memory at
 * once: one fills while the other one is checked and written.
 * @returns how many rows are durable
 * @throws ZerogError as the checks; then nothing of it stays
 */
export async function putRows(
  header: PutHeader,
  batches: AsyncIterable<readonly RowProof[]>,
  deps: {
    readonly expected: Uint32Array
    readonly checker: RowChecker
    readonly writer: RowWriter
    readonly signal: AbortSignal
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
    const bytes = takeSpace(rows * layout.strideBytes)
    return { bytes, indexes: [], checks: [] }
  }

  /** Hands the rows from place `from` on to a thread. */
  function check(of: OpenPack, from: number): void {
    const indexes = of.indexes.slice(from)
    if (indexes.length === 0) return
    const bytes = of.bytes.subarray(from * layout.strideBytes, of.indexes.length * layout.strideBytes)
    of.checks.push(guard(checker.check(context, { indexes, bytes })))
  }

  async function turnPack(): Promise<void> {
    const full = pack
    await writing
    throwFailure()
    writing = guard(
      Promise.all(full.checks).then(() => {
        throwFailure()
        return writer.add(full.bytes).then(() => keepSpace(full.bytes))
      }),
    )
    pack = openPack(order.length)
  }

  function place(row: RowProof): void {
    const at = pack.indexes.length * layout.strideBytes
    // Not `set`: from an odd address into shared memory it goes byte by byte, at a quarter of the speed.
    asBuffer(row.row).copy(asBuffer(pack.bytes), at)
    for (const [level, sibling] of row.path.entries()) pack.bytes.set(sibling, at + bundle.rowBytes + level * sibling.length)
    pack.indexes.push(row.index)
    order.push(row.index)
  }

  try {
    for await (const rows of batches) {
      signal.throwIfAborted()
      throwFailure()
      let from = pack.indexes.length
      for (const row of rows) {
        checkRow(row, bundle, left)
        if (pack.indexes.length === layout.rowsPerPack) {
          check(pack, from)
          await turnPack()
          from = 0
        }
        place(row)
      }
      check(pack, from)
    }
    signal.throwIfAborted()
    if (left.size > 0) throw refuse('assignment', `${left.size} of the ${deps.expected.length} assigned rows are missing`)
    await Promise.all([writing, ...pack.checks])
    throwFailure()
    await writer.finish(pack.bytes, { rowRoot: header.rowRoot, rlc: header.rlc, indexes: order })
    keepSpace(pack.bytes)
    return order.length
  } catch (error) {
    await Promise.all([writing, ...pack.checks])
    await writer.abandon()
    throw error
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Form and assignment; whether the row is right is the checker's question. */
function checkRow({ index, row, path }: RowProof, bundle: Statement, left: Set<number>): void {
  const depth = Math.log2(bundle.k + bundle.n)
  if (row.length !== bundle.rowBytes || path.length !== depth || path.some((sibling) => sibling.length !== 32)) {
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

import { type Assignment, assignRows, type Committee } from '@zerog/availability'
import { cutRange, type Range, type RowProof, readHeader, spanOf } from '@zerog/erasure'
import { assert, type Budget, toHex, ZerogError } from '@zerog/primitives'
import type { CodeContext } from '../../core/row-check.ts'
import { CHUNK_BYTES_MAX, READ_WINDOW_BYTES, WHOLE_BUNDLE_BYTES } from '../../limits.ts'
import type { RowRestorer } from '../row-checker.ts'
import { type GatherDeps, type Gathered, gatherRows } from './gather.ts'

/** Reads the payload of one bundle out of its rows, each verified. One read at a time. */
export type BundleReader = {
  /** Size of the payload, out of row 0. */
  payloadBytes(signal: AbortSignal): Promise<number>
  /** In pieces of at most 1 MiB; two windows of 8 MiB are in memory at once, or the whole bundle where it had to be restored. */
  read(range: Range, signal: AbortSignal): AsyncGenerator<Uint8Array>
  /** All original rows, one after the other. */
  rows(signal: AbortSignal): Promise<Uint8Array>
  /** Gives memory back. */
  close(): void
}

export type BundleReaderDeps = GatherDeps & { readonly restorer: RowRestorer; readonly restoring: Budget }

export type BundleReaderOptions = {
  readonly code: CodeContext
  readonly committee: Committee
  readonly order: readonly number[]
}

/** All original rows, and parity rows beside them while some are missing. */
type Space = { readonly data: Uint8Array; readonly present: Uint8Array; readonly parity: Map<number, Uint8Array> }

export function openBundle({ code, committee, order }: BundleReaderOptions, deps: BundleReaderDeps): BundleReader {
  const { k, rowBytes } = code
  const assignment: Assignment = assignRows(committee, code)
  const wholeBytes = k * rowBytes
  const givesBack: (() => void)[] = []
  /** All original rows, once the bundle was restored. */
  let whole: Uint8Array | undefined
  let first: Uint8Array | undefined

  const rowOf = (data: Uint8Array, index: number) => data.subarray(index * rowBytes, (index + 1) * rowBytes)

  async function fetch(rowFirst: number, rowCount: number, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const wanted = Array.from({ length: rowCount }, (_, at) => rowFirst + at)
    if (whole === undefined) {
      const rows = await gatherWindow(wanted, signal)
      if (rows !== undefined) return rows
    }
    const data = whole
    assert(data !== undefined, 'what was not gathered was restored')
    return wanted.map((index) => rowOf(data, index))
  }

  /** The wanted rows; undefined where the whole bundle was restored instead. */
  async function gatherWindow(wanted: readonly number[], signal: AbortSignal): Promise<readonly Uint8Array[] | undefined> {
    const window = new Map<number, Uint8Array>()
    let space: Space | undefined
    let giveBack = () => {}
    const keep = ({ index, row }: RowProof) => {
      if (space === undefined) window.set(index, row)
      else keepIn(space, { index, row, k })
    }
    const beforeRestoring = async () => {
      giveBack = await deps.restoring.take(2 * wholeBytes, signal)
      space = {
        data: new Uint8Array(new SharedArrayBuffer(wholeBytes)),
        present: new Uint8Array(new SharedArrayBuffer(k)),
        parity: new Map(),
      }
      for (const [index, row] of window) keepIn(space, { index, row, k })
      window.clear()
    }
    try {
      const gathered = await gatherRows(
        { code, committee, assignment, order, wanted, mayRestore: true, keep, beforeRestoring, signal },
        deps,
      )
      if (gathered.outcome === 'stuck') throw insufficient(code, gathered)
      if (gathered.outcome === 'wanted') {
        const data = space?.data
        return wanted.map((index) => {
          // A copy: the rest of the space is given back.
          const row = data === undefined ? window.get(index) : rowOf(data, index).slice()
          assert(row !== undefined, 'a wanted row is here')
          return row
        })
      }
      assert(space !== undefined, 'rows beyond the wanted ones have a place')
      await deps.restorer.restore({ k, n: code.n, rowBytes, ...space })
      deps.metrics.decoded()
      whole = space.data
      givesBack.push(giveBack)
      giveBack = () => {}
      return undefined
    } finally {
      giveBack()
    }
  }

  return {
    async payloadBytes(signal) {
      if (first === undefined) {
        if (wholeBytes <= WHOLE_BUNDLE_BYTES) whole ??= concat(await fetch(0, k, signal))
        first = (await fetch(0, 1, signal))[0]
      }
      assert(first !== undefined, 'row 0 was read')
      return readHeader(first, wholeBytes)
    },
    async *read(range, signal) {
      const rowsAtOnce = Math.max(1, Math.floor(READ_WINDOW_BYTES / rowBytes))
      const parts = cutWindows(range, { k, rowBytes, rowsAtOnce })
      const stop = new AbortController()
      const inner = AbortSignal.any([signal, stop.signal])
      const load = (part: Range | undefined) => {
        if (part === undefined) return undefined
        const { rowFirst, rowCount } = spanOf(part, code)
        const loading = fetch(rowFirst, rowCount, inner)
        loading.catch(() => {}) // awaited below, unless the consumer leaves
        return loading
      }
      let next = load(parts[0])
      try {
        for (const [at, part] of parts.entries()) {
          const rows = await next
          assert(rows !== undefined, 'each part is loaded')
          next = load(parts[at + 1])
          const bytes = cutRange(rows, part, code)
          for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES_MAX) {
            yield bytes.subarray(offset, offset + CHUNK_BYTES_MAX)
          }
        }
      } finally {
        stop.abort(new ZerogError('CANCELLED', { message: 'the reader has left' }))
        await next?.catch(() => {})
      }
    },
    rows: async (signal) => whole ?? concat(await fetch(0, k, signal)),
    close() {
      for (const giveBack of givesBack.splice(0)) giveBack()
    },
  }
}

function keepIn(space: Space, { index, row, k }: { readonly index: number; readonly row: Uint8Array; readonly k: number }): void {
  if (index >= k) {
    space.parity.set(index - k, row)
    return
  }
  space.data.set(row, index * row.length)
  space.present[index] = 1
}

/** Parts of a range that end where a row ends, at most `rowsAtOnce` rows each. */
function cutWindows(
  range: Range,
  { k, rowBytes, rowsAtOnce }: { readonly k: number; readonly rowBytes: number; readonly rowsAtOnce: number },
): Range[] {
  const parts: Range[] = []
  const end = range.offset + range.lengthBytes
  for (let offset = range.offset; offset < end; ) {
    const { rowFirst, skipBytes } = spanOf({ offset, lengthBytes: 1 }, { k, rowBytes })
    const rows = Math.min(rowsAtOnce, k - rowFirst)
    const lengthBytes = Math.min(end - offset, rows * rowBytes - skipBytes)
    parts.push({ offset, lengthBytes })
    offset += lengthBytes
  }
  return parts
}

function concat(rows: readonly Uint8Array[]): Uint8Array {
  const rowBytes = rows[0]?.length ?? 0
  const bytes = new Uint8Array(new SharedArrayBuffer(rows.length * rowBytes))
  for (const [index, row] of rows.entries()) bytes.set(row, index * rowBytes)
  return bytes
}

function insufficient(code: CodeContext, { have, silent, lied }: Gathered): ZerogError {
  return new ZerogError('ROWS_INSUFFICIENT', {
    message: `${have} distinct rows were found and any ${code.k} are needed: ${silent.length} members are silent, ${lied.length} sent wrong rows; try again when they are back`,
    metadata: {
      commitment: toHex(code.commitment),
      have: String(have),
      need: String(code.k),
      silent: String(silent.length),
      lied: String(lied.length),
    },
  })
}

import { erasureWasm } from './erasure.wasm.ts'
import { erasureRelaxedWasm } from './erasure-relaxed.wasm.ts'

/** What assembly/erasure.ts exports. Addresses are byte offsets into `memory`. */
type Exports = {
  readonly memory: WebAssembly.Memory
  readonly LOG: WebAssembly.Global
  readonly EXP: WebAssembly.Global
  readonly SKEW: WebAssembly.Global
  readonly ROW_PLACES: WebAssembly.Global
  readonly ROW_LOGS: WebAssembly.Global
  readonly COEFFICIENTS: WebAssembly.Global
  readonly SUMS: WebAssembly.Global
  readonly DATA: WebAssembly.Global
  readonly DATA_BYTES: WebAssembly.Global
  prepare(count: number): void
  encode(k: number, n: number, places: number, width: number): void
  restore(given: number, wanted: number, first: number, used: number, count: number, width: number): void
  combine(count: number, rowBytes: number, stride: number): void
}

/** Tables of GF(2^16): logarithms and powers of 65536 entries, 65535 factors of the transform. */
export type ErasureTables = { readonly log: Uint16Array; readonly exp: Uint16Array; readonly skew: Uint16Array }

/** A row that goes in or comes out, its place in the transform and the logarithm that it is multiplied by. */
export type PlacedRow = { readonly row: Uint8Array; readonly place: number; readonly log: number }

export type EncodeJob = {
  readonly k: number
  readonly n: number
  readonly places: number
  readonly rowBytes: number
  /** By default all bytes of each row. */
  readonly columns?: { readonly from: number; readonly to: number } | undefined
}

export type RestoreJob = {
  readonly given: readonly PlacedRow[]
  /** Their rows are written. */
  readonly wanted: readonly PlacedRow[]
  /** Original rows take the places from `first` to `used`; parity lies below. */
  readonly first: number
  readonly used: number
  /** Power of two that holds all places. */
  readonly count: number
  readonly rowBytes: number
}

/** Arithmetic of Leopard's code over GF(2^16) in 45 MiB of memory of its own, whatever the size of the rows. */
export type ErasureKernel = {
  /** Places of a transform that the kernel has room for. */
  readonly placesMax: number
  /** As `Engine.encode` of @zerog/erasure; `places` is the power of two that holds n, 2 * places <= placesMax. */
  encode(data: Uint8Array, parity: Uint8Array, job: EncodeJob): void
  restore(job: RestoreJob): void
  /** As `Engine.combine` of @zerog/erasure; rows of at most 32 KiB. */
  combine(rows: readonly Uint8Array[], rowBytes: number, coefficients: Uint16Array): Uint8Array
}

const PLACES_MAX = 32_768
const ROWS_COMBINED_MAX = 4_096
const CHUNK_BYTES = 64

/**
 * Compiles the kernel: with relaxed SIMD where the host has it, which changes the speed, not the result.
 * @param tables from the code's definition, so that they are written down once
 */
export function createErasureKernel(tables: ErasureTables, options: { readonly relaxed?: boolean } = {}): ErasureKernel {
  const relaxed = binary(erasureRelaxedWasm)
  const chosen = (options.relaxed ?? WebAssembly.validate(relaxed)) ? relaxed : binary(erasureWasm)
  const exports = new WebAssembly.Instance(new WebAssembly.Module(chosen)).exports as unknown as Exports // exactly these
  const memory = new Uint8Array(exports.memory.buffer)
  const data = exports.DATA.value as number
  const dataBytes = exports.DATA_BYTES.value as number
  const u16 = (address: WebAssembly.Global, length: number) => new Uint16Array(memory.buffer, address.value as number, length)
  u16(exports.LOG, 65_536).set(tables.log)
  u16(exports.EXP, 65_536).set(tables.exp)
  u16(exports.SKEW, 65_535).set(tables.skew)
  const rowLogs = u16(exports.ROW_LOGS, PLACES_MAX)
  const rowPlaces = new Uint32Array(memory.buffer, exports.ROW_PLACES.value as number, PLACES_MAX)
  const coefficientsIn = u16(exports.COEFFICIENTS, 16_384 * 8)
  const sums = memory.subarray(exports.SUMS.value as number, (exports.SUMS.value as number) + ROWS_COMBINED_MAX * 16)

  /** Calls `work` for stripes of columns, as wide as `rows` rows fit into the kernel. */
  const forStripes = (
    rows: number,
    { from, to }: { readonly from: number; readonly to: number },
    work: (column: number, width: number) => void,
  ): void => {
    const widest = Math.floor(dataBytes / rows / CHUNK_BYTES) * CHUNK_BYTES
    for (let column = from; column < to; column += widest) work(column, Math.min(widest, to - column))
  }

  return {
    placesMax: PLACES_MAX,
    encode(source, parity, { k, n, places, rowBytes, columns }) {
      exports.prepare(2 * places)
      forStripes(k + n, columns ?? { from: 0, to: rowBytes }, (column, width) => {
        copyIn(memory.subarray(data), source, { rows: k, rowBytes, column, width })
        exports.encode(k, n, places, width)
        copyOut(parity, memory.subarray(data + k * width), { rows: n, rowBytes, column, width })
      })
    },
    restore({ given, wanted, first, used, count, rowBytes }) {
      exports.prepare(count)
      for (const [index, { place, log }] of [...given, ...wanted].entries()) {
        rowPlaces[index] = place
        rowLogs[index] = log
      }
      forStripes(given.length + wanted.length, { from: 0, to: rowBytes }, (column, width) => {
        let at = data
        for (const { row } of given) {
          memory.set(row.subarray(column, column + width), at)
          at += width
        }
        exports.restore(given.length, wanted.length, first, used, count, width)
        for (const { row } of wanted) {
          row.set(memory.subarray(at, at + width), column)
          at += width
        }
      })
    },
    combine(rows, rowBytes, coefficients) {
      // Chunks of one column fall on different cache sets this way: row sizes are often powers of two.
      const stride = rowBytes + CHUNK_BYTES
      const atOnce = Math.min(ROWS_COMBINED_MAX, Math.floor(dataBytes / stride))
      const out = new Uint8Array(rows.length * 16)
      coefficientsIn.set(coefficients)
      for (let start = 0; start < rows.length; start += atOnce) {
        const part = rows.slice(start, start + atOnce)
        for (const [index, row] of part.entries()) memory.set(row, data + index * stride)
        exports.combine(part.length, rowBytes, stride)
        out.set(sums.subarray(0, part.length * 16), start * 16)
      }
      return out
    },
  }
}

type Stripe = { readonly rows: number; readonly rowBytes: number; readonly column: number; readonly width: number }

/** Stripe of rows of `rowBytes` to rows of `width`. */
function copyIn(target: Uint8Array, source: Uint8Array, { rows, rowBytes, column, width }: Stripe): void {
  if (width === rowBytes) target.set(source.subarray(0, rows * rowBytes))
  else for (let i = 0; i < rows; i++) target.set(source.subarray(i * rowBytes + column, i * rowBytes + column + width), i * width)
}

/** Rows of `width` to a stripe of rows of `rowBytes`. */
function copyOut(target: Uint8Array, source: Uint8Array, { rows, rowBytes, column, width }: Stripe): void {
  if (width === rowBytes) target.set(source.subarray(0, rows * rowBytes))
  else for (let i = 0; i < rows; i++) target.set(source.subarray(i * width, (i + 1) * width), i * rowBytes + column)
}

function binary(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

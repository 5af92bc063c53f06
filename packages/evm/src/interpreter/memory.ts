/** A frame's memory: grows by words, keeps its buffer when the next frame of this depth takes it over. */
export class Memory {
  bytes: Uint8Array = new Uint8Array(MEMORY_BYTES_FIRST)
  view: DataView = new DataView(this.bytes.buffer)
  /** Bytes in use, a multiple of 32; what lies behind may hold an older frame's bytes. */
  size = 0

  /** Gas to reach `end` (exclusive), at least one byte beyond `size`. */
  costOf(end: number): number {
    const words = Math.ceil(end / 32)
    const before = this.size / 32
    return 3 * (words - before) + Math.floor((words * words) / 512) - Math.floor((before * before) / 512)
  }

  expand(end: number): void {
    const size = Math.ceil(end / 32) * 32
    if (size > this.bytes.length) {
      const bytes = new Uint8Array(Math.max(size, 2 * this.bytes.length))
      bytes.set(this.bytes.subarray(0, this.size))
      this.bytes = bytes
      this.view = new DataView(bytes.buffer)
    } else {
      this.bytes.fill(0, this.size, size)
    }
    this.size = size
  }

  /** Brings a range into use and returns what that costs; leaves memory alone where it costs more than `gas`. */
  reach(offset: number, length: number, gas: number): number {
    if (length === 0 || offset + length <= this.size) return 0
    if (offset + length > MEMORY_BYTES_MAX) return Number.POSITIVE_INFINITY
    const cost = this.costOf(offset + length)
    if (cost <= gas) this.expand(offset + length)
    return cost
  }

  /** A copy of bytes in use. */
  slice(offset: number, length: number): Uint8Array {
    return length === 0 ? EMPTY : this.bytes.slice(offset, offset + length)
  }

  /** Copies what `source` has from `from` on, zeros where it has nothing. The range is in use. */
  copy(offset: number, source: Uint8Array, { from, length }: { readonly from: number; readonly length: number }): void {
    const available = Math.max(0, Math.min(length, source.length - from))
    if (available > 0) this.bytes.set(source.subarray(from, from + available), offset)
    if (available < length) this.bytes.fill(0, offset + available, offset + length)
  }

  clear(): void {
    this.size = 0
    if (this.bytes.length <= MEMORY_BYTES_KEPT) return
    this.bytes = new Uint8Array(MEMORY_BYTES_FIRST)
    this.view = new DataView(this.bytes.buffer)
  }
}

export const EMPTY: Uint8Array = new Uint8Array(0)

const MEMORY_BYTES_FIRST = 4_096
/** Per frame that waits to be used again; 64 of them in each of a few machines. */
const MEMORY_BYTES_KEPT = 65_536
/** 137 thousand million gas: more than any block has, so beyond it is out of gas also for calls that name a limit of their own. */
const MEMORY_BYTES_MAX = 268_435_456

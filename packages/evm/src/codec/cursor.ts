/**
 * Walks the items of an RLP list in place, without an object for each: transactions are read by the hundred thousand. It refuses what is
 * not canonical, so that whoever reads with it reads what `rlpDecode` reads, or nothing.
 */
export class RlpCursor {
  /** Content of the current item: from `from` to `end`. */
  from = 0
  end = 0
  isList = false
  #raw: Uint8Array = NOTHING
  #stop = 0

  /** Stands before the first item of the list at `offset`, which must be all that follows there. */
  open(raw: Uint8Array, offset: number): boolean {
    this.#raw = raw
    this.#stop = raw.length
    this.end = offset
    if (!this.next() || !this.isList || this.end !== raw.length) return false
    this.end = this.from
    return true
  }

  /** Goes to the next item; false at the end of the list and where an item is not canonical or longer than the list. */
  next(): boolean {
    const raw = this.#raw
    const stop = this.#stop
    const at = this.end
    if (at >= stop) return false
    const head = raw[at] as number
    this.isList = head >= 0xc0
    if (head < 0x80) {
      this.from = at
      this.end = at + 1
      return true
    }
    let length = head - (this.isList ? 0xc0 : 0x80)
    let from = at + 1
    if (length >= 56) {
      const bytes = length - 55
      if (bytes > 4 || from + bytes > stop || raw[from] === 0) return false
      length = 0
      for (let index = 0; index < bytes; index++) length = length * 256 + (raw[from + index] as number)
      if (length < 56) return false
      from += bytes
    }
    if (from + length > stop || (length === 1 && !this.isList && (raw[from] as number) < 0x80)) return false
    this.from = from
    this.end = from + length
    return true
  }

  /** Whether the list has no further item. */
  get isDone(): boolean {
    return this.end === this.#stop
  }
}

const NOTHING = new Uint8Array(0)

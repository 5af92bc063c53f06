import { lowerBound } from '../sorted-bytes.ts'

export type Place = {
  readonly segment: number
  /** Of the record, in bytes from the start of the file. */
  readonly offset: number
  readonly valueLength: number
  readonly sequence: number
}

/**
 * Where each key's value lies. A key costs its text, a slot in a Map and 20 bytes in columns: about 110 bytes for a 32-byte key.
 * An object per key would double that.
 */
export class IndexTable {
  readonly #slots = new Map<string, number>()
  readonly #free: number[] = []
  #segment = new Uint32Array(1024)
  #offset = new Uint32Array(1024)
  #length = new Uint32Array(1024)
  #sequence = new Float64Array(1024)
  #used = 0
  #sorted: string[] | undefined
  /** Of all values together. */
  sizeBytes = 0

  get count(): number {
    return this.#slots.size
  }

  has(key: string): boolean {
    return this.#slots.has(key)
  }

  get(key: string): Place | undefined {
    const slot = this.#slots.get(key)
    return slot === undefined ? undefined : this.#placeAt(slot)
  }

  set(key: string, place: Place): void {
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#grow()
      this.#slots.set(key, slot)
      this.#sorted = undefined
    } else {
      this.sizeBytes -= this.#length[slot] as number
    }
    this.#segment[slot] = place.segment
    this.#offset[slot] = place.offset
    this.#length[slot] = place.valueLength
    this.#sequence[slot] = place.sequence
    this.sizeBytes += place.valueLength
  }

  delete(key: string): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#free.push(slot)
    this.sizeBytes -= this.#length[slot] as number
    this.#sorted = undefined
  }

  *entries(): Generator<readonly [string, Place]> {
    for (const [key, slot] of this.#slots) yield [key, this.#placeAt(slot)]
  }

  /** Keys with the prefix in ascending order, as they are now. */
  sorted(prefix: string): readonly string[] {
    this.#sorted ??= [...this.#slots.keys()].sort()
    const sorted = this.#sorted
    const start = lowerBound(sorted, prefix)
    // No key holds the code unit 0xffff, so prefix + 0xffff is behind all that start with the prefix.
    const end = prefix === '' ? sorted.length : lowerBound(sorted, `${prefix}\uffff`)
    return sorted.slice(start, end)
  }

  #placeAt(slot: number): Place {
    return {
      segment: this.#segment[slot] as number,
      offset: this.#offset[slot] as number,
      valueLength: this.#length[slot] as number,
      sequence: this.#sequence[slot] as number,
    }
  }

  #grow(): number {
    if (this.#used === this.#segment.length) {
      const length = this.#used * 2
      this.#segment = copyInto(new Uint32Array(length), this.#segment)
      this.#offset = copyInto(new Uint32Array(length), this.#offset)
      this.#length = copyInto(new Uint32Array(length), this.#length)
      this.#sequence = copyInto(new Float64Array(length), this.#sequence)
    }
    return this.#used++
  }
}

function copyInto<T extends Uint32Array | Float64Array>(target: T, source: T): T {
  target.set(source)
  return target
}

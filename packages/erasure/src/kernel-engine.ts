import { createErasureKernel, type PlacedRow } from '@zerog/kernels'
import type { Engine } from './engine.ts'
import { at, fieldTables, MODULUS } from './field.ts'
import { errorLocator } from './locator.ts'
import { plainEngine } from './plain.ts'
import { ceilPowerOfTwo, type Layout } from './shape.ts'

/**
 * The code by the kernels of @zerog/kernels, in 45 MiB beside the rows. Codes beyond the network's (more than 16384 rows) fall back
 * to the plain form.
 * @param options.relaxed false refuses relaxed SIMD although the host has it
 */
export function createKernelEngine(options: { readonly relaxed?: boolean } = {}): Engine {
  const kernel = createErasureKernel(fieldTables(), options)
  return {
    encode(data, parity, layout, columns) {
      const places = ceilPowerOfTwo(layout.n)
      if (2 * places > kernel.placesMax) plainEngine.encode(data, parity, layout, columns)
      else kernel.encode(data, parity, { ...layout, places, columns })
    },
    restore(data, present, parity, layout) {
      const places = ceilPowerOfTwo(layout.n)
      const count = ceilPowerOfTwo(places + layout.k)
      if (count > kernel.placesMax) plainEngine.restore(data, present, parity, layout)
      else
        kernel.restore({
          ...placeRows(data, present, parity, layout),
          first: places,
          used: places + layout.k,
          count,
          rowBytes: layout.rowBytes,
        })
    },
    combine: kernel.combine,
  }
}

/** The k rows that are used: all originals, and only as much parity as is missing. */
function placeRows(data: Uint8Array, present: Uint8Array, parity: ReadonlyMap<number, Uint8Array>, layout: Layout) {
  const { k, n, rowBytes } = layout
  const missing = present.reduce((count, flag) => count + (flag === 1 ? 0 : 1), 0)
  const used = new Map([...parity].slice(0, missing))
  const locator = errorLocator(present, used, layout)
  const given: PlacedRow[] = []
  const wanted: PlacedRow[] = []
  for (const [index, row] of used) given.push({ row, place: index, log: at(locator, index) })
  const places = ceilPowerOfTwo(n)
  for (let i = 0; i < k; i++) {
    const row = data.subarray(i * rowBytes, (i + 1) * rowBytes)
    const log = at(locator, places + i)
    if (present[i] === 1) given.push({ row, place: places + i, log })
    else wanted.push({ row, place: places + i, log: MODULUS - log })
  }
  return { given, wanted }
}

import { at, fieldTables, MODULUS, walshTransform } from './field.ts'
import { ceilPowerOfTwo, type Shape } from './shape.ts'

/**
 * Logarithms of the error locator at each of the 65536 positions: 0..n parity, m..m + k originals where m is the power of two that
 * holds the parity rows (reference 2.8). Depends only on which rows are there.
 * @param present k entries, 1 where the original row is there
 */
export function errorLocator(present: Uint8Array, parity: ReadonlyMap<number, unknown>, { k, n }: Shape): Uint16Array {
  const parityPlaces = ceilPowerOfTwo(n)
  const locator = new Uint16Array(MODULUS + 1)
  for (let i = 0; i < parityPlaces; i++) locator[i] = parity.has(i) ? 0 : 1
  for (let i = 0; i < k; i++) locator[parityPlaces + i] = present[i] === 1 ? 0 : 1
  walshTransform(locator)
  const { logWalsh } = fieldTables()
  for (let i = 0; i <= MODULUS; i++) locator[i] = (at(locator, i) * at(logWalsh, i)) % MODULUS
  walshTransform(locator)
  return locator
}

import { assert } from '@zerog/primitives'

/**
 * The part of a key's budget that this router may spend, wei. Answers that run reserve the most that they can cost; what they did cost
 * is taken off when they end. Never below zero at any moment, so concurrent answers cannot overspend together.
 */
export type Purse = {
  /** Granted by the store and not spent yet. */
  readonly granted: bigint
  /** Of it, promised to answers that run. */
  readonly reserved: bigint
}

export const EMPTY_PURSE: Purse = { granted: 0n, reserved: 0n }

/** undefined: not enough is granted. */
export function reserve(purse: Purse, amount: bigint): Purse | undefined {
  assert(amount >= 0n, 'a reservation is not negative')
  return purse.reserved + amount > purse.granted ? undefined : { ...purse, reserved: purse.reserved + amount }
}

export function grant(purse: Purse, amount: bigint): Purse {
  return { ...purse, granted: purse.granted + amount }
}

/** Ends a reservation. A provider that charges beyond it is refused before this. */
export function settle(purse: Purse, reservation: bigint, cost: bigint): Purse {
  assert(cost >= 0n && cost <= reservation && reservation <= purse.reserved, 'an answer costs at most what it reserved')
  return { granted: purse.granted - cost, reserved: purse.reserved - reservation }
}

/** How much to ask of the store: what is missing now, and an eighth of the rest so that it is not asked every time. */
export function wanted(purse: Purse, amount: bigint, remaining: bigint): bigint {
  const missing = purse.reserved + amount - purse.granted
  const more = missing + remaining / 8n
  return more < remaining ? more : remaining > missing ? remaining : missing
}

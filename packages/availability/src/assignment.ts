import { sha256 } from '@zerog/kernels'
import { assert, concatBytes, toHex } from '@zerog/primitives'
import type { Committee, Member } from './committee.ts'
import { ORDERS_KEPT_MAX, ROWS_CHECKED } from './limits.ts'
import { permutation } from './permutation.ts'

/**
 * Who keeps which rows of one bundle. All rows are dealt, each to one member, by stake: any third of the stake holds K distinct dealt rows.
 * A member with fewer than 148 gets more of the others' rows on top, so that its check of the encoding is sound; those never count for
 * reconstruction.
 */
export type Assignment = {
  /** Original and parity rows. */
  readonly rowCount: number
  /** Rows that only this member must keep, a copy. */
  dealt(member: number): Uint32Array
  /** Rows that it keeps besides, a copy; empty for most. */
  topUp(member: number): Uint32Array
  /** Both, dealt ones first, a copy: what the member receives and signs for. */
  rows(member: number): Uint32Array
  /** Whom the row was dealt to. */
  owner(row: number): number
}

const DOMAIN = new TextEncoder().encode('zerog/da/assign/v1')

/**
 * Deals the rows of a bundle. About 6 ms for 16,384 rows: keep it while the bundle is worked on.
 * @param bundle its commitment, and its original and parity rows
 */
export function assignRows(
  committee: Pick<Committee, 'members' | 'seed'>,
  bundle: { readonly commitment: Uint8Array; readonly k: number; readonly n: number },
): Assignment {
  const rowCount = bundle.k + bundle.n
  const cuts = cutsOf(dealCounts(committee.members, rowCount))
  const order = orderOf(rowCount, assignmentSeed(bundle.commitment, committee.seed))
  let places: Uint32Array | undefined
  const cut = (member: number): readonly [number, number] => {
    assert(Number.isInteger(member) && member >= 0 && member < committee.members.length, 'a member of the committee')
    return [cuts[member] as number, cuts[member + 1] as number]
  }
  const keeps = (member: number): Uint32Array => {
    const [first, last] = cut(member)
    const count = Math.max(last - first, Math.min(ROWS_CHECKED, rowCount))
    return Uint32Array.from({ length: count }, (_, index) => order[(first + index) % rowCount] as number)
  }
  return {
    rowCount,
    dealt: (member) => order.slice(...cut(member)),
    topUp(member) {
      const [first, last] = cut(member)
      return keeps(member).slice(last - first)
    },
    rows: keeps,
    owner(row) {
      assert(Number.isInteger(row) && row >= 0 && row < rowCount, 'a row of the bundle')
      places ??= inverse(order)
      return memberAt(cuts, places[row] as number)
    },
  }
}

const orders = new Map<string, Uint32Array>()

/**
 * The permutation, kept for the bundles that came last: it depends on nothing but its arguments, and everybody in a process who works on a
 * bundle asks for the same one. Only copies of it are handed out.
 */
function orderOf(rowCount: number, seed: Uint8Array): Uint32Array {
  const key = `${rowCount}/${toHex(seed)}`
  const order = orders.get(key) ?? permutation(rowCount, seed)
  orders.delete(key)
  orders.set(key, order)
  if (orders.size > ORDERS_KEPT_MAX) orders.delete(orders.keys().next().value as string) // the oldest; the map is not empty
  return order
}

/** sha256(domain ‖ commitment ‖ epoch seed): nobody knows the rows of a member before both are fixed. */
export function assignmentSeed(commitment: Uint8Array, epochSeed: Uint8Array): Uint8Array {
  return sha256(concatBytes(DOMAIN, commitment, epochSeed))
}

/**
 * How many of `rowCount` rows each member gets: floor of its share, and the rest one by one to the largest remainders, ties to the lower
 * index. A set of m members with a third of the stake gets more than rowCount / 3 - m rows, hence K of 4K while m is at most K / 3.
 */
export function dealCounts(members: readonly Pick<Member, 'stake'>[], rowCount: number): number[] {
  const total = members.reduce((sum, { stake }) => sum + stake, 0n)
  assert(total > 0n, 'a committee has stake')
  const shares = members.map(({ stake }) => BigInt(rowCount) * stake)
  const counts = shares.map((share) => Number(share / total))
  const left = rowCount - counts.reduce((sum, count) => sum + count, 0)
  const remainders = shares.map((share, member) => ({ member, rest: share % total }))
  remainders.sort((a, b) => (a.rest === b.rest ? a.member - b.member : a.rest > b.rest ? -1 : 1))
  for (const { member } of remainders.slice(0, left)) counts[member] = (counts[member] as number) + 1
  return counts
}

/** Where each member's places begin, and the end. */
function cutsOf(counts: readonly number[]): number[] {
  const cuts = [0]
  for (const count of counts) cuts.push((cuts.at(-1) as number) + count)
  return cuts
}

function inverse(order: Uint32Array): Uint32Array {
  const places = new Uint32Array(order.length)
  order.forEach((row, place) => {
    places[row] = place
  })
  return places
}

/** The last member whose cut begins at or before `place`; members without places begin where the next one does. */
function memberAt(cuts: readonly number[], place: number): number {
  let low = 0
  let high = cuts.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((cuts[middle] as number) <= place) low = middle
    else high = middle
  }
  return low
}

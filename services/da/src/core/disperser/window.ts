/**
 * storing: some rows are not there yet; asked: its signature is on the way; signed: here, not verified; proven: part of a verified sum;
 * out: it failed or lied, or its rows never arrived.
 */
export type MemberState = 'storing' | 'asked' | 'signed' | 'proven' | 'out'

/** Signatures of a committee over the bundles of one window. Changed in place. */
export type Window = {
  readonly id: string
  readonly epoch: bigint
  readonly committee: number
  readonly bundleIds: readonly string[]
  readonly stakes: readonly bigint[]
  readonly members: MemberState[]
  /** A verification runs: signatures that come meanwhile wait for the next one. */
  verifying: boolean
  /** The certificate exists; collecting goes on until then to enlarge it. */
  graceUntilMs: number | undefined
  closed: boolean
}

export type WindowEffect =
  | { readonly kind: 'ask'; readonly windowId: string; readonly member: number }
  /** Aggregates the signatures of these members and verifies the sum; where it is wrong, bisects. */
  | { readonly kind: 'verify'; readonly windowId: string; readonly members: readonly number[] }
  /** No further signatures: `certified` tells whether two thirds of the stake signed. */
  | { readonly kind: 'close'; readonly windowId: string; readonly certified: boolean }

export function hasQuorum(stakes: readonly bigint[], isIn: (member: number) => boolean): boolean {
  let signed = 0n
  let total = 0n
  for (const [member, stake] of stakes.entries()) {
    total += stake
    if (isIn(member)) signed += stake
  }
  return signed > 0n && 3n * signed >= 2n * total
}

export function openWindow(given: Pick<Window, 'id' | 'epoch' | 'committee' | 'bundleIds' | 'stakes'>): Window {
  return { ...given, members: given.stakes.map(() => 'storing'), verifying: false, graceUntilMs: undefined, closed: false }
}

/** Every row of every bundle that belongs to the member is durable there. */
export function memberStored(window: Window, member: number): WindowEffect[] {
  if (window.closed || window.members[member] !== 'storing') return []
  window.members[member] = 'asked'
  return [{ kind: 'ask', windowId: window.id, member }]
}

/** It will not sign: its rows did not arrive, or it refused, or it did not answer in time. */
export function memberFailed(window: Window, member: number): WindowEffect[] {
  const state = window.members[member]
  if (window.closed || state === undefined || state === 'signed' || state === 'proven') return []
  window.members[member] = 'out'
  return settle(window)
}

export function memberSigned(window: Window, member: number): WindowEffect[] {
  if (window.closed || window.members[member] !== 'asked') return []
  window.members[member] = 'signed'
  return settle(window)
}

/** The sum of `proven` is right; `liars` gave signatures that are not theirs or not over this window. */
export function sumVerified(
  window: Window,
  outcome: {
    readonly proven: readonly number[]
    readonly liars: readonly number[]
    readonly nowMs: number
    readonly graceMs: number
  },
): WindowEffect[] {
  if (window.closed) return []
  window.verifying = false
  for (const member of outcome.proven) window.members[member] = 'proven'
  for (const member of outcome.liars) window.members[member] = 'out'
  if (isCertified(window)) window.graceUntilMs ??= outcome.nowMs + outcome.graceMs
  return settle(window)
}

export function graceOver(window: Window, nowMs: number): WindowEffect[] {
  if (window.closed || window.graceUntilMs === undefined || nowMs < window.graceUntilMs) return []
  for (const [member, state] of window.members.entries()) {
    if (state === 'storing' || state === 'asked') window.members[member] = 'out'
  }
  return settle(window)
}

export function isCertified(window: Window): boolean {
  return hasQuorum(window.stakes, (member) => window.members[member] === 'proven')
}

/** One verification for many signatures: at the threshold, and once more when the last one is here. */
function settle(window: Window): WindowEffect[] {
  if (window.verifying) return []
  const of = (...states: readonly MemberState[]) =>
    [...window.members.keys()].filter((member) => states.includes(window.members[member] as MemberState))
  const isOpen = of('storing', 'asked').length > 0
  const given = of('signed', 'proven')
  const reaches = hasQuorum(window.stakes, (member) => given.includes(member))
  if (of('signed').length > 0 && reaches && (!isCertified(window) || !isOpen)) {
    window.verifying = true
    return [{ kind: 'verify', windowId: window.id, members: given }]
  }
  if (isOpen) return []
  window.closed = true
  return [{ kind: 'close', windowId: window.id, certified: isCertified(window) }]
}

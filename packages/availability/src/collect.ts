import type { Multisignature } from '@zerog/consensus'
import { assert } from '@zerog/primitives'
import { bitmapOf, type Certificate } from './certificate.ts'
import type { Committee } from './committee.ts'
import { type Window, windowMessage } from './statement.ts'

/** Signatures over one window by member. */
export type Signatures = ReadonlyMap<number, Uint8Array>

/**
 * Adds the signatures and verifies the sum once; only where that fails it looks for the bad ones. Whether the stake is enough is the
 * caller's question (`reachesThreshold`), before and after.
 * @param signatures of at least one member, by its index
 */
export function certify(
  window: Window,
  signatures: Signatures,
  deps: { readonly committee: Committee; readonly multisignature: Multisignature },
): { readonly certificate: Certificate } | { readonly invalid: readonly number[] } {
  const check = checkerOf(window, signatures, deps)
  const signers = [...signatures.keys()].sort((a, b) => a - b)
  assert(signers.length > 0, 'somebody signed')
  const signature = check(signers)
  if (signature === undefined) return { invalid: halve(signers, check) }
  return { certificate: { ...window, bitmap: bitmapOf(signers, deps.committee.members.length), signature } }
}

/** Members whose signature does not verify: b bad ones of n cost about 2 b log2(n / b) checks instead of n. */
export function findInvalid(
  window: Window,
  signatures: Signatures,
  deps: { readonly committee: Committee; readonly multisignature: Multisignature },
): readonly number[] {
  const check = checkerOf(window, signatures, deps)
  const signers = [...signatures.keys()].sort((a, b) => a - b)
  return signers.length === 0 || check(signers) !== undefined ? [] : halve(signers, check)
}

/** The sum of some members' signatures if it verifies. */
type Checker = (signers: readonly number[]) => Uint8Array | undefined

function checkerOf(
  window: Window,
  signatures: Signatures,
  { committee, multisignature }: { readonly committee: Committee; readonly multisignature: Multisignature },
): Checker {
  const message = windowMessage(window)
  return (signers) => {
    const keys = signers.map((signer) => {
      const key = committee.publicKeys[signer]
      assert(key !== undefined, 'signers are members')
      return key
    })
    const sum = multisignature.aggregate(signers.map((signer) => signatures.get(signer) as Uint8Array))
    return sum !== undefined && multisignature.verify(keys, message, sum) ? sum : undefined
  }
}

/** The bad ones among signers whose sum does not verify. */
function halve(signers: readonly number[], check: Checker): number[] {
  if (signers.length === 1) return [...signers]
  const middle = signers.length >> 1
  const halves = [signers.slice(0, middle), signers.slice(middle)]
  return halves.flatMap((half) => (check(half) === undefined ? halve(half, check) : []))
}

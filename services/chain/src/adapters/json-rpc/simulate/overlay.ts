import type { StateOverrides } from '@zerog/evm'
import type { Hex } from '@zerog/primitives'
import { word } from '../format/hex.ts'

type AccountOverride = StateOverrides[Hex]

/** An account in the answer of geth's prestateTracer. */
export type PrestateAccount = {
  readonly balance?: Hex
  readonly nonce?: number
  readonly code?: Hex
  readonly storage?: Readonly<Record<Hex, Hex>>
}

/** The answer of the prestateTracer in diff mode: what a call read of what it changed, and what it left. */
export type StateDiff = {
  readonly pre: Readonly<Record<Hex, PrestateAccount>>
  readonly post: Readonly<Record<Hex, PrestateAccount>>
}

/** Lays `over` on `under`: single slots over slots, whole storage instead of everything below. */
export function mergeOverrides(under: StateOverrides, over: StateOverrides): StateOverrides {
  const out: Record<Hex, AccountOverride> = { ...under }
  for (const [key, top] of Object.entries(over)) {
    const address = key as Hex
    const bottom = out[address]
    out[address] = bottom === undefined ? top : mergeAccount(bottom, top)
  }
  return out
}

function mergeAccount(under: AccountOverride, over: AccountOverride): AccountOverride {
  const { state, stateDiff, ...rest } = over
  const { state: stateBelow, stateDiff: diffBelow, ...restBelow } = under
  const fields = { ...restBelow, ...rest }
  if (state !== undefined) return { ...fields, state }
  if (stateBelow !== undefined) return { ...fields, state: { ...stateBelow, ...stateDiff } }
  const slots = { ...diffBelow, ...stateDiff }
  return Object.keys(slots).length === 0 ? fields : { ...fields, stateDiff: slots }
}

/** What a call changed, as overrides for the next. An account that is gone is empty; a slot that is gone is zero. */
export function overridesOf({ pre, post }: StateDiff): StateOverrides {
  const out: Record<Hex, AccountOverride> = {}
  for (const [key, before] of Object.entries(pre)) {
    const address = key as Hex
    const after = post[address]
    if (after === undefined) {
      out[address] = { balance: 0n, nonce: 0n, code: '0x', state: {} }
      continue
    }
    const cleared = Object.keys(before.storage ?? {}).filter((slot) => after.storage?.[slot as Hex] === undefined)
    out[address] = changed(after, cleared as Hex[])
  }
  for (const [key, after] of Object.entries(post)) if (pre[key as Hex] === undefined) out[key as Hex] = changed(after, [])
  return out
}

function changed(after: PrestateAccount, cleared: readonly Hex[]): AccountOverride {
  const stateDiff = { ...Object.fromEntries(cleared.map((slot) => [slot, word(0n)])), ...after.storage }
  return {
    ...(after.balance === undefined ? {} : { balance: BigInt(after.balance) }),
    ...(after.nonce === undefined ? {} : { nonce: BigInt(after.nonce) }),
    ...(after.code === undefined ? {} : { code: after.code }),
    ...(Object.keys(stateDiff).length === 0 ? {} : { stateDiff }),
  }
}

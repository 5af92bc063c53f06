import { bytesToBigint, fromHex, type Hex, toHex } from '@zerog/primitives'
import { createAddress, createAddress2 } from '../codec/transaction.ts'
import { delegationOf } from '../engine/delegation.ts'
import type { Engine } from '../engine/engine.ts'
import { type MessageRequest, recoverAuthority } from '../engine/transition.ts'
import type { BlockEnvironment, TracerConfig } from '../executor.ts'
import { stateKey } from '../state/world-state.ts'
import { addressOf, type FrameStart, memorySlice, quantityOf, type Step, wordOf } from './hooks.ts'
import type { Tracer } from './tracer.ts'

type Seen = { balance: bigint; nonce: bigint; code: Uint8Array; readonly storage: Map<Hex, bigint>; readonly empty: boolean }
type Printed = { balance?: Hex; code?: Hex; nonce?: number; storage?: Record<Hex, Hex> }

/** geth's prestateTracer (eth/tracers/native/prestate.go): what the transaction needed to know, and with diffMode what it changed. */
export function createPrestateTracer(
  config: Extract<TracerConfig, { tracer: 'prestateTracer' }>,
  run: { readonly engine: Engine; readonly message: MessageRequest; readonly environment: BlockEnvironment },
): Tracer {
  const { message, environment } = run
  const { state } = run.engine
  const pre = new Map<Hex, Seen>()
  const created = new Set<Hex>()
  const deleted = new Set<Hex>()

  const read = (address: Hex): Seen => {
    const account = state.account(stateKey(address))
    const code = account === undefined ? new Uint8Array(0) : state.code(account.codeHash)
    const { balance = 0n, nonce = 0n } = account ?? {}
    return { balance, nonce, code, storage: new Map(), empty: balance === 0n && nonce === 0n && code.length === 0 }
  }
  const lookup = (address: Hex): Seen => {
    const known = pre.get(address)
    if (known !== undefined) return known
    const seen = read(address)
    pre.set(address, seen)
    return seen
  }
  const slotValue = (address: Hex, slot: Hex): bigint => bytesToBigint(state.storage(stateKey(address), stateKey(slot)))
  const lookupSlot = (address: Hex, slot: Hex): void => {
    const { storage } = lookup(address)
    if (!storage.has(slot)) storage.set(slot, slotValue(address, slot))
  }

  // Before the first change: the tracer is made before the transaction is applied.
  lookup(message.from)
  if (message.to === null) {
    const address = toHex(createAddress(fromHex(message.from), state.account(stateKey(message.from))?.nonce ?? 0n))
    lookup(address)
    created.add(address)
  } else {
    const { code } = lookup(message.to)
    const delegated = delegationOf(code)
    if (delegated !== undefined) lookup(toHex(delegated))
  }
  lookup(environment.beneficiary)
  for (const authorization of message.authorizations ?? []) {
    const authority = recoverAuthority(authorization)
    if (authority !== undefined) lookup(authority)
  }

  const step = ({ code, stack, address, memory }: Step): void => {
    const top = (index: number): bigint => stack.at(-1 - index) ?? 0n
    if (code === 0x54 || code === 0x55) {
      if (stack.length > 0) lookupSlot(address, wordOf(top(0)))
    } else if (code === 0x3b || code === 0x3c || code === 0x3f || code === 0x31 || code === 0xff) {
      if (stack.length > 0) lookup(addressOf(top(0)))
      if (code === 0xff) deleted.add(address)
    } else if (code === 0xf1 || code === 0xf2 || code === 0xf4 || code === 0xfa) {
      if (stack.length < 5) return
      const delegated = delegationOf(lookup(addressOf(top(1))).code)
      if (delegated !== undefined) lookup(toHex(delegated))
    } else if (code === 0xf0) {
      addCreated(toHex(createAddress(fromHex(address), state.account(stateKey(address))?.nonce ?? 0n)))
    } else if (code === 0xf5 && stack.length >= 4) {
      const initCode = memorySlice(memory, top(1), top(2))
      addCreated(toHex(createAddress2(fromHex(address), fromHex(wordOf(top(3))), initCode)))
    }
  }
  const addCreated = (address: Hex): void => {
    lookup(address)
    created.add(address)
  }
  const enter = ({ type, to }: FrameStart): void => {
    if (type === 'SELFDESTRUCT' && to !== undefined) lookup(to)
  }

  return {
    hooks: { enter, step },
    result: () => {
      const post = config.diffMode === true ? diff() : undefined
      for (const address of created) if (pre.get(address)?.empty === true) pre.delete(address)
      const before = Object.fromEntries(
        [...pre].filter(([, seen]) => !seen.empty).map(([address, seen]) => [address, print(seen)]),
      )
      return post === undefined ? before : { post, pre: before }
    },
  }

  /** Leaves in `pre` what changed and returns how it is now. */
  function diff(): Record<Hex, Printed> {
    const post: Record<Hex, Printed> = {}
    for (const [address, before] of [...pre]) {
      const now = read(address)
      const gone = deleted.has(address) && now.empty && !before.empty
      if (gone) continue
      const changed: Printed = {}
      if (now.balance !== before.balance) changed.balance = quantityOf(now.balance)
      if (now.nonce !== before.nonce) changed.nonce = Number(now.nonce)
      if (toHex(now.code) !== toHex(before.code)) changed.code = toHex(now.code)
      const storage: Record<Hex, Hex> = {}
      let slotsChanged = false
      for (const [slot, value] of [...before.storage]) {
        const current = slotValue(address, slot)
        if (value === 0n || value === current) before.storage.delete(slot)
        if (value === current) continue
        slotsChanged = true
        if (current !== 0n) storage[slot] = wordOf(current)
      }
      if (Object.keys(storage).length > 0) changed.storage = storage
      if (Object.keys(changed).length > 0 || slotsChanged) post[address] = changed
      else pre.delete(address)
    }
    return post
  }
}

function print({ balance, nonce, code, storage }: Seen): Printed {
  return {
    balance: quantityOf(balance),
    ...(code.length > 0 && { code: toHex(code) }),
    ...(nonce > 0n && { nonce: Number(nonce) }),
    ...(storage.size > 0 && { storage: Object.fromEntries([...storage].map(([slot, value]) => [slot, wordOf(value)])) }),
  }
}

import type { Hex } from '@zerog/primitives'
import type { DevControls } from '../../../app/chain-backend.ts'
import { bool, type Codec } from '../codecs/decode.ts'
import { address, bytes, hexOrDecimal } from '../codecs/hex.ts'
import { invalidParams, methodNotFound } from '../errors.ts'
import { quantity, word } from '../format/hex.ts'
import { type Method, type MethodContext, method, optional, required } from '../method.ts'

/**
 * What Hardhat, Anvil and Ganache call time travel, snapshots and impersonation, under each of their names. They exist only
 * in `zerog up --chain-only`: other layers rely on finality.
 */
export const devMethods: Readonly<Record<string, Method>> = named({
  mine: {
    names: ['hardhat_mine', 'anvil_mine'],
    method: method([optional(amount, 1n), optional(amount)], async (context, blocks, intervalSeconds) => {
      await mine(context, blocks, intervalSeconds)
      return null
    }),
  },
  mineOne: {
    names: ['evm_mine'],
    method: method([optional(mineOptions)], async (context, options = {}) => {
      if (options.timestamp !== undefined) await dev(context).setNextBlockTimestamp(options.timestamp)
      await mine(context, options.blocks ?? 1n, undefined)
      return '0x0'
    }),
  },
  snapshot: {
    names: ['evm_snapshot', 'anvil_snapshot'],
    method: method([], async (context) => quantity(await dev(context).snapshot())),
  },
  revert: {
    names: ['evm_revert', 'anvil_revert'],
    method: method([required(amount)], (context, id) => dev(context).revert(id)),
  },
  increaseTime: {
    names: ['evm_increaseTime', 'anvil_increaseTime'],
    // Hardhat answers in decimal text, and its helpers parse that.
    method: method([required(amount)], async (context, seconds) => (await dev(context).increaseTime(seconds)).toString()),
  },
  setNextBlockTimestamp: {
    names: ['evm_setNextBlockTimestamp', 'anvil_setNextBlockTimestamp'],
    method: method([required(amount)], async (context, seconds) => {
      await dev(context).setNextBlockTimestamp(seconds)
      return null
    }),
  },
  setBalance: {
    names: ['hardhat_setBalance', 'anvil_setBalance', 'evm_setAccountBalance'],
    method: method([required(address), required(amount)], async (context, account, balance) => {
      await dev(context).setBalance(account, balance)
      return true
    }),
  },
  setCode: {
    names: ['hardhat_setCode', 'anvil_setCode', 'evm_setAccountCode'],
    method: method([required(address), required(bytes)], async (context, account, code) => {
      await dev(context).setCode(account, code)
      return true
    }),
  },
  setNonce: {
    names: ['hardhat_setNonce', 'anvil_setNonce', 'evm_setAccountNonce'],
    method: method([required(address), required(amount)], async (context, account, nonce) => {
      await dev(context).setNonce(account, nonce)
      return true
    }),
  },
  setStorageAt: {
    names: ['hardhat_setStorageAt', 'anvil_setStorageAt', 'evm_setAccountStorageAt'],
    method: method([required(address), required(amount), required(amount)], async (context, account, slot, value) => {
      await dev(context).setStorageAt(account, word(slot), word(value))
      return true
    }),
  },
  impersonate: {
    names: ['hardhat_impersonateAccount', 'anvil_impersonateAccount'],
    method: method([required(address)], (context, account) => impersonate(context, account, true)),
  },
  stopImpersonating: {
    names: ['hardhat_stopImpersonatingAccount', 'anvil_stopImpersonatingAccount'],
    method: method([required(address)], (context, account) => impersonate(context, account, false)),
  },
  setAutomine: {
    names: ['evm_setAutomine', 'anvil_setAutomine'],
    method: method([required(bool)], async (context, on) => {
      await dev(context).setAutomine(on)
      return true
    }),
  },
  setIntervalMining: {
    names: ['evm_setIntervalMining', 'anvil_setIntervalMining'],
    method: method([required(amount)], async (context, interval) => {
      await dev(context).setIntervalMining(Number(interval))
      return true
    }),
  },
})

/** Prefixes that belong to development nodes: what we do not have of them is refused with the same hint. */
export const DEV_PREFIXES = ['evm_', 'hardhat_', 'anvil_']

export const DEV_HINT = 'start the devnet with `zerog up --chain-only` to have it'

const BLOCKS_MAX = 100_000n

type Group = { readonly names: readonly string[]; readonly method: Method }

function named(groups: Readonly<Record<string, Group>>): Record<string, Method> {
  return Object.fromEntries(Object.values(groups).flatMap(({ names, method }) => names.map((name) => [name, method] as const)))
}

function dev({ backend }: MethodContext): DevControls {
  // The registry does not offer these methods without it.
  if (backend.dev === undefined) throw methodNotFound('of development nodes', DEV_HINT)
  return backend.dev
}

async function mine(context: MethodContext, blocks: bigint, intervalSeconds: bigint | undefined): Promise<void> {
  const controls = dev(context)
  if (blocks > BLOCKS_MAX) throw invalidParams(`cannot mine more than ${BLOCKS_MAX} blocks at once`)
  if (intervalSeconds === undefined) return controls.mine(Number(blocks))
  for (let mined = 0n; mined < blocks; mined++) {
    context.signal.throwIfAborted()
    const { timestampSeconds } = context.backend.head().header
    if (mined > 0n) await controls.setNextBlockTimestamp(timestampSeconds + intervalSeconds)
    await controls.mine(1)
  }
}

async function impersonate(context: MethodContext, account: Hex, on: boolean): Promise<true> {
  await dev(context).impersonate(account, on)
  return true
}

/** Tools send numbers, decimal text, quantities and padded words alike: any non-negative integer of at most 256 bits. */
function amount(value: unknown): bigint {
  if (typeof value === 'string' && /^0[xX][0-9a-fA-F]{1,64}$/.test(value)) return BigInt(value)
  const decode: Codec<bigint> = hexOrDecimal
  return decode(value)
}

/** Nothing, a timestamp, or Ganache's {timestamp, blocks}. */
function mineOptions(value: unknown): { readonly timestamp?: bigint; readonly blocks?: bigint } {
  if (typeof value !== 'object' || value === null) return { timestamp: amount(value) }
  const { timestamp, blocks } = value as { readonly timestamp?: unknown; readonly blocks?: unknown }
  return {
    ...(timestamp === undefined || timestamp === null ? {} : { timestamp: amount(timestamp) }),
    ...(blocks === undefined || blocks === null ? {} : { blocks: amount(blocks) }),
  }
}

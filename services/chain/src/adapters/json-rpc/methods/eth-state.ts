import type { Hex } from '@zerog/primitives'
import { blockNumberOrHash, LATEST } from '../codecs/block.ts'
import { array, type Codec, DecodeError, record, text } from '../codecs/decode.ts'
import { address, parseSlot, type Slot } from '../codecs/hex.ts'
import { invalidParams } from '../errors.ts'
import { quantity } from '../format/hex.ts'
import { type Method, type MethodContext, method, optional, required } from '../method.ts'
import { requireBlock } from '../state-at.ts'
import { isPending } from './eth-blocks.ts'

const block = optional(blockNumberOrHash, LATEST)
const strings = array(text, '[]string', { lengthMax: 100_000 })

/** Accounts, code and storage at any block since genesis. `pending` reads the newest state; only nonces count the pool. */
export const ethStateMethods: Readonly<Record<string, Method>> = {
  eth_getBalance: method([required(address), block], async ({ backend }, account, ref) => {
    const { stateRoot } = requireBlock(backend, ref).header
    return quantity((await backend.executor.account(stateRoot, account))?.balance ?? 0n)
  }),
  eth_getTransactionCount: method([required(address), block], async ({ backend }, account, ref) => {
    if (isPending(ref)) return quantity(await backend.pendingNonce(account))
    const { stateRoot } = requireBlock(backend, ref).header
    return quantity((await backend.executor.account(stateRoot, account))?.nonce ?? 0n)
  }),
  eth_getCode: method([required(address), block], ({ backend }, account, ref) =>
    backend.executor.code(requireBlock(backend, ref).header.stateRoot, account),
  ),
  eth_getStorageAt: method([required(address), required(text), block], ({ backend }, account, key, ref) => {
    const slot = slotOf(key)
    return backend.executor.storage(requireBlock(backend, ref).header.stateRoot, account, slot.key)
  }),
  eth_getStorageValues: method([required(slotsByAddress), block], (context, slots, ref) => storageValues(context, slots, ref)),
  eth_getProof: method([required(address), required(strings), block], async ({ backend, limits }, account, keys, ref) => {
    checkCount(keys.length, limits.slotsMax)
    const slots = keys.map(slotOf)
    const { stateRoot } = requireBlock(backend, ref).header
    const proof = await backend.executor.proof(
      stateRoot,
      account,
      slots.map(({ key }) => key),
    )
    return {
      address: proof.address,
      accountProof: proof.accountProof,
      balance: quantity(proof.balance),
      codeHash: proof.codeHash,
      nonce: quantity(proof.nonce),
      storageHash: proof.storageHash,
      storageProof: proof.storageProof.map(({ key, value, proof: nodes }, index) => ({
        // A key that was not written as 32 bytes comes back as a quantity.
        key: slots[index]?.short === true ? quantity(BigInt(key)) : key,
        value: quantity(value),
        proof: nodes,
      })),
    }
  }),
}

type SlotsByAddress = readonly (readonly [Hex, readonly string[]])[]

function slotsByAddress(value: unknown): SlotsByAddress {
  const decodeKeys: Codec<readonly string[]> = strings
  return Object.entries(record(value, 'map[common.Address][]string')).map(([account, keys]) => {
    if (keys === null) throw new DecodeError('null is not a list of slots')
    return [address(account), decodeKeys(keys)] as const
  })
}

async function storageValues(
  { backend, limits }: MethodContext,
  request: SlotsByAddress,
  ref: Parameters<typeof requireBlock>[1],
): Promise<Record<Hex, Hex[]>> {
  const count = request.reduce((sum, [, keys]) => sum + keys.length, 0)
  if (count === 0) throw invalidParams('empty request')
  checkCount(count, limits.slotsMax)
  const { stateRoot } = requireBlock(backend, ref).header
  const values: Record<Hex, Hex[]> = {}
  for (const [account, keys] of request) {
    values[account] = []
    for (const key of keys) values[account].push(await backend.executor.storage(stateRoot, account, slotOf(key).key))
  }
  return values
}

function slotOf(key: string): Slot {
  const slot = parseSlot(key)
  if (typeof slot === 'string') throw invalidParams(slot)
  return slot
}

function checkCount(count: number, countMax: number): void {
  if (count > countMax) throw invalidParams(`too many slots (max ${countMax})`)
}

import { bigintToBytes, fromHex } from '@zerog/primitives'
import type { BlockEnvironment } from '../executor.ts'
import { latin1 } from '../state/node-store.ts'
import { stateKey, type WorldState } from '../state/world-state.ts'
import { HISTORY_ADDRESS, HISTORY_WINDOW } from './system-contracts.ts'

/** BLOCKHASH: the parent's from the environment, older ones from the EIP-2935 contract of the state itself. */
export function historicHash(state: WorldState, environment: BlockEnvironment, height: bigint): Uint8Array {
  if (height === environment.height - 1n) return fromHex(environment.parentHash, 32)
  const slot = latin1(bigintToBytes(height % HISTORY_WINDOW, 32))
  const value = state.storage(stateKey(HISTORY_ADDRESS), slot)
  const hash = new Uint8Array(32)
  hash.set(value, 32 - value.length)
  return hash
}

import type { ChainExecutor, StateOverrides } from '@zerog/evm'
import type { Kv } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { DevControls } from './chain-backend.ts'
import type { Ledger } from './ledger.ts'
import { SNAPSHOTS_MAX } from './limits.ts'
import type { Pool } from './pool.ts'
import type { Producer, Sealing } from './producer.ts'
import type { Voting } from './voting.ts'

/** Addresses that may send without a key. */
export type Impersonation = Set<Hex>

export type DevControlsDeps = {
  readonly kv: Kv
  readonly executor: ChainExecutor
  readonly ledger: Ledger
  readonly pool: Pool
  readonly voting: Voting
  readonly producer: Producer
  readonly impersonation: Impersonation
}

/** What Hardhat and Anvil offer beyond a chain. They break finality, so they exist only where nothing relies on it. */
export function createDevControls(deps: DevControlsDeps): DevControls {
  const { kv, executor, ledger, pool, voting, producer, impersonation } = deps
  const snapshots = new Map<bigint, Snapshot>()
  let snapshotLast = 0n

  const edit = (address: Hex, override: StateOverrides[Hex]): Promise<void> =>
    producer.exclusively(async () => {
      const head = ledger.head()
      const key = address.toLowerCase() as Hex
      const stateRoot = await executor.editState(head.header, { [key]: override })
      kv.write(ledger.store.irregularWrites(head, stateRoot))
      await kv.flush()
      const { header } = ledger.reload()
      const change = await pool.prepare(header, new Set([key]), [], [])
      change.apply()
    })
  const setSealing = async (sealing: Sealing): Promise<void> => producer.setSealing(sealing)

  return {
    mine: (blocks) =>
      producer.exclusively(async () => {
        for (let mined = 0; mined < blocks; mined++) await producer.sealOne(true)
      }),
    snapshot: async () => {
      const { header } = ledger.head()
      snapshotLast += 1n
      snapshots.set(snapshotLast, {
        height: header.height,
        stateRoot: header.stateRoot,
        offsetMs: producer.clockOffsetMs(),
        waiting: pool.all(),
      })
      const [oldest] = snapshots.keys()
      if (snapshots.size > SNAPSHOTS_MAX && oldest !== undefined) snapshots.delete(oldest)
      return snapshotLast
    },
    revert: (id) =>
      producer.exclusively(async () => {
        const snapshot = snapshots.get(id)
        if (snapshot === undefined) return false
        for (const later of [...snapshots.keys()]) if (later >= id) snapshots.delete(later)
        kv.write(ledger.store.truncateWrites(snapshot.height))
        const block = ledger.reload()
        if (block.header.stateRoot !== snapshot.stateRoot) {
          kv.write(ledger.store.irregularWrites(block, snapshot.stateRoot))
          ledger.reload()
        }
        // It will vote again in the views of the blocks taken back: that breaks finality, as this method is meant to.
        voting.reopen()
        producer.setClockOffsetMs(snapshot.offsetMs)
        pool.clear()
        await pool.putBack(snapshot.waiting)
        await kv.flush()
        return true
      }),
    increaseTime: async (seconds) => producer.shiftClock(seconds),
    setNextBlockTimestamp: async (seconds) => {
      const { timestampSeconds } = ledger.head().header
      if (seconds < timestampSeconds) {
        throw new ZerogError('INVALID_ARGUMENT', {
          message: `Timestamp ${seconds} is lower than the previous block's timestamp ${timestampSeconds}`,
        })
      }
      producer.forceTimestamp(seconds)
    },
    setBalance: (address, balance) => edit(address, { balance }),
    setCode: (address, code) => edit(address, { code }),
    setNonce: (address, nonce) => edit(address, { nonce }),
    setStorageAt: (address, slot, value) => edit(address, { stateDiff: { [slot]: value } }),
    impersonate: async (address, on) => {
      const key = address.toLowerCase() as Hex
      if (on) impersonation.add(key)
      else impersonation.delete(key)
    },
    setAutomine: (on) => setSealing(on ? { kind: 'demand' } : { kind: 'manual' }),
    setIntervalMining: (intervalMs) =>
      setSealing(intervalMs === 0 ? { kind: 'manual' } : { kind: 'interval', blockTimeMs: intervalMs }),
  }
}

type Snapshot = {
  readonly height: bigint
  readonly stateRoot: Hex
  readonly offsetMs: number
  readonly waiting: ReturnType<Pool['all']>
}

/** "zerog as " in ASCII before the address: no curve point that anybody's key gives by accident is taken for it. */
const MARK = '0x7a65726f6720617320200000'
const MARK_S = 1n

/** A stand-in for the signature of an impersonated account: names it, and proves nothing. */
export function impersonatedSignature(address: Hex): { readonly r: bigint; readonly s: bigint; readonly yParity: 0 } {
  return { r: BigInt(`${MARK}${address.slice(2)}`), s: MARK_S, yParity: 0 }
}

/** The address that a stand-in signature names. */
export function impersonatedSender({ r, s }: { readonly r: bigint; readonly s: bigint }): Hex | undefined {
  if (s !== MARK_S) return undefined
  const hex = r.toString(16).padStart(64, '0')
  return `0x${hex.slice(0, 24)}` === MARK ? `0x${hex.slice(24)}` : undefined
}

import type { Clock, Lease, Leases } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

type Held = { readonly token: bigint; expiresMs: number }

/** What several holders of one simulation share. Tokens outlive the leases. */
export type MemoryLeaseTable = { readonly held: Map<string, Held>; readonly tokens: Map<string, bigint> }

export function memoryLeaseTable(): MemoryLeaseTable {
  return { held: new Map(), tokens: new Map() }
}

export type MemoryLeasesOptions = {
  readonly clock: Clock
  readonly table?: MemoryLeaseTable
  /** Once aborted, nothing is renewed any more: the holder crashed, and others get the lease after its ttl. */
  readonly signal?: AbortSignal
}

export function memoryLeases({ clock, table = memoryLeaseTable(), signal }: MemoryLeasesOptions): Leases {
  return {
    async tryAcquire({ name, ttlMs }): Promise<Lease | undefined> {
      const current = table.held.get(name)
      if (current !== undefined && current.expiresMs > clock.nowMs()) return undefined
      const token = (table.tokens.get(name) ?? 0n) + 1n
      table.tokens.set(name, token)
      const mine: Held = { token, expiresMs: clock.nowMs() + ttlMs }
      table.held.set(name, mine)

      const lost = new AbortController()
      let cancel = clock.after(ttlMs / 3, renew)
      function renew() {
        if (signal?.aborted) {
          cancel = clock.after(Math.max(0, mine.expiresMs - clock.nowMs()), () => lose('its holder stopped'))
        } else if (table.held.get(name) !== mine || mine.expiresMs <= clock.nowMs()) {
          lose('it was not renewed in time')
        } else {
          mine.expiresMs = clock.nowMs() + ttlMs
          cancel = clock.after(ttlMs / 3, renew)
        }
      }
      function lose(why: string) {
        lost.abort(new ZerogError('FENCED', { message: `lease ${name} with token ${token} is lost: ${why}`, metadata: { name } }))
      }

      return {
        name,
        token,
        lost: lost.signal,
        async release() {
          cancel()
          if (table.held.get(name) === mine) table.held.delete(name)
          if (!lost.signal.aborted) lose('it was released')
        },
      }
    },
  }
}

import type { Clock, Lease, Leases } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { Incarnation } from './incarnation.ts'
import type { Prng } from './prng.ts'
import { remoteCall } from './remote.ts'
import type { World } from './world.ts'

type Grant = { readonly token: bigint; readonly holder: string; untilUs: number }

/**
 * The table of leases, outside of every node. It expires leases by true time, while holders count on their own clocks and may be
 * stopped for a while: two nodes can believe in one lease at once, and only the fencing token tells them apart.
 */
export class SimLeases {
  readonly #world: World
  readonly #prng: Prng
  readonly #grants = new Map<string, Grant>()
  readonly #tokens = new Map<string, bigint>()

  constructor(world: World, prng: Prng) {
    this.#world = world
    this.#prng = prng
  }

  port(life: Incarnation, clock: Clock): Leases {
    const deps = { world: this.#world, prng: this.#prng, life }
    return {
      tryAcquire: async ({ name, holder, ttlMs }) => {
        const askedMs = clock.monotonicMs()
        const grant = await remoteCall(deps, `lease.acquire ${name}`, () => this.#acquire({ name, holder, ttlMs }))
        if (grant === undefined) return undefined
        return keep(
          { name, grant, ttlMs, askedMs },
          {
            clock,
            renew: () => remoteCall(deps, `lease.renew ${name}`, () => this.#renew(name, grant, ttlMs)),
            release: () => remoteCall(deps, `lease.release ${name}`, () => this.#release(name, grant)),
          },
        )
      },
    }
  }

  /** Who holds a lease by true time. */
  holder(name: string): { readonly holder: string; readonly token: bigint } | undefined {
    const grant = this.#grants.get(name)
    return grant && grant.untilUs > this.#world.nowUs() ? { holder: grant.holder, token: grant.token } : undefined
  }

  #acquire({
    name,
    holder,
    ttlMs,
  }: {
    readonly name: string
    readonly holder: string
    readonly ttlMs: number
  }): Grant | undefined {
    if (this.holder(name)) return undefined
    const token = (this.#tokens.get(name) ?? 0n) + 1n
    this.#tokens.set(name, token)
    const grant = { token, holder, untilUs: this.#world.nowUs() + ttlMs * 1_000 }
    this.#grants.set(name, grant)
    return grant
  }

  #renew(name: string, grant: Grant, ttlMs: number): boolean {
    if (this.#grants.get(name) !== grant || grant.untilUs <= this.#world.nowUs()) return false
    grant.untilUs = this.#world.nowUs() + ttlMs * 1_000
    return true
  }

  #release(name: string, grant: Grant): void {
    if (this.#grants.get(name) === grant) this.#grants.delete(name)
  }
}

/** The holder's side: renews at a third of the ttl and gives up by its own clock when no renewal came through in time. */
function keep(
  terms: { readonly name: string; readonly grant: Grant; readonly ttlMs: number; readonly askedMs: number },
  deps: { readonly clock: Clock; readonly renew: () => Promise<boolean>; readonly release: () => Promise<void> },
): Lease {
  const { name, grant, ttlMs } = terms
  const { clock } = deps
  const lost = new AbortController()
  // Counted from before the request left: the table's time began later, so the holder is the first to stop.
  let heldUntilMs = terms.askedMs + ttlMs
  let cancelRenewal = clock.after(ttlMs / 3, renew)
  let cancelExpiry = clock.after(heldUntilMs - clock.monotonicMs(), expire)

  function lose(why: string) {
    cancelRenewal()
    cancelExpiry()
    if (lost.signal.aborted) return
    lost.abort(
      new ZerogError('FENCED', { message: `lease ${name} with token ${grant.token} is lost: ${why}`, metadata: { name } }),
    )
  }
  function expire() {
    if (clock.monotonicMs() >= heldUntilMs) lose('it was not renewed in time')
    else cancelExpiry = clock.after(heldUntilMs - clock.monotonicMs(), expire)
  }
  function renew() {
    const askedMs = clock.monotonicMs()
    deps.renew().then(
      (isMine) => {
        if (lost.signal.aborted) return
        if (!isMine) return lose('somebody else may hold it')
        heldUntilMs = askedMs + ttlMs
        cancelRenewal = clock.after(ttlMs / 3, renew)
      },
      () => {
        if (!lost.signal.aborted) cancelRenewal = clock.after(ttlMs / 10, renew)
      },
    )
  }
  return {
    name,
    token: grant.token,
    lost: lost.signal,
    release: async () => {
      if (lost.signal.aborted) return
      lose('it was released')
      await deps.release()
    },
  }
}

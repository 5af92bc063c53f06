import { memoryCache } from '@zerog/adapters/memory'
import type { Cache } from '@zerog/ports'
import { simClock } from './clock.ts'
import type { Incarnation } from './incarnation.ts'
import type { Prng } from './prng.ts'
import { type RemoteDeps, remoteCall } from './remote.ts'
import type { World } from './world.ts'

/** A shared cache that may forget everything at any call: nothing may depend on it but speed. */
export class SimCache {
  readonly #world: World
  readonly #prng: Prng
  #store: Cache

  constructor(world: World, prng: Prng) {
    this.#world = world
    this.#prng = prng
    this.#store = memoryCache({ clock: simClock(world) })
  }

  port(life: Incarnation): Cache {
    const deps: RemoteDeps = { world: this.#world, prng: this.#prng, life }
    const call = <T>(what: string, effect: (store: Cache) => Promise<T>) =>
      remoteCall(deps, `cache.${what}`, () => {
        if (this.#world.faults.roll('cache.lost')) this.#store = memoryCache({ clock: simClock(this.#world) })
        return effect(this.#store)
      })
    return {
      get: (key) => call(`get ${key}`, (store) => store.get(key)),
      set: (key, value, ttlMs) => call(`set ${key}`, (store) => store.set(key, value, ttlMs)),
      delete: (key) => call(`delete ${key}`, (store) => store.delete(key)),
      raise: (key, value, ttlMs) => call(`raise ${key} ${value}`, (store) => store.raise(key, value, ttlMs)),
      count: (key, by, windowMs) => call(`count ${key}`, (store) => store.count(key, by, windowMs)),
      ping: () => call('ping', (store) => store.ping()),
      close: async () => {},
    }
  }
}

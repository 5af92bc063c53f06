import { ZerogError } from '@zerog/primitives'
import type { Incarnation } from './incarnation.ts'
import type { Prng } from './prng.ts'
import { never, type World } from './world.ts'

export type RemoteDeps = { readonly world: World; readonly prng: Prng; readonly life: Incarnation }

/**
 * One call to a service outside the simulated nodes (a database, the bus, a cache): a way there, an effect that happens whether
 * or not the caller still lives, a way back. Faults refuse it before the effect or lose the answer after it; both reject with
 * DEPENDENCY_UNAVAILABLE, because a caller cannot tell them apart.
 */
export function remoteCall<T>(deps: RemoteDeps, what: string, effect: () => T | Promise<T>): Promise<T> {
  const { world, prng, life } = deps
  if (!life.alive) return never()
  const legUs = () => 100 + Math.ceil(prng.exponential(400))
  if (world.isServiceCut(life.name) || world.faults.roll('remote.refused')) {
    return life.perform({ delayUs: legUs(), kind: 'remote.refused', detail: what }, () => {
      throw unavailable(what)
    })
  }
  const isLost = world.faults.roll('remote.unknown')
  return new Promise<T>((resolve, reject) => {
    const answer = (settle: () => void) =>
      world.schedule({
        delayUs: legUs(),
        owner: life,
        kind: isLost ? 'remote.unknown' : 'remote.answer',
        detail: what,
        run: settle,
      })
    const run = () => {
      outcomeOf(effect).then(
        (value) => answer(() => (isLost ? reject(unavailable(what)) : resolve(value))),
        (error) => answer(() => reject(isLost ? unavailable(what) : error)),
      )
    }
    world.schedule({ delayUs: legUs(), kind: 'remote.call', detail: `${life.name} ${what}`, run })
  })
}

/**
 * The same for all methods of an object: a repository in memory becomes one behind a network. Methods must be asynchronous and
 * copy what they keep.
 */
export function remoteObject<T extends object>(deps: RemoteDeps, name: string, target: T): T {
  return new Proxy(target, {
    get: (object, key, receiver) => {
      const member = Reflect.get(object, key, receiver)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => remoteCall(deps, `${name}.${String(key)}`, () => Reflect.apply(member, object, args))
    },
  })
}

async function outcomeOf<T>(effect: () => T | Promise<T>): Promise<T> {
  return effect()
}

function unavailable(what: string): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `${what} did not answer; try again`,
    metadata: { dependency: what },
  })
}

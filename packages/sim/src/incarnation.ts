import type { Owner, SimEvent } from './event-queue.ts'
import { never, type World } from './world.ts'

/**
 * One life of a node, from start to crash or stop. Everything asynchronous that its code asks for goes through `perform`, so
 * killing it needs no cooperation: after death nothing it waits for ever settles. Code that is still running when it dies
 * (a crash inside a synchronous disk operation) goes on until its next await on memory that nobody else sees.
 */
export class Incarnation implements Owner {
  readonly name: string
  readonly number: number
  readonly #world: World
  readonly #atDeath = new Set<() => void>()
  /** Ends with a graceful stop; a crash tells nobody. */
  readonly stopping = new AbortController()
  alive = true
  parked: SimEvent[] | undefined

  constructor(world: World, name: string, number: number) {
    this.#world = world
    this.name = name
    this.number = number
  }

  /** Settles with the outcome of `effect`, which runs `delayUs` later if this life still lasts. */
  perform<T>(
    options: { readonly delayUs: number; readonly kind: string; readonly detail?: string },
    effect: () => T,
  ): Promise<T> {
    if (!this.alive) return never()
    return new Promise<T>((resolve, reject) => {
      this.#world.schedule({
        ...options,
        owner: this,
        run: () => {
          try {
            resolve(effect())
          } catch (error) {
            reject(error)
          }
        },
      })
    })
  }

  /** Runs when this life ends, however it ends. Returns how to take it back. */
  atDeath(task: () => void): () => void {
    this.#atDeath.add(task)
    return () => this.#atDeath.delete(task)
  }

  end(): void {
    if (!this.alive) return
    this.alive = false
    this.parked = undefined
    for (const task of this.#atDeath) task()
    this.#atDeath.clear()
  }
}

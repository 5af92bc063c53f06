import type { DiskPort } from './disk-port.ts'
import { ioError } from './disk-port.ts'
import type { Incarnation } from './incarnation.ts'
import { never } from './world.ts'

type Waiter = { readonly resolve: () => void; readonly reject: (error: unknown) => void }

/**
 * One sync at a time for all who wait. Who asks while one runs waits for the next, because the running one may have passed
 * his bytes already. After EIO every later sync fails too: the kernel forgets that pages were dirty, so a retry that succeeds
 * proves nothing.
 */
export class SyncGroup {
  readonly #store: string
  readonly #life: Incarnation
  readonly #port: DiskPort
  readonly #begin: () => () => void
  #waiting: Waiter[] = []
  #running = false
  #failed = false

  /** `begin` notes what is to be synced now and returns what makes it durable. */
  constructor(store: string, deps: { readonly life: Incarnation; readonly port: DiskPort; readonly begin: () => () => void }) {
    this.#store = store
    this.#life = deps.life
    this.#port = deps.port
    this.#begin = deps.begin
  }

  get failed(): boolean {
    return this.#failed
  }

  sync(): Promise<void> {
    if (!this.#life.alive) return never()
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (!this.#running) this.#start()
    })
  }

  #start(): void {
    if (this.#waiting.length === 0) return
    const waiters = this.#waiting
    this.#waiting = []
    this.#running = true
    const commit = this.#begin()
    this.#port.world.schedule({
      delayUs: this.#port.syncUs(),
      owner: this.#life,
      kind: 'disk.sync',
      detail: `${this.#store} for ${waiters.length}`,
      run: () => this.#finish(waiters, commit),
    })
  }

  #finish(waiters: readonly Waiter[], commit: () => void): void {
    this.#running = false
    if (this.#port.crashesHere(this.#life)) return
    if (this.#failed || this.#port.world.faults.roll('disk.io_error')) {
      this.#failed = true
      for (const { reject } of waiters) reject(ioError(this.#store))
    } else {
      commit()
      // Durable but not yet told: the other side of the acknowledgement.
      if (this.#port.crashesHere(this.#life)) return
      for (const { resolve } of waiters) resolve()
    }
    this.#start()
  }
}

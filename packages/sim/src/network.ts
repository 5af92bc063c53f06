import { crc32 } from 'node:zlib'
import { assert } from '@zerog/primitives'
import type { Incarnation } from './incarnation.ts'
import { LIMITS } from './limits.ts'
import type { SimNode } from './node.ts'
import type { Prng } from './prng.ts'
import type { World } from './world.ts'

export type NetworkOptions = {
  /** Least one-way delay. Default 0.2. */
  readonly latencyMinMs?: number
  /** Mean of what comes on top, exponentially distributed: this is what reorders messages. Default 1. */
  readonly latencyMeanMs?: number
}

export interface Endpoint {
  /** Sends a copy, unreliably. False: the link is full, nothing was sent, wait before trying again. */
  send(to: string, data: Uint8Array): boolean
  /** One handler per life; without one, messages vanish. */
  onMessage(handler: (from: string, data: Uint8Array) => void): void
}

/** The far end of the link from a node to all services outside: cut it, and database, bus, cache and leases refuse that node's calls. */
export const SERVICES = 'services'

type Handler = (from: string, data: Uint8Array) => void

const RETRANSMIT_MS = 200

/** Directed links between all nodes. Raw messages are datagrams; `carry` is one segment of a connection. */
export class Network {
  readonly #world: World
  readonly #prng: Prng
  readonly #options: Required<NetworkOptions>
  readonly #nodes = new Map<string, SimNode<any>>()
  readonly #handlers = new WeakMap<Incarnation, Handler>()
  readonly #cut = new Set<string>()
  readonly #inFlight = new Map<string, number>()

  constructor(world: World, prng: Prng, options: NetworkOptions = {}) {
    this.#world = world
    this.#prng = prng
    this.#options = { latencyMinMs: 0.2, latencyMeanMs: 1, ...options }
  }

  add(node: SimNode<any>): void {
    this.#nodes.set(node.name, node)
  }

  /** The nodes of a target in the order of their instance numbers. */
  instances(target: string): readonly SimNode<any>[] {
    return [...this.#nodes.values()].filter((node) => node.target === target).sort((a, b) => a.instance - b.instance)
  }

  /** Nothing passes from `from` to `to`; the way back is another link. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`)
  }

  join(from: string, to: string): void {
    this.#cut.delete(`${from}>${to}`)
  }

  /** Cuts all links between nodes of different groups, both ways. A node that is in no group is alone. */
  partition(groups: readonly (readonly string[])[]): void {
    const groupOf = (name: string) => groups.findIndex((group) => group.includes(name))
    for (const from of this.#nodes.keys()) {
      for (const to of this.#nodes.keys()) {
        if (from !== to && (groupOf(from) !== groupOf(to) || groupOf(from) < 0)) this.cut(from, to)
      }
    }
    this.#world.record('network', 'network.partition', groups.map((group) => group.join(',')).join(' | '))
  }

  heal(): void {
    if (this.#cut.size > 0) this.#world.record('network', 'network.heal', '')
    this.#cut.clear()
  }

  get isWhole(): boolean {
    return this.#cut.size === 0
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.has(`${from}>${to}`)
  }

  endpoint(life: Incarnation): Endpoint {
    return {
      send: (to, data) => !life.alive || this.#send(life.name, to, data),
      onMessage: (handler) => void this.#handlers.set(life, handler),
    }
  }

  /**
   * Brings one segment of a connection from one life to another: what a link loses is sent again, and only a long cut or the
   * other side's death breaks it. Segments may overtake each other; the caller puts them in order.
   */
  carry(
    from: Incarnation,
    to: Incarnation,
    segment: { readonly detail: string; readonly run: () => void; readonly broken: () => void },
  ): void {
    const attempt = (count: number) => {
      const isLost = this.#world.faults.roll('network.loss')
      const arrive = () => {
        if (!to.alive) return segment.broken()
        if (!isLost && !this.isCut(from.name, to.name)) {
          return this.#world.schedule({
            delayUs: 0,
            owner: to,
            kind: 'network.segment',
            detail: segment.detail,
            run: segment.run,
          })
        }
        if (count >= LIMITS.retransmissionsMax || !from.alive) return segment.broken()
        attempt(count + 1)
      }
      const delayUs = this.latencyUs() + (count > 0 ? Math.min(8, count) * RETRANSMIT_MS * 1_000 : 0)
      this.#world.schedule({ delayUs, kind: 'network.carry', detail: `${from.name}>${to.name} ${segment.detail}`, run: arrive })
    }
    attempt(0)
  }

  latencyUs(): number {
    const { faults } = this.#world
    const slow = faults.roll('network.slow') ? faults.stream('network.slow').between(10, 100) : 1
    return Math.ceil((this.#options.latencyMinMs * 1_000 + this.#prng.exponential(this.#options.latencyMeanMs * 1_000)) * slow)
  }

  #send(from: string, to: string, data: Uint8Array): boolean {
    const { faults } = this.#world
    assert(this.#nodes.has(to), `there is no node ${to}`)
    assert(data.length <= LIMITS.messageBytesMax, `a message of ${data.length} bytes exceeds ${LIMITS.messageBytesMax}`)
    const link = `${from}>${to}`
    const inFlight = this.#inFlight.get(link) ?? 0
    if (inFlight >= LIMITS.linkMessagesMax) {
      faults.note('network.queue_full')
      return false
    }
    if (faults.roll('network.loss')) return true
    const copies = faults.roll('network.duplicate') ? 2 : 1
    const detail = `${link} ${data.length}:${crc32(data).toString(16)}`
    for (let copy = 0; copy < copies; copy++) {
      const message = data.slice()
      this.#inFlight.set(link, (this.#inFlight.get(link) ?? 0) + 1)
      const run = () => {
        this.#inFlight.set(link, (this.#inFlight.get(link) ?? 1) - 1)
        if (!this.isCut(from, to)) this.#receive(from, to, message)
      }
      this.#world.schedule({ delayUs: this.latencyUs(), kind: 'network.message', detail, run })
    }
    return true
  }

  /** Whichever life the receiver has now gets it. */
  #receive(from: string, to: string, message: Uint8Array): void {
    const life = this.#nodes.get(to)?.life
    const handler = life?.alive ? this.#handlers.get(life) : undefined
    if (!life || !handler) return
    if (life.parked === undefined) return handler(from, message)
    this.#world.schedule({ delayUs: 0, owner: life, kind: 'network.late', detail: from, run: () => handler(from, message) })
  }
}

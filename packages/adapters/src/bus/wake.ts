import type { Logger } from '@zerog/ports'
import pg from 'pg'

/** Tells which consumer has something new, over LISTEN. Losing it costs latency only: everybody also polls. */
export class WakeUps {
  readonly #url: string
  readonly #channel: string
  readonly #logger: Logger | undefined
  readonly #listeners = new Map<string, Set<() => void>>()
  #client: pg.Client | undefined
  #connecting: Promise<void> | undefined
  #closed = false

  constructor(url: string, channel: string, logger: Logger | undefined) {
    this.#url = url
    this.#channel = channel
    this.#logger = logger
  }

  /** Returns what removes the listener. */
  on(consumer: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(consumer) ?? new Set()
    this.#listeners.set(consumer, listeners)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Connects if that is needed; to be called now and then. Never throws. */
  ensure(): Promise<void> {
    if (this.#client !== undefined || this.#closed) return Promise.resolve()
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#connecting
    await this.#client?.end().catch(() => {})
    this.#client = undefined
  }

  async #connect() {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'zerog-bus-listen',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    })
    const drop = (error?: unknown) => {
      if (this.#client === client) this.#client = undefined
      if (error !== undefined && !this.#closed) this.#logger?.warn('bus_listen_lost', { error: String(error) })
    }
    client.on('error', drop)
    client.on('end', () => drop())
    client.on('notification', ({ payload }) => {
      for (const listener of this.#listeners.get(payload ?? '') ?? []) listener()
    })
    try {
      await client.connect()
      await client.query(`LISTEN ${this.#channel}`)
      this.#client = client
      // Something may have come while nobody listened.
      for (const listeners of this.#listeners.values()) for (const listener of listeners) listener()
    } catch (error) {
      drop(error)
      await client.end().catch(() => {})
    }
  }
}

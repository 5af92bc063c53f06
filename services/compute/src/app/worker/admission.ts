import { ZerogError } from '@zerog/primitives'
import { createFairQueue } from '../../core/worker/fair-queue.ts'

export type Admission = {
  /** `tokens`: of the prompt. Resolves when it is this request's turn; throws QUEUE_FULL at once or CANCELLED while it waits. Release exactly once. */
  enter(of: { readonly account: string; readonly tokens: number; readonly signal: AbortSignal }): Promise<Turn>
  readonly waiting: number
  readonly running: number
}

export type Turn = {
  /** Tokens that it took since the last call. */
  took(tokens: number): void
  /** Calling it again is harmless. */
  release(): void
}

export type AdmissionOptions = {
  readonly slots: number
  readonly waitingMax: number
  readonly waitingPerAccountMax: number
  readonly quantumTokens: number
}

type Ticket = { readonly enter: () => void }

/** Slots of one engine, given out fairly by account. */
export function createAdmission(options: AdmissionOptions): Admission {
  const queue = createFairQueue<Ticket>({
    itemsMax: options.waitingMax,
    itemsPerAccountMax: options.waitingPerAccountMax,
    quantumTokens: options.quantumTokens,
  })
  let running = 0

  function admit(): void {
    while (running < options.slots) {
      const ticket = queue.shift()
      if (ticket === undefined) return
      running++
      ticket.enter()
    }
  }

  function turnOf(account: string): Turn {
    let released = false
    return {
      took: (tokens) => queue.charge(account, tokens),
      release() {
        if (released) return
        released = true
        running--
        queue.done(account)
        admit()
      },
    }
  }

  return {
    async enter({ account, tokens, signal }) {
      if (signal.aborted) throw cancelled()
      if (running < options.slots && queue.length === 0) {
        running++
        queue.start(account, tokens)
        return turnOf(account)
      }
      const entered = Promise.withResolvers<void>()
      const ticket: Ticket = { enter: entered.resolve }
      const outcome = queue.push(account, tokens, ticket)
      if (outcome !== 'queued') throw full(outcome)
      const leave = () => {
        if (queue.remove(account, ticket)) entered.reject(cancelled())
      }
      signal.addEventListener('abort', leave, { once: true })
      try {
        await entered.promise
      } finally {
        signal.removeEventListener('abort', leave)
      }
      return turnOf(account)
    },
    get waiting() {
      return queue.length
    },
    get running() {
      return running
    },
  }
}

function full(outcome: 'full' | 'account_full'): ZerogError {
  const whose = outcome === 'full' ? 'the queue of this model' : "this account's part of the queue"
  return new ZerogError('QUEUE_FULL', { message: `${whose} is full; ask again in a moment`, retryAfterMs: 1000 })
}

function cancelled(): ZerogError {
  return new ZerogError('CANCELLED', { message: 'the caller went away before its turn' })
}

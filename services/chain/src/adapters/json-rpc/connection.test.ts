import { describe, expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import { createConnection } from './connection.ts'
import type { Dispatcher } from './dispatcher.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import type { Notify } from './subscriptions.ts'

const LIMITS = { ...DEFAULT_LIMITS, outgoingFramesMax: 5, inFlightMax: 2, subscriptionsMax: 2 }

/** Answers each frame with itself; `subscribe` opens a subscription whose notifier lands in `notifiers`. */
function echo(notifiers: Notify[], stopped: () => void = () => {}): Dispatcher {
  return {
    async run(bytes, { subscriptions }) {
      const text = Buffer.from(bytes).toString()
      if (text === 'subscribe') {
        try {
          const id = subscriptions?.open((notify) => {
            notifiers.push(notify)
            return stopped
          })
          return { text: id ?? '', height: 1n }
        } catch (error) {
          return { text: (error as Error).message, height: 1n }
        }
      }
      return { text, height: 1n }
    },
  }
}

async function take(source: AsyncIterator<{ readonly frame: Buffer; readonly height: bigint }>): Promise<string> {
  const { value } = await source.next()
  return value.frame.toString()
}

describe('a connection', () => {
  test('answers come out in the order in which they are ready, notifications after the id of their subscription', async () => {
    const notifiers: Notify[] = []
    const connection = createConnection(LIMITS, { dispatcher: echo(notifiers) })
    const outgoing = connection.outgoing[Symbol.asyncIterator]()
    await connection.receive(Buffer.from('subscribe'))
    const id = await take(outgoing)
    expect(id).toMatch(/^0x[0-9a-f]{32}$/)
    notifiers[0]?.({ number: '0x1' }, 7n)
    const next = await outgoing.next()
    expect(next.value.height).toBe(7n)
    expect(JSON.parse(next.value.frame.toString())).toEqual({
      jsonrpc: '2.0',
      method: 'eth_subscription',
      params: { subscription: id, result: { number: '0x1' } },
    })
    connection.close()
    expect((await outgoing.next()).done).toBe(true)
  })

  test('a reader that does not read loses its subscriptions, with the reason', async () => {
    const notifiers: Notify[] = []
    let stops = 0
    const connection = createConnection(LIMITS, { dispatcher: echo(notifiers, () => stops++) })
    await connection.receive(Buffer.from('subscribe'))
    await Promise.resolve()
    for (let height = 0n; height < 10n; height++) notifiers[0]?.({}, height)
    expect(stops).toBe(1)
    expect(connection.subscriptionCount).toBe(0)
    const reading = (async () => {
      for await (const _frame of connection.outgoing);
    })()
    await expect(reading).rejects.toThrow(ZerogError)
    await expect(reading).rejects.toMatchObject({ reason: 'QUEUE_FULL' })
  })

  test('the number of subscriptions is bounded', async () => {
    const connection = createConnection(LIMITS, { dispatcher: echo([]) })
    const outgoing = connection.outgoing[Symbol.asyncIterator]()
    for (let count = 0; count < 3; count++) {
      await connection.receive(Buffer.from('subscribe'))
      const answer = await take(outgoing)
      if (count === 2) expect(answer).toContain('more than 2 subscriptions')
      else expect(answer).toMatch(/^0x/)
    }
  })

  test('more requests than may be at work wait outside', async () => {
    const waiting: (() => void)[] = []
    const dispatcher: Dispatcher = {
      run: (bytes) => new Promise((resolve) => waiting.push(() => resolve({ text: Buffer.from(bytes).toString(), height: 0n }))),
    }
    const connection = createConnection(LIMITS, { dispatcher })
    await connection.receive(Buffer.from('1'))
    let accepted = false
    const second = connection.receive(Buffer.from('2')).then(() => {
      accepted = true
    })
    await new Promise(setImmediate)
    expect(accepted).toBe(false)
    waiting[0]?.()
    await second
    expect(accepted).toBe(true)
    connection.close()
  })
})

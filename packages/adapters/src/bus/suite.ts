import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { BusDelivery } from '@zerog/ports'
import { bytesOf, Inbox } from '../testing.ts'
import type { ObservedBus } from './observed.ts'

export type BusSubject = {
  readonly bus: ObservedBus
  /** Another connection to the same bus; absent where there is no such thing. */
  readonly second?: ObservedBus
  /** Lets time go by. */
  readonly pass: (ms: number) => Promise<void>
  readonly dispose: () => Promise<void>
}

/** What every Bus guarantees. The server may be shared: each test has subjects and consumers of its own. */
export function busSuite(name: string, create: () => Promise<BusSubject>): void {
  describe(`Bus contract: ${name}`, () => {
    let subject: BusSubject
    let bus: ObservedBus
    let base: string
    let consumer: string
    beforeEach(async () => {
      subject = await create()
      bus = subject.bus
      const unique = randomUUID().slice(0, 8)
      base = `zerog.test.${unique}`
      consumer = `consumer-${unique}`
    })
    afterEach(() => subject.dispose())

    const publish = (id: string, text = id, topic = 'a') =>
      bus.publish({ id: `${base}-${id}`, subject: `${base}.${topic}`, data: bytesOf(text) })
    const texts = (deliveries: readonly BusDelivery[]) => deliveries.map(({ data }) => Buffer.from(data).toString())
    const collect = () => {
      const inbox = new Inbox<BusDelivery>()
      return { inbox, handler: async (delivery: BusDelivery) => inbox.add(delivery) }
    }

    test('a message arrives as it was published', async () => {
      const { inbox, handler } = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer }, handler)
      const data = new Uint8Array([0, 255, 128, 10, 13, 0])
      const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'X-Some': 'a: b' }
      await bus.publish({ id: `${base}-1`, subject: `${base}.a.b_c-d`, data, headers })
      await bus.publish({ id: `${base}-2`, subject: `${base}.empty`, data: new Uint8Array() })
      expect(await inbox.until(2)).toEqual([
        { id: `${base}-1`, subject: `${base}.a.b_c-d`, data, headers, deliveries: 1 },
        { id: `${base}-2`, subject: `${base}.empty`, data: new Uint8Array(), headers: {}, deliveries: 1 },
      ])
    })

    test('a subscription to a subject gets that subject only, one to a prefix everything below it', async () => {
      const exact = collect()
      const below = collect()
      await bus.subscribe({ subject: `${base}.a`, consumer: `${consumer}-exact` }, exact.handler)
      await bus.subscribe({ subject: `${base}.a.>`, consumer: `${consumer}-below` }, below.handler)
      for (const topic of ['ab', 'a.x', 'a', 'a.y.z', 'b']) await publish(topic, topic, topic)
      expect(texts(await exact.inbox.until(1))).toEqual(['a'])
      expect(texts(await below.inbox.until(2))).toEqual(['a.x', 'a.y.z'])
    })

    test('each consumer sees every message; subscriptions of one consumer share them', async () => {
      const [one, two, other] = [collect(), collect(), collect()]
      await bus.subscribe({ subject: `${base}.>`, consumer }, one.handler)
      await (subject.second ?? bus).subscribe({ subject: `${base}.>`, consumer }, two.handler)
      await bus.subscribe({ subject: `${base}.>`, consumer: `${consumer}-other` }, other.handler)
      const ids = Array.from({ length: 20 }, (_, index) => `m${index}`)
      await Promise.all(ids.map((id) => publish(id)))
      expect(texts(await other.inbox.until(20)).sort()).toEqual([...ids].sort())
      const end = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer: `${consumer}-end` }, end.handler)
      while (one.inbox.items.length + two.inbox.items.length < 20) await subject.pass(5)
      expect([...texts(one.inbox.items), ...texts(two.inbox.items)].sort()).toEqual([...ids].sort())
    })

    test('a second publish of one id is dropped', async () => {
      const { inbox, handler } = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer }, handler)
      await publish('same', 'first')
      await publish('same', 'second')
      await Promise.all([publish('twin', 'twin'), publish('twin', 'twin')])
      await publish('last', 'last')
      expect(texts(await inbox.until(3))).toEqual(['first', 'twin', 'last'])
    })

    test('one consumer with concurrency 1 sees the order of publishing', async () => {
      const { inbox, handler } = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer }, handler)
      const ids = Array.from({ length: 30 }, (_, index) => `m${index}`)
      for (const id of ids) await publish(id)
      expect(texts(await inbox.until(30))).toEqual(ids)
    })

    test('a handler that throws gets the message again, and others meanwhile', async () => {
      const { inbox } = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer }, async (delivery) => {
        inbox.add(delivery)
        if (texts([delivery])[0] === 'bad' && delivery.deliveries < 3) throw new Error('not yet')
      })
      await publish('bad')
      await publish('good')
      await inbox.until(2)
      await subject.pass(150)
      await inbox.until(3)
      await subject.pass(250)
      await inbox.until(4)
      const bad = inbox.items.filter((delivery) => texts([delivery])[0] === 'bad')
      expect(bad.map(({ deliveries }) => deliveries)).toEqual([1, 2, 3])
      expect(new Set(bad.map(({ id }) => id)).size).toBe(1)
    })

    test('a handler that is not done within the ack wait is told so, and the message comes again', async () => {
      const { inbox } = collect()
      const aborted = new Inbox<unknown>()
      await bus.subscribe({ subject: `${base}.>`, consumer, ackWaitMs: 300 }, async (delivery, signal) => {
        inbox.add(delivery)
        if (delivery.deliveries > 1) return
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.add(signal.reason)
            resolve()
          })
        })
      })
      await publish('slow')
      await inbox.until(1)
      await subject.pass(400)
      expect(await aborted.until(1)).toEqual([expect.objectContaining({ reason: 'DEADLINE_EXCEEDED' })])
      await subject.pass(300)
      expect((await inbox.until(2)).map(({ deliveries }) => deliveries)).toEqual([1, 2])
    })

    test('after the last allowed delivery a message is moved aside, counted, and does not block the next one', async () => {
      const { inbox } = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer, deliveriesMax: 2 }, async (delivery) => {
        inbox.add(delivery)
        if (texts([delivery])[0] === 'poison') throw new Error('never')
      })
      expect(await bus.parked(consumer)).toBe(0)
      await publish('poison')
      await inbox.until(1)
      await subject.pass(150)
      await inbox.until(2)
      await publish('fine')
      expect(texts(await inbox.until(3))).toEqual(['poison', 'poison', 'fine'])
      while ((await bus.parked(consumer)) === 0) await subject.pass(5)
      expect(await bus.parked(consumer)).toBe(1)
      expect(await bus.parked(`${consumer}-other`)).toBe(0)
    })

    test('a consumer gets what was published while it was away, and nothing from before it first subscribed', async () => {
      const before = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer: `${consumer}-witness` }, before.handler)
      await publish('too-early')
      await before.inbox.until(1)
      const first = collect()
      const subscription = await bus.subscribe({ subject: `${base}.>`, consumer }, first.handler)
      await publish('1')
      await first.inbox.until(1)
      await subscription.close()
      await publish('2')
      await publish('3')
      const again = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer }, again.handler)
      expect(texts(await again.inbox.until(2))).toEqual(['2', '3'])
      expect(texts(first.inbox.items)).toEqual(['1'])
    })

    test('as many handlers run at once as allowed, never more', async () => {
      const { inbox } = collect()
      let running = 0
      let most = 0
      const gates: (() => void)[] = []
      await bus.subscribe({ subject: `${base}.>`, consumer, concurrency: 3 }, async (delivery) => {
        most = Math.max(most, ++running)
        inbox.add(delivery)
        await new Promise<void>((resolve) => gates.push(resolve))
        running--
      })
      await Promise.all(['1', '2', '3', '4', '5'].map((id) => publish(id)))
      await inbox.until(3)
      for (let opened = 0; opened < 5; opened++) {
        await inbox.until(Math.min(5, opened + 1))
        while (gates.length === 0) await subject.pass(5)
        gates.shift()?.()
      }
      await inbox.until(5)
      expect(most).toBe(3)
    })

    test('closing a subscription waits for its handlers and takes nothing new', async () => {
      const { inbox } = collect()
      let open = () => {}
      let finished = false
      const subscription = await bus.subscribe({ subject: `${base}.>`, consumer }, async (delivery) => {
        inbox.add(delivery)
        await new Promise<void>((resolve) => {
          open = resolve
        })
        finished = true
      })
      await publish('1')
      await publish('2')
      await inbox.until(1)
      const closed = subscription.close()
      open()
      await closed
      expect(finished).toBe(true)
      expect(inbox.items.length).toBe(1)
      const rest = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer }, rest.handler)
      expect(texts(await rest.inbox.until(1))).toEqual(['2'])
    })

    test('the largest message passes, one byte more is refused', async () => {
      const { inbox, handler } = collect()
      await bus.subscribe({ subject: `${base}.>`, consumer }, handler)
      const data = new Uint8Array(1_000_000).map((_, index) => index * 7)
      await bus.publish({ id: `${base}-large`, subject: `${base}.a`, data, headers: { Long: 'x'.repeat(10_000) } })
      const [received] = await inbox.until(1)
      expect(Buffer.compare(received?.data ?? new Uint8Array(), data)).toBe(0)
      const tooLarge = { id: `${base}-larger`, subject: `${base}.a`, data: new Uint8Array(1_000_001) }
      await expect(bus.publish(tooLarge)).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' })
    })

    test('what no adapter could carry is refused by all', async () => {
      const message = { id: `${base}-x`, subject: `${base}.a`, data: new Uint8Array() }
      for (const wrong of [
        { ...message, id: '' },
        { ...message, id: 'line\nbreak' },
        { ...message, subject: 'single' },
        { ...message, subject: `${base}.Upper` },
        { ...message, subject: `${base}.*` },
        { ...message, subject: `${base}..a` },
        { ...message, headers: { 'bad name': 'x' } },
        { ...message, headers: { name: 'line\r\nbreak' } },
      ]) {
        await expect(bus.publish(wrong)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
      }
      for (const wrong of [
        { subject: '>', consumer },
        { subject: `${base}.a`, consumer: 'with.dot' },
        { subject: `${base}.a`, consumer, concurrency: 0 },
        { subject: `${base}.a`, consumer, ackWaitMs: -1 },
      ]) {
        await expect(bus.subscribe(wrong, async () => {})).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
      }
    })

    test('a consumer keeps the filter that it began with', async () => {
      await bus.subscribe({ subject: `${base}.a`, consumer }, async () => {})
      await expect(bus.subscribe({ subject: `${base}.b`, consumer }, async () => {})).rejects.toMatchObject({
        reason: 'WRONG_STATE',
      })
    })

    test('a closed bus refuses to publish', async () => {
      await bus.ping()
      await bus.close()
      await expect(publish('late')).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' })
    })
  })
}

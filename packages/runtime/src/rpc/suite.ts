import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { cryptoRandom } from '@zerog/adapters/random/crypto'
import type { CallContext, Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { ConnectResponse as Note } from '@zerog/proto/chain'
import { MESSAGE_BYTES_MAX, STREAM_WINDOW_BYTES } from '../limits.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/meter.ts'
import { createTracing } from '../telemetry/tracing.ts'
import { type EchoClient, type EchoHandlers, EchoServiceDefinition, echoEndpoints } from './echo-service.ts'
import { createHost, type HostDeps, type RpcHost } from './host.ts'

export type Connected = { readonly rpcAs: (identity: string) => Rpc; readonly close: () => Promise<void> }

export function testHostDeps(): HostDeps {
  return {
    clock: systemClock,
    random: cryptoRandom,
    logger: silentLogger,
    meter: createMetrics().meter({ target: 'echo', replica: '0' }),
    tracing: createTracing(),
  }
}

/** What every transport guarantees. `connect` makes the given hosts of target `echo` reachable. */
export function describeRpc(transport: string, connect: (hosts: readonly RpcHost[]) => Promise<Connected>): void {
  describe(`rpc over ${transport}`, () => {
    jest.setTimeout(30_000)
    let cleanup: (() => Promise<unknown>)[] = []
    beforeEach(() => {
      cleanup = []
    })
    afterEach(async () => {
      for (const undo of cleanup.toReversed()) await undo()
    })

    async function start(handlers: EchoHandlers = {}, options: { allow?: string[]; closed?: boolean; instances?: number } = {}) {
      const hosts = Array.from({ length: options.instances ?? 1 }, (_, instance) => {
        const host = createHost({ target: 'echo', instance }, testHostDeps())
        const named = async (request: Note) => (request.frame.toString() === 'who' ? frame(String(instance)) : request)
        host.add(EchoServiceDefinition, echoEndpoints({ unary: named, ...handlers }, options.allow ?? ['friend']))
        if (options.closed !== true) host.open()
        return host
      })
      const connected = await connect(hosts)
      cleanup.push(connected.close)
      const clientAs = (identity: string): EchoClient => connected.rpcAs(identity).client(EchoServiceDefinition, 'echo')
      return { hosts, host: hosts[0] as RpcHost, echo: clientAs('friend'), clientAs, rpcAs: connected.rpcAs }
    }

    test('a handler knows who calls, and both sides share one request id', async () => {
      const seen: CallContext[] = []
      const { echo } = await start({
        async unary(request, context) {
          seen.push(context)
          return request
        },
      })
      const answer = await echo.unary(frame('hello', 7n))
      expect({ text: answer.frame.toString(), height: answer.height }).toEqual({ text: 'hello', height: 7n })
      expect(seen[0]?.identity).toBe('friend')
      expect(seen[0]?.requestId).toMatch(/^[0-9a-f-]{36}$/)
    })

    test('an identity outside the allow-list is refused before the handler', async () => {
      let handled = 0
      const { clientAs } = await start({
        async unary(request) {
          handled++
          return request
        },
      })
      const stranger = clientAs('stranger')
      const refused = {
        reason: 'IDENTITY_NOT_ALLOWED',
        metadata: { identity: 'stranger', method: '/zerog.test.v1.EchoService/Unary' },
      }
      await expect(stranger.unary(frame('x'))).rejects.toMatchObject(refused)
      await expect(stranger.collect(several('x'))).rejects.toMatchObject({ reason: 'IDENTITY_NOT_ALLOWED' })
      await expect(all(stranger.produce(frame('x', 3n)))).rejects.toMatchObject({ reason: 'IDENTITY_NOT_ALLOWED' })
      await expect(all(stranger.exchange(several('x')))).rejects.toMatchObject({ reason: 'IDENTITY_NOT_ALLOWED' })
      expect(handled).toBe(0)
    })

    test('a method that is not served is UNIMPLEMENTED', async () => {
      const { rpcAs } = await start()
      const newer = {
        ...EchoServiceDefinition,
        methods: { later: { ...EchoServiceDefinition.methods.unary, name: 'Later' } },
      } as const
      await expect(rpcAs('friend').client(newer, 'echo').later(frame('x'))).rejects.toMatchObject({ reason: 'UNIMPLEMENTED' })
    })

    test('reason, message, metadata and retry delay of an error arrive', async () => {
      const { echo } = await start({
        async unary() {
          const metadata = { queue: 'mempool', limit: '10' }
          throw new ZerogError('QUEUE_FULL', { message: 'the queue is full: try later', metadata, retryAfterMs: 1_250 })
        },
        async *produce() {
          yield answer('one')
          throw new ZerogError('RECORD_CORRUPT', { message: 'déjà vu ✗', metadata: { key: '0x01' } })
        },
      })
      await expect(echo.unary(frame('x'))).rejects.toMatchObject({
        reason: 'QUEUE_FULL',
        status: 'RESOURCE_EXHAUSTED',
        message: 'the queue is full: try later',
        metadata: { queue: 'mempool', limit: '10' },
        retryAfterMs: 1_250,
      })
      const got: string[] = []
      const reading = (async () => {
        for await (const note of echo.produce(frame('x'))) got.push(note.frame.toString())
      })()
      await expect(reading).rejects.toMatchObject({ reason: 'RECORD_CORRUPT', message: 'déjà vu ✗', metadata: { key: '0x01' } })
      expect(got).toEqual(['one'])
    })

    test('our own bugs hide their words and show the request id', async () => {
      const { echo } = await start({
        async unary() {
          throw new TypeError('secret path /home/operator')
        },
      })
      const error = await echo.unary(frame('x')).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ reason: 'INTERNAL', metadata: { requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) } })
      expect(String(error)).not.toContain('secret')
    })

    test('a deadline ends the call on both sides', async () => {
      const stopped = Promise.withResolvers<unknown>()
      const { echo } = await start({
        async unary(request, { signal }) {
          await once(signal)
          stopped.resolve(signal.reason)
          return request
        },
      })
      await expect(echo.unary(frame('x'), { timeoutMs: 60 })).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
      await stopped.promise
    })

    test('a deadline ends a stream', async () => {
      const stopped = Promise.withResolvers<void>()
      const { echo } = await start({
        async *produce(_request, { signal }) {
          yield answer('first')
          await once(signal)
          stopped.resolve()
        },
      })
      const reading = all(echo.produce(frame('x'), { timeoutMs: 80 }))
      await expect(reading).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
      await stopped.promise
    })

    test('a caller that aborts stops the handler', async () => {
      const entered = Promise.withResolvers<void>()
      const stopped = Promise.withResolvers<void>()
      const { echo } = await start({
        async unary(request, { signal }) {
          entered.resolve()
          await once(signal)
          stopped.resolve()
          return request
        },
      })
      const controller = new AbortController()
      const call = echo.unary(frame('x'), { signal: controller.signal })
      await entered.promise
      controller.abort()
      await expect(call).rejects.toMatchObject({ reason: 'CANCELLED' })
      await stopped.promise
    })

    test('a reader that leaves a stream stops the handler', async () => {
      const stopped = Promise.withResolvers<void>()
      const { echo } = await start({
        async *produce(_request, { signal }) {
          signal.addEventListener('abort', () => stopped.resolve())
          for (;;) yield answer('again')
        },
      })
      for await (const _ of echo.produce(frame('x'))) break
      await stopped.promise
    })

    test('UNAVAILABLE is retried for unary calls, other errors are not', async () => {
      let calls = 0
      const { echo } = await start({
        async unary(request) {
          calls++
          if (request.frame.toString() === 'bad') throw new ZerogError('INVALID_ARGUMENT', { message: 'bad' })
          if (calls < 3) throw new ZerogError('REPLICA_BEHIND', { message: 'not yet', retryAfterMs: 1 })
          return request
        },
      })
      await echo.unary(frame('x'))
      expect(calls).toBe(3)
      calls = 0
      await expect(echo.unary(frame('x'), { retriesMax: 1 })).rejects.toMatchObject({ reason: 'REPLICA_BEHIND' })
      expect(calls).toBe(2)
      calls = 0
      await expect(echo.unary(frame('bad'))).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
      expect(calls).toBe(1)
    })

    test('streams carry messages in order in each direction', async () => {
      const { echo } = await start()
      const collected = await echo.collect(several('a', 'b', 'c'))
      expect({ text: collected.frame.toString(), count: collected.height }).toEqual({ text: 'abc', count: 3n })
      const produced = await all(echo.produce(frame('x', 300n)))
      expect(produced.map(({ height }) => Number(height))).toEqual(Array.from({ length: 300 }, (_, index) => index))
      const exchanged = await all(echo.exchange(several(...Array.from({ length: 200 }, (_, index) => String(index)))))
      expect(exchanged.map(({ frame }) => frame.toString())).toEqual(Array.from({ length: 200 }, (_, index) => String(index)))
    })

    test('a two-way stream answers while requests still come', async () => {
      const { echo } = await start()
      const next = new Queue()
      const answers = echo.exchange(next)[Symbol.asyncIterator]()
      for (const text of ['ping', 'pong']) {
        next.push(frame(text))
        expect((await answers.next()).value?.frame.toString()).toBe(text)
      }
      next.end()
      expect((await answers.next()).done).toBe(true)
    })

    test('a failure of the request stream reaches its own caller and aborts the handler', async () => {
      const entered = Promise.withResolvers<void>()
      const stopped = Promise.withResolvers<void>()
      const { echo } = await start({
        async collect(requests, { signal }) {
          entered.resolve()
          signal.addEventListener('abort', () => stopped.resolve())
          for await (const _ of requests);
          return answer('never')
        },
      })
      async function* broken() {
        yield frame('one')
        await entered.promise
        throw new RangeError('disk gone')
      }
      await expect(echo.collect(broken())).rejects.toThrow('disk gone')
      await stopped.promise
    })

    const chunk = Buffer.alloc(256 * 1024, 7)
    // Windows of both ends, of HTTP/2 and of the sockets in between; far below what an unbounded writer would reach.
    const heldBytesMax = 8 * STREAM_WINDOW_BYTES

    test('a slow reader stops the writer of answers', async () => {
      let written = 0
      const { echo } = await start({
        async *produce() {
          for (let index = 0; index < 1_000; index++) {
            written++
            yield Note.create({ frame: chunk })
          }
        },
      })
      const answers = echo.produce(frame('x'))[Symbol.asyncIterator]()
      await answers.next()
      await settled(() => written)
      expect(written * chunk.length).toBeLessThan(heldBytesMax)
      let read = 1
      while ((await answers.next()).done !== true) read++
      expect(read).toBe(1_000)
    })

    test('a slow handler stops the writer of requests', async () => {
      const go = Promise.withResolvers<void>()
      const { echo } = await start({
        async collect(requests) {
          let height = 0n
          for await (const _ of requests) {
            if (height === 0n) await go.promise
            height++
          }
          return Note.create({ height })
        },
      })
      let written = 0
      async function* requests() {
        for (let index = 0; index < 1_000; index++) {
          written++
          yield Note.create({ frame: chunk })
        }
      }
      const call = echo.collect(requests())
      await settled(() => written)
      expect(written * chunk.length).toBeLessThan(heldBytesMax)
      go.resolve()
      expect((await call).height).toBe(1_000n)
    })

    test('a message above 8 MiB is refused by its sender in either direction', async () => {
      const large = Buffer.alloc(MESSAGE_BYTES_MAX + 1)
      const { echo } = await start({ unary: async () => Note.create({ frame: large }) })
      await expect(echo.unary(Note.create({ frame: large }))).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' })
      await expect(echo.unary(frame('x'))).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' })
      const almost = Buffer.alloc(MESSAGE_BYTES_MAX - 16, 1)
      expect((await echo.collect(several(almost))).frame.length).toBe(almost.length)
    })

    test('calls wait until the module is ready', async () => {
      const { echo, host } = await start({}, { closed: true })
      const call = echo.unary(frame('early'))
      let done = false
      void call.then(() => {
        done = true
      })
      await settled(() => Number(done))
      expect(done).toBe(false)
      host.open()
      expect((await call).frame.toString()).toBe('early')
    })

    test('drain finishes what runs, refuses what is new, and sends idle streams elsewhere', async () => {
      const entered = Promise.withResolvers<void>()
      const go = Promise.withResolvers<void>()
      const { echo, host } = await start({
        async unary(request) {
          entered.resolve()
          await go.promise
          return request
        },
        async *produce(_request, { signal }) {
          yield answer('event')
          await once(signal)
        },
      })
      const running = echo.unary(frame('late'))
      const watch = echo.produce(frame('x'))[Symbol.asyncIterator]()
      await Promise.all([entered.promise, watch.next()])
      host.refuse()
      const drained = host.drain(5_000)
      await expect(echo.unary(frame('new'), { retriesMax: 0 })).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' })
      await expect(watch.next()).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' })
      go.resolve()
      expect((await running).frame.toString()).toBe('late')
      expect(await drained).toBe(true)
    })

    test('drain leaves a stream alone that still moves, until its deadline', async () => {
      const { echo, host } = await start()
      const next = new Queue()
      const answers = echo.exchange(next)[Symbol.asyncIterator]()
      next.push(frame('0'))
      await answers.next()
      host.refuse()
      const drained = host.drain(700)
      for (let index = 1; index < 8; index++) {
        await pause(60)
        next.push(frame(String(index)))
        expect((await answers.next()).value?.frame.toString()).toBe(String(index))
      }
      next.end()
      await answers.next()
      expect(await drained).toBe(true)
    })

    test('drain sends a subscription elsewhere though it never rests', async () => {
      const { echo, host } = await start({
        async *watch(_request, { signal }) {
          for (; !signal.aborted; await pause(20)) yield answer('event')
        },
      })
      const watch = echo.watch(frame('x'))[Symbol.asyncIterator]()
      await watch.next()
      host.refuse()
      const drained = host.drain(5_000)
      const read = async () => {
        while (!(await watch.next()).done);
      }
      await expect(read()).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' })
      expect(await drained).toBe(true)
    })

    test('what does not end by the deadline of drain is cut', async () => {
      const entered = Promise.withResolvers<void>()
      const { echo, host } = await start({
        async unary(request, { signal }) {
          entered.resolve()
          await once(signal)
          return request
        },
      })
      const call = echo.unary(frame('x'), { retriesMax: 0 }).catch((error: unknown) => error)
      await entered.promise
      host.refuse()
      expect(await host.drain(50)).toBe(false)
      await call
    })

    test('calls spread over the instances, and one can be picked', async () => {
      const { rpcAs } = await start({}, { instances: 3 })
      const rpc = rpcAs('friend')
      expect(rpc.instances('echo')).toBe(3)
      const echo = rpc.client(EchoServiceDefinition, 'echo')
      const seen: string[] = []
      for (let index = 0; index < 6; index++) seen.push((await echo.unary(frame('who'))).frame.toString())
      expect(seen.toSorted()).toEqual(['0', '0', '1', '1', '2', '2'])
      for (const instance of [2, 0]) {
        const one = rpc.client(EchoServiceDefinition, 'echo', instance)
        expect((await one.unary(frame('who'))).frame.toString()).toBe(String(instance))
      }
      await expect(rpc.client(EchoServiceDefinition, 'echo', 9).unary(frame('x'))).rejects.toMatchObject({
        reason: 'DEPENDENCY_UNAVAILABLE',
      })
    })
  })
}

function frame(text: string | Uint8Array, height = 0n): Note {
  return Note.create({ frame: Buffer.from(text), height })
}

function answer(text: string): Note {
  return Note.create({ frame: Buffer.from(text) })
}

async function* several(...texts: (string | Uint8Array)[]): AsyncGenerator<Note> {
  for (const text of texts) yield frame(text)
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Waits until a count has stopped to change: the only way to see that a writer waits. */
async function settled(read: () => number): Promise<void> {
  for (let same = 0, last = read(); same < 8; ) {
    await pause(15)
    const now = read()
    same = now === last ? same + 1 : 0
    last = now
  }
}

/** Requests that the test sends one by one. */
class Queue implements AsyncIterable<Note> {
  #items: Note[] = []
  #ended = false
  #wake = () => {}

  push(item: Note): void {
    this.#items.push(item)
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Note> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) yield item
      else if (this.#ended) return
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}

import { describe, expect, test } from '@jest/globals'
import type { Endpoint, Handler, MessageCodec } from '@zerog/ports'
import type { FaultRates } from './faults.ts'
import type { NodeEnv } from './node.ts'
import { Sim } from './sim.ts'

const plain = (env: NodeEnv) => env

async function withNodes(names: readonly string[], faults: FaultRates, body: (envs: NodeEnv[], sim: Sim) => Promise<void>) {
  const sim = new Sim({ seed: 11n, swarm: false, faults })
  await sim.run(async () => {
    const nodes = names.map((name) => sim.node(name, plain))
    for (const node of nodes) node.start()
    await body(await Promise.all(nodes.map((node) => node.ready())), sim)
  })
  return sim.faults.counts
}

describe('raw messages', () => {
  const exchange = async (faults: FaultRates, count = 200) => {
    const seen: number[] = []
    await withNodes(['a', 'b'], faults, async ([a, b], sim) => {
      b?.network.onMessage((from, bytes) => void (from === 'a' && seen.push(bytes[0] as number)))
      for (let number = 0; number < count; number++) a?.network.send('b', Uint8Array.of(number))
      await sim.clock.sleep(60_000)
    })
    return seen
  }

  test('overtake each other but all arrive once when nothing is lost', async () => {
    const seen = await exchange({})
    expect(seen).not.toEqual(seen.toSorted((x, y) => x - y))
    expect(seen.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 200 }, (_, number) => number))
  })

  test('get lost and come twice as often as asked for', async () => {
    const lossy = await exchange({ 'network.loss': 0.5 })
    expect(lossy.length).toBeGreaterThan(60)
    expect(lossy.length).toBeLessThan(140)
    const doubled = await exchange({ 'network.duplicate': 0.5 })
    expect(doubled.length).toBeGreaterThan(260)
  })

  test('a full link says so instead of buffering without end', async () => {
    const counts = await withNodes(['a', 'b'], {}, async ([a]) => {
      const accepted = Array.from({ length: 2_000 }, () => a?.network.send('b', new Uint8Array(1)))
      expect(accepted.filter(Boolean).length).toBe(1_024)
    })
    expect(counts.get('network.queue_full')).toBe(976)
  })

  test('a cut is one way only, and healing ends it', async () => {
    await withNodes(['a', 'b'], {}, async ([a, b], sim) => {
      const seen: string[] = []
      for (const env of [a, b]) env?.network.onMessage((from) => void seen.push(from))
      const both = async () => {
        a?.network.send('b', new Uint8Array(1))
        b?.network.send('a', new Uint8Array(1))
        await sim.clock.sleep(1_000)
        return seen.splice(0).sort()
      }
      sim.network.cut('a', 'b')
      expect(await both()).toEqual(['b'])
      sim.network.heal()
      expect(await both()).toEqual(['a', 'b'])
      sim.network.partition([['a'], ['b']])
      expect(await both()).toEqual([])
    })
  })
})

const bytesCodec: MessageCodec<{ readonly n: number }> = {
  encode: ({ n }) => ({ finish: () => Buffer.from(JSON.stringify({ n })) }),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
}
const method = <Req extends boolean, Res extends boolean>(name: string, requestStream: Req, responseStream: Res) => ({
  name,
  requestType: bytesCodec,
  requestStream,
  responseType: bytesCodec,
  responseStream,
  options: {},
})
const NumberService = {
  name: 'NumberService',
  fullName: 'zerog.test.v1.NumberService',
  methods: {
    double: method('Double', false, false),
    count: method('Count', false, true),
    sum: method('Sum', true, false),
    echo: method('Echo', true, true),
  },
} as const
type Methods = typeof NumberService.methods

function serveNumbers(env: NodeEnv, allow = ['caller']) {
  const seen = { doubles: 0, sent: 0, aborted: 0 }
  const endpoint = <K extends keyof Methods>(name: K, handle: Handler<Methods[K]>): Endpoint<Methods[K]> =>
    ({ method: NumberService.methods[name], allow, handle }) as Endpoint<Methods[K]>
  env.rpc.serve(NumberService, {
    double: endpoint('double', async ({ n }, { signal }) => {
      seen.doubles++
      signal.addEventListener('abort', () => seen.aborted++)
      if (n === 13) throw new Error('a secret of the server')
      if (n > 100) await env.clock.sleep(n)
      return { n: 2 * n }
    }),
    count: endpoint('count', async function* ({ n }, { signal }) {
      signal.addEventListener('abort', () => seen.aborted++)
      for (let number = 0; number < n; number++) {
        seen.sent++
        yield { n: number }
      }
    }),
    sum: endpoint('sum', async (request) => {
      let sum = 0
      for await (const { n } of request) sum += n
      return { n: sum }
    }),
    echo: endpoint('echo', async function* (request) {
      for await (const message of request) yield message
    }),
  })
  return seen
}

async function* numbers(count: number) {
  for (let n = 0; n < count; n++) yield { n }
}

describe('Rpc', () => {
  const withRpc = async (
    faults: FaultRates,
    body: (context: {
      client: ReturnType<typeof clientOf>
      seen: ReturnType<typeof serveNumbers>
      sim: Sim
      caller: NodeEnv
    }) => Promise<void>,
    allow?: string[],
  ) => {
    const sim = new Sim({ seed: 5n, swarm: false, faults })
    await sim.run(async () => {
      const server = sim.node('server-0', (env) => serveNumbers(env, allow))
      const callerNode = sim.node('caller', plain)
      server.start()
      callerNode.start()
      const caller = await callerNode.ready()
      await body({ client: clientOf(caller), seen: await server.ready(), sim, caller })
    })
    return sim
  }
  const clientOf = (env: NodeEnv) => env.rpc.client(NumberService, 'server')

  test('carries all four kinds of calls in order over a lossy, slow network', async () => {
    await withRpc({ 'network.loss': 0.2, 'network.slow': 0.1 }, async ({ client }) => {
      expect(await client.double({ n: 21 }, { timeoutMs: 60_000 })).toEqual({ n: 42 })
      const counted: number[] = []
      for await (const { n } of client.count({ n: 50 })) counted.push(n)
      expect(counted).toEqual(Array.from({ length: 50 }, (_, number) => number))
      expect(await client.sum(numbers(40))).toEqual({ n: 780 })
      const echoed: number[] = []
      for await (const { n } of client.echo(numbers(40))) echoed.push(n)
      expect(echoed).toEqual(Array.from({ length: 40 }, (_, number) => number))
    })
  })

  test('refuses an identity that is not on the list, before the handler', async () => {
    await withRpc(
      {},
      async ({ client, seen }) => {
        await expect(client.double({ n: 1 })).rejects.toMatchObject({
          reason: 'IDENTITY_NOT_ALLOWED',
          metadata: { identity: 'caller' },
        })
        expect(seen.doubles).toBe(0)
      },
      ['somebody-else'],
    )
  })

  test('hides what is not ours to tell', async () => {
    await withRpc({}, async ({ client }) => {
      const error = await client.double({ n: 13 }).catch((caught) => caught)
      expect(error.reason).toBe('INTERNAL')
      expect(String(error)).not.toContain('secret')
    })
  })

  test('ends at the deadline and when the caller gives up, and the server hears of it', async () => {
    await withRpc({}, async ({ client, seen, sim }) => {
      await expect(client.double({ n: 5_000 }, { timeoutMs: 100 })).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
      const controller = new AbortController()
      sim.clock.after(50, () => controller.abort())
      await expect(client.double({ n: 5_000 }, { signal: controller.signal })).rejects.toMatchObject({ reason: 'CANCELLED' })
      for await (const { n } of client.count({ n: 1_000_000 })) if (n === 3) break
      await sim.clock.sleep(1_000)
      expect(seen.aborted).toBe(3)
    })
  })

  test('a reader that stalls stops the writer', async () => {
    await withRpc({}, async ({ client, seen, sim }) => {
      for await (const { n } of client.count({ n: 1_000 })) {
        if (n === 5) {
          await sim.clock.sleep(10_000)
          expect(seen.sent).toBeLessThanOrEqual(5 + 1 + 16 + 1)
        }
      }
      expect(seen.sent).toBe(1_000)
    })
  })

  test('a broken connection is retried for unary calls only, so a handler may run again', async () => {
    await withRpc({ 'network.reset': 0.5 }, async ({ client, seen, sim }) => {
      let failures = 0
      for (let round = 0; round < 30; round++) await client.double({ n: 1 }).catch(() => failures++)
      expect(seen.doubles).toBeGreaterThan(30)
      expect(failures).toBeLessThan(10)
      const before = sim.faults.counts.get('network.reset') ?? 0
      await client.double({ n: 1 }, { retriesMax: 0 }).catch((error) => expect(error.reason).toBe('DEPENDENCY_UNAVAILABLE'))
      expect((sim.faults.counts.get('network.reset') ?? 0) - before).toBeLessThanOrEqual(1)
    })
  })

  test('a caller hears of a server that died, and calls to a starting one wait', async () => {
    await withRpc({}, async ({ client, sim, caller }) => {
      const server = sim.nodes.find(({ name }) => name === 'server-0')
      const call = client.double({ n: 5_000 }, { timeoutMs: 120_000, retriesMax: 0 }).catch((error) => error)
      sim.clock.after(100, () => server?.crash({ downMs: 10 }))
      expect(await call).toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' })
      await server?.ready()
      server?.crash({ downMs: null })
      await expect(client.double({ n: 1 }, { retriesMax: 0 })).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' })
      server?.start()
      expect(await client.double({ n: 1 })).toEqual({ n: 2 })
      expect(caller.rpc.instances('server')).toBe(1)
      expect(caller.rpc.instances('nobody')).toBe(0)
    })
  })
})

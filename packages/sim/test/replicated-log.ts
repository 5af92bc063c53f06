import type { Client, Endpoint, Kv, MessageCodec } from '@zerog/ports'
import { assert, ZerogError } from '@zerog/primitives'
import type { NodeEnv, Scenario, Sim, SimNode } from '../src/index.ts'

/** Mistakes that someone could make in this log; each must be found. */
export type Bug =
  | 'acknowledges_before_flush' // the leader hands out and answers what is only in its page cache
  | 'forgets_its_end' // the end of the log is remembered apart from the entries, and not every time
  | 'applies_duplicates' // a client that asks again gets a second entry
  | 'follower_skips_flush' // a follower says yes to an entry that it has not synced

type Entry = { readonly index: number; readonly id: string; readonly text: string }

const FOLLOWERS = 2
const CLIENTS = 3
const APPENDS_PER_CLIENT = 6

/** An append-only log: one leader, two followers; an entry counts when the leader and one follower have synced it. */
export function replicatedLog(bug?: Bug): Scenario {
  return {
    name: bug === undefined ? 'replicated-log' : `replicated-log-${bug}`,
    description: 'What a log acknowledged stays, once, at its place, on the leader and on every follower.',
    faults: {
      'node.crash_point': 0.02,
      'network.loss': 0.05,
      'network.reset': 0.05,
      'network.slow': 0.05,
      'disk.slow': 0.05,
      'clock.skew': 0.5,
    },
    mustSee: [
      'node.crash_point',
      'node.power_cut',
      'node.kill',
      'node.pause',
      'network.partition',
      'network.reset',
      'disk.lost_write',
    ],
    run: (sim) => run(sim, bug),
  }
}

async function run(sim: Sim, bug: Bug | undefined): Promise<void> {
  const leader = sim.node('log-leader', (env) => openLeader(env, bug))
  const followers = Array.from({ length: FOLLOWERS }, (_, index) =>
    sim.node(`log-follower-${index}`, (env) => openFollower(env, bug)),
  )
  const acknowledged = new Map<string, number>()

  sim.check('what was acknowledged is in the log', () => {
    const log = leader.app?.entries
    if (!log) return
    for (const [id, index] of acknowledged)
      assert(log[index]?.id === id, `entry ${index} was acknowledged as ${id}, the log has ${log[index]?.id}`)
  })
  sim.check('no entry is there twice', () => {
    const log = leader.app?.entries ?? []
    assert(new Set(log.map(({ id }) => id)).size === log.length, 'the log holds an id twice')
  })

  sim.check('what was acknowledged is on a follower', () => {
    const logs = followers.map(({ app }) => app?.entries)
    if (logs.includes(undefined)) return
    for (const [id, index] of acknowledged)
      assert(
        logs.some((log) => log?.[index]?.id === id),
        `no follower has ${id}`,
      )
  })

  for (const node of sim.nodes) node.start()
  sim.torment({ 'node.power_cut': 400, 'node.kill': 400, 'node.pause': 800, 'network.partition': 1_500 })
  const clients = Array.from({ length: CLIENTS }, (_, index) => appendAll(sim, leader, { name: `client-${index}`, acknowledged }))
  await Promise.all(clients)
  await sim.heal()
  await leader.call((app) => app.catchUp())
  const expected = leader.app?.entries ?? []
  assert(expected.length === CLIENTS * APPENDS_PER_CLIENT, `${expected.length} entries of ${CLIENTS * APPENDS_PER_CLIENT}`)
  for (const follower of followers) {
    assert(JSON.stringify(follower.app?.entries) === JSON.stringify(expected), `${follower.name} differs from the leader`)
  }
}

/** A client asks again, with the same id, until it gets an answer. */
async function appendAll(
  sim: Sim,
  leader: SimNode<Leader>,
  { name, acknowledged }: { readonly name: string; readonly acknowledged: Map<string, number> },
): Promise<void> {
  for (let count = 0; count < APPENDS_PER_CLIENT; count++) {
    const id = `${name}-${count}`
    for (;;) {
      try {
        acknowledged.set(id, await leader.call((app) => app.append(id, `text of ${id}`), id))
        break
      } catch (error) {
        if (!(error instanceof ZerogError)) throw error
        await sim.clock.sleep(sim.prng.between(1, 100))
      }
    }
    await sim.clock.sleep(sim.prng.below(200))
  }
}

type Leader = {
  readonly entries: readonly Entry[]
  readonly append: (id: string, text: string) => Promise<number>
  readonly catchUp: () => Promise<void>
}

async function openLeader(env: NodeEnv, bug: Bug | undefined): Promise<Leader> {
  const kv = await env.kv('log')
  const entries = readEntries(kv)
  if (bug === 'forgets_its_end') {
    const end = kv.get('meta', Buffer.from('end'))
    entries.length = end === undefined ? 0 : Number(Buffer.from(end).toString())
  }
  const places = new Map(entries.map(({ id, index }) => [id, index]))
  const followers = Array.from({ length: FOLLOWERS }, (_, instance) => env.rpc.client(LogService, 'log-follower', instance))
  // What this many entries are is certain; a follower that got more would keep what the leader may still lose.
  let syncedCount = entries.length
  const bring = async (follower: Client<typeof LogService>) => {
    for (;;) {
      const { length } = await follower.store({ entry: undefined })
      const entry = entries[length]
      if (entry === undefined || length >= syncedCount) return
      await follower.store({ entry })
    }
  }
  return {
    entries,
    append: async (id, text) => {
      const known = bug === 'applies_duplicates' ? undefined : places.get(id)
      const entry = known === undefined ? { index: entries.length, id, text } : (entries[known] as Entry)
      if (known === undefined) {
        entries.push(entry)
        places.set(id, entry.index)
        writeEntry(kv, entry)
        if (bug === 'forgets_its_end' && entries.length % 3 === 0) {
          kv.write([{ table: 'meta', key: Buffer.from('end'), value: Buffer.from(String(entries.length)) }])
        }
      }
      const count = entries.length
      if (bug !== 'acknowledges_before_flush') await kv.flush()
      syncedCount = Math.max(syncedCount, count)
      await Promise.any(followers.map(bring)).catch((error: AggregateError) => Promise.reject(error.errors[0]))
      return entry.index
    },
    catchUp: async () => {
      await Promise.all(followers.map(bring))
    },
  }
}

async function openFollower(env: NodeEnv, bug: Bug | undefined): Promise<{ readonly entries: readonly Entry[] }> {
  const kv = await env.kv('log')
  const entries = readEntries(kv)
  const store: Endpoint<typeof LogService.methods.store> = {
    method: LogService.methods.store,
    allow: ['log-leader'],
    handle: async ({ entry }) => {
      if (entry && entry.index < entries.length) {
        assert(
          entries[entry.index]?.id === entry.id,
          `entry ${entry.index} is ${entries[entry.index]?.id} here and ${entry.id} there`,
        )
      } else if (entry && entry.index === entries.length) {
        entries.push(entry)
        writeEntry(kv, entry)
      }
      const { length } = entries
      if (bug !== 'follower_skips_flush') await kv.flush()
      return { length }
    },
  }
  env.rpc.serve(LogService, { store })
  return { entries }
}

function readEntries(kv: Kv): Entry[] {
  return [...kv.range('entries')].map(([, value]) => JSON.parse(Buffer.from(value).toString()) as Entry)
}

function writeEntry(kv: Kv, entry: Entry): void {
  const key = Buffer.alloc(4)
  key.writeUInt32BE(entry.index)
  kv.write([{ table: 'entries', key, value: Buffer.from(JSON.stringify(entry)) }])
}

type StoreRequest = { readonly entry: Entry | undefined }
type StoreResponse = { readonly length: number }

/** JSON where the real services have protobuf: the port only asks for bytes. */
export function jsonCodec<T>(): MessageCodec<T> {
  return {
    encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
    decode: (input) => JSON.parse(Buffer.from(input).toString()) as T,
  }
}

const LogService = {
  name: 'LogService',
  fullName: 'zerog.example.v1.LogService',
  methods: {
    store: {
      name: 'Store',
      requestType: jsonCodec<StoreRequest>(),
      requestStream: false,
      responseType: jsonCodec<StoreResponse>(),
      responseStream: false,
      options: {},
    },
  },
} as const

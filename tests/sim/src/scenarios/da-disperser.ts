import {
  type Committee,
  createCommittee,
  createWindow,
  cutBlob,
  hashStatement,
  type Member,
  parseBundle,
  type Statement,
  windowMessage,
} from '@zerog/availability'
import { simulatedMultisignature, simulatedSign } from '@zerog/consensus/testing'
import { layoutFor } from '@zerog/erasure'
import { sha256 } from '@zerog/kernels'
import type { BlobStore, Traces } from '@zerog/ports'
import { assert, concatBytes, equalBytes, toHex, ZerogError } from '@zerog/primitives'
import type { NodeEnv, Scenario, Sim, SimNode } from '@zerog/sim'
import { memoryDisperserRepository } from '../../../../services/da/src/adapters/sql/memory-repository.ts'
import { bundleChanges } from '../../../../services/da/src/app/disperser/changes.ts'
import { createDisperser, type Disperser } from '../../../../services/da/src/app/disperser/disperser.ts'
import type { EncoderClient } from '../../../../services/da/src/app/disperser/encoder-client.ts'
import type { DisperserRepository } from '../../../../services/da/src/app/disperser/repository.ts'
import type { MemberConnector } from '../../../../services/da/src/app/members.ts'
import { type EntranceChain, entranceChain } from '../../../../services/da/test/support/entrance-chain.ts'
import { CHAIN_ID } from '../../../../services/da/test/support/members.ts'

const DISPERSERS = 2
const never = new AbortController().signal

/** Mistakes that the scenario must find. */
export type DisperserSabotage =
  | 'accepts_before_its_disk' // a blob is acknowledged while its bytes are in the page cache only
  | 'signs_again_after_a_crash' // a certificate is announced before it is kept
  | 'forgets_keys' // a repeated upload is another blob

/** Dispersers on disks that lose writes, over a database and a chain behind a network: what was accepted becomes final, once. */
export function daDisperserScenario(sabotage?: DisperserSabotage): Scenario {
  return {
    name: 'da-disperser',
    description:
      'Every blob that a disperser accepted becomes final with its own bytes, and no bundle is certified in two windows, while dispersers crash and members, encoder, database and chain fail.',
    faults: {
      'node.crash_point': 0.01,
      'disk.slow': 0.05,
      'remote.refused': 0.02,
      'remote.unknown': 0.02,
      'clock.skew': 1,
    },
    mustSee: ['node.power_cut', 'node.kill', 'disk.lost_write', 'remote.refused', 'remote.unknown'],
    timeMaxMs: 3_600_000,
    eventsMax: 600_000,
    run: (sim) => run(sim, sabotage),
  }
}

/** What is outside of the dispersers and does not crash with them. */
type World = {
  readonly sim: Sim
  readonly committee: Committee
  readonly repository: DisperserRepository
  readonly chain: EntranceChain
  /** Hashes of statements whose rows a member has, by member. */
  readonly stored: readonly Set<string>[]
  /** By commitment. */
  readonly payloads: Map<string, Uint8Array>
  /** Roots of the windows that somebody tried to submit, by the hash of a statement in them. */
  readonly windows: Map<string, Set<string>>
  readonly accepted: Map<string, { readonly id: string; readonly bytes: Uint8Array }>
}

async function run(sim: Sim, sabotage: DisperserSabotage | undefined): Promise<void> {
  const committee = makeCommittee(sim)
  const world: World = {
    sim,
    committee,
    repository: sabotaged(memoryDisperserRepository(), sabotage),
    chain: entranceChain([committee], { multisignature: simulatedMultisignature }),
    stored: committee.members.map(() => new Set()),
    payloads: new Map(),
    windows: new Map(),
    accepted: new Map(),
  }
  const dispersers = Array.from({ length: DISPERSERS }, (_, instance) =>
    sim.node(`da-disperser-${instance}`, (env) => openDisperser(env, { world, instance, sabotage }), { instance }),
  )
  for (const node of dispersers) await node.ready()
  sim.torment({ 'node.power_cut': 1500, 'node.kill': 1500, 'node.pause': 4000 })
  await Promise.all(Array.from({ length: 3 }, (_, client) => disperse(world, dispersers, client)))
  await sim.heal()
  await everythingIsFinal(world)
}

function makeCommittee(sim: Sim): Committee {
  const members = Array.from({ length: sim.prng.between(3, 6) }, (_, index): Member => {
    const address = `0x${index.toString(16).padStart(40, '0')}` as const
    return { address, stake: BigInt(sim.prng.between(1, 5)), key: new Uint8Array(96).fill(index + 1), socket: String(index) }
  })
  return createCommittee({ epoch: 1n, id: 0, seed: sha256(Uint8Array.of(sim.prng.below(256))), members })
}

async function openDisperser(
  env: NodeEnv,
  options: { readonly world: World; readonly instance: number; readonly sabotage: DisperserSabotage | undefined },
): Promise<Disperser> {
  const { world, instance, sabotage } = options
  const { chain } = world
  const { clock, random, logger, meter } = env
  const disk = await env.blobs('blobs')
  const early: BlobStore = { ...disk, put: async (key, value) => void disk.put(key, value).catch(() => {}) }
  const repository = env.remote('repository', world.repository)
  const { expiryOf } = env.remote('entrance', { expiryOf: chain.entrance.expiryOf })
  const { address, ...calls } = chain.account
  const disperser = createDisperser(rulesOf(instance, env), {
    repository: sabotage === 'signs_again_after_a_crash' ? announcingEarly(repository, env) : repository,
    committees: env.remote('committees', chain.committees),
    encoder: encoderOf(env, world),
    connect: membersOf(env, world),
    multisignature: simulatedMultisignature,
    changes: bundleChanges({ instance, shared: () => true }, { bus: env.bus, clock, random, logger }),
    chain,
    entrance: { ...chain.entrance, expiryOf, encode: (windows) => noting(world, windows, chain.entrance.encode) },
    registry: chain.registry,
    account: { address, ...asFarCalls(env, calls) },
    store: sabotage === 'accepts_before_its_disk' ? early : disk,
    leases: env.leases,
    clock,
    random,
    logger,
    meter,
    traces: noTraces,
    hasher: collectedSha256,
  })
  await untilDone(env, () => disperser.prepare())
  disperser.run(env.signal).catch((error: unknown) => {
    if (!env.signal.aborted) env.fatal(error)
  })
  return disperser
}

/** A proxy cannot be spread: its methods one by one. */
function asFarCalls<T extends object>(env: NodeEnv, calls: T): T {
  const far = env.remote('account', calls)
  return Object.fromEntries(Object.keys(calls).map((name) => [name, far[name as keyof T]])) as T // the same keys
}

/** A database that is away when a process starts is waited for. */
async function untilDone(env: NodeEnv, work: () => Promise<void>): Promise<void> {
  for (;;) {
    const problem = await work().then(
      () => undefined,
      (error: unknown) => error,
    )
    if (problem === undefined) return
    await env.clock.sleep(100)
  }
}

function rulesOf(instance: number, env: NodeEnv): Parameters<typeof createDisperser>[0] {
  return {
    instance,
    chainId: CHAIN_ID,
    holder: `${env.name}-${env.life}`,
    blobBytesMax: 100_000,
    bundleBytesMax: 20_000,
    flushBytes: 8_000,
    partsMax: 100,
    flushMs: 50,
    idleMs: 5,
    codingMax: 3,
    windowsMax: 2,
    windowBundlesMax: 8,
    graceMs: 30,
    retentionSeconds: 30 * 86_400,
    retentionSecondsMax: 366 * 86_400,
    retryFirstMs: 50,
    retryMaxMs: 1000,
    giveUpMs: 100_000_000,
    refillsMax: 2,
    refillFirstMs: 200,
    hotMs: 60_000_000,
    forgetIntervalMs: 500,
    leaseTtlMs: 1000,
    tipPerGas: 1n,
    heightFirst: 0n,
    epochKeeper: false,
    epochCheckMs: 1000,
  }
}

/** Codes nothing, but names every payload by its bytes, as an encoder does, and hands it to the members. */
function encoderOf({ clock, random }: NodeEnv, { committee, payloads, stored }: World): EncoderClient {
  return async function* encode(task, pieces) {
    await clock.sleep(1 + random.below(30))
    if (random.below(20) === 0) throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'no encoder runs' })
    const payload = concatBytes(...pieces)
    assert(payload.length === task.payloadBytes, 'a bundle has as many bytes as it should')
    const commitment = sha256(payload)
    payloads.set(toHex(commitment), payload)
    const { epoch, committee: id, expiry, payloadBytes, done } = task
    const layout = layoutFor(payloadBytes, { committeeRows: committee.rows, rate: '1/4' })
    const statement = { commitment, ...layout, payloadBytes, epoch, committee: id, expiry }
    yield { kind: 'encoded', statement }
    for (const member of committee.members.keys()) {
      if (done.includes(member)) continue
      await clock.sleep(random.below(20))
      const failed = random.below(8) === 0
      if (!failed) stored[member]?.add(nameOf(statement))
      yield { kind: 'outcome', member, failure: failed ? { reason: 'DEPENDENCY_UNAVAILABLE', message: 'away' } : undefined }
    }
  }
}

/** Members sign for what they store; some lie now and then, some are away. */
function membersOf({ clock, random }: NodeEnv, { committee, stored }: World): MemberConnector {
  return ({ socket }) => ({
    putRows: async () => {},
    async signWindow(statements) {
      const member = Number(socket)
      await clock.sleep(1 + random.below(30))
      if (random.below(10) === 0) throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'away' })
      if (statements.some((statement) => !stored[member]?.has(nameOf(statement)))) {
        throw new ZerogError('WRONG_STATE', { message: 'rows are missing' })
      }
      if (random.below(30) === 0) return new Uint8Array(96).fill(7)
      const key = committee.publicKeys[member] as Uint8Array // a member of this committee
      return simulatedSign(key, windowMessage(createWindow(statements, committee, CHAIN_ID)))
    },
  })
}

const nameOf = (statement: Statement): string => toHex(hashStatement(statement, CHAIN_ID))

/** Everything that was ever on its way to the chain: one statement belongs to one window. */
function noting<Windows extends Parameters<EntranceChain['entrance']['encode']>[0], Result>(
  { windows: seen }: World,
  windows: Windows,
  encode: (windows: Windows) => Result,
): Result {
  for (const { certificate, statements } of windows) {
    for (const statement of statements) {
      const roots = seen.get(nameOf(statement)) ?? new Set()
      seen.set(nameOf(statement), roots.add(toHex(certificate.windowRoot)))
      assert(roots.size === 1, 'no bundle is certified in two windows')
    }
  }
  return encode(windows)
}

/** The same blob under the same key until somebody accepted it: what an honest client does, at whichever disperser answers. */
async function disperse(world: World, dispersers: readonly SimNode<Disperser>[], client: number): Promise<void> {
  const { sim, accepted } = world
  for (let count = 0; count < 6; count++) {
    const key = `${client}-${count}`
    const length = sim.prng.pick([1, 300, 5000, 30_000])
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 31 + client * 7 + count + (at >> 8)) & 255)
    for (let attempt = 0; ; attempt++) {
      assert(attempt < 400, 'an upload is accepted at last')
      const node = sim.prng.pick(dispersers)
      const upload = {
        id: `${key}-${attempt}`,
        sizeBytes: length,
        account: new Uint8Array(20),
        idempotencyKey: key,
        retentionSeconds: 0,
        chunks: [bytes],
        signal: never,
      }
      const outcome = await node.call((app) => app.accept(upload, 'disperser'), 'accept').catch((error: unknown) => error)
      if (!(outcome instanceof Error)) {
        const { id } = outcome as { readonly id: string }
        accepted.set(key, { id, bytes })
        break
      }
      await sim.clock.sleep(sim.prng.between(20, 200))
    }
    await sim.clock.sleep(sim.prng.below(200))
  }
}

async function everythingIsFinal(world: World): Promise<void> {
  const { sim, accepted, repository, chain } = world
  for (const [key, { id, bytes }] of accepted) {
    let view: Awaited<ReturnType<DisperserRepository['blobs']>>[number]
    for (let round = 0; round < 300; round++) {
      ;[view] = await repository.blobs([id])
      if (view?.parts.every(({ finalizedAtMs }) => finalizedAtMs !== undefined) === true) break
      await sim.clock.sleep(200)
    }
    assert(view !== undefined, 'a blob that was accepted is known')
    assert(view.failure === undefined, `a blob that was accepted is not given up: ${view.failure?.message}`)
    assert(
      view.parts.every(({ finalizedAtMs }) => finalizedAtMs !== undefined),
      'a blob that was accepted becomes final',
    )
    const found = view.parts.map(({ statement, index }) => {
      const payload = world.payloads.get(toHex(statement?.commitment ?? new Uint8Array()))
      assert(payload !== undefined, 'a final bundle was coded')
      const entry = parseBundle(payload)[index]
      assert(entry !== undefined, 'a bundle has the blobs that it was made of')
      return cutBlob(payload, entry)
    })
    assert(equalBytes(concatBytes(...found), bytes), 'a blob is certified with its own bytes')
    const present = await repository.blobByKey(new Uint8Array(20), key)
    assert(present?.id === id, 'a key stands for one blob')
  }
  for (const { statement, windows } of chain.records.values()) {
    assert(windows === 1, 'the chain records a bundle once')
    assert(world.payloads.has(toHex(statement.commitment)), 'the chain records what was coded')
  }
}

function sabotaged(repository: DisperserRepository, sabotage: DisperserSabotage | undefined): DisperserRepository {
  if (sabotage !== 'forgets_keys') return repository
  return {
    ...repository,
    acceptBlobs: (blobs) => repository.acceptBlobs(blobs.map((blob) => ({ ...blob, idempotencyKey: undefined }))),
  }
}

/** The certificate counts as kept a little before it is: a crash in between loses it, and its submission went out. */
function announcingEarly(repository: DisperserRepository, env: NodeEnv): DisperserRepository {
  return new Proxy(repository, {
    get(target, name, receiver) {
      if (name !== 'saveWindow') return Reflect.get(target, name, receiver)
      return async (...given: Parameters<DisperserRepository['saveWindow']>) => {
        env.clock.after(300, () => void repository.saveWindow(...given).catch(() => {}))
      }
    },
  })
}

/** Node's own hash is an object that leaves the simulation; blobs are small here. */
function collectedSha256() {
  const parts: Uint8Array[] = []
  return { update: (bytes: Uint8Array) => void parts.push(bytes.slice()), digest: () => sha256(concatBytes(...parts)) }
}

const noTraces: Traces = {
  enter: () => ({ run: (work) => work(), end() {} }),
  begin: () => ({ run: (work) => work(), end() {} }),
  current: () => undefined,
  headers: () => ({}),
}

import {
  assignRows,
  buildBundle,
  type Committee,
  createCommittee,
  type Member,
  quorumIdOf,
  type Statement,
} from '@zerog/availability'
import { type Encoded, encodePayload, layoutFor, type RowProof } from '@zerog/erasure'
import { sha256 } from '@zerog/kernels'
import type { BlobStore } from '@zerog/ports'
import { assert, concatBytes, equalBytes, ZerogError } from '@zerog/primitives'
import { type NodeEnv, type Scenario, SIM_EPOCH_MS, type Sim, type SimNode } from '@zerog/sim'
import { staticCommittees } from '../../../../services/da/src/adapters/committees/static.ts'
import { serveNode } from '../../../../services/da/src/adapters/grpc/node/serve.ts'
import { writtenNodeService } from '../../../../services/da/src/adapters/grpc/put-rows-codec.ts'
import { rpcSourceConnector } from '../../../../services/da/src/adapters/grpc/source-connector.ts'
import { inlineRowWork } from '../../../../services/da/src/adapters/row-work/inline.ts'
import type { Committees } from '../../../../services/da/src/app/committees.ts'
import type { Coder } from '../../../../services/da/src/app/encoder/coder.ts'
import { runLoop } from '../../../../services/da/src/app/loop.ts'
import { createDaNode, type DaNode } from '../../../../services/da/src/app/node/da-node.ts'
import type { SentRow } from '../../../../services/da/src/app/node/put-rows.ts'
import { repairAll } from '../../../../services/da/src/app/node/repair.ts'
import { createRetriever, type Retriever } from '../../../../services/da/src/app/retriever/retriever.ts'

const CHAIN_ID = 31_337n
const EXPIRY = BigInt(Math.floor(SIM_EPOCH_MS / 1000)) + 20n * 86_400n
const never = new AbortController().signal
/** Kernels and what was derived for a commitment; a life of a node is too short for its own. */
const work = inlineRowWork()

/** Mistakes that the scenario must find. */
export type Sabotage =
  | 'acknowledges_before_sync' // a member signs while its rows are in the page cache only
  | 'believes_members' // the retriever does not check rows
  | 'never_repairs' // a member that lost rows waits for somebody to send them again

type Role = 'honest' | 'gone' | 'lying' | 'withholding' | 'slow'

/** Members and a retriever: what was signed stays, damaged rows come back, and any third of the stake may be bad. */
export function daScenario(sabotage?: Sabotage): Scenario {
  return {
    name: 'da',
    description:
      'Rows that a member signed for survive crashes, flipped bits and the next committee, and blobs read back while a third of the stake is gone, lies, withholds or is slow.',
    faults: {
      'node.crash_point': 0.01,
      'disk.slow': 0.05,
      'network.reset': 0.01,
      'network.slow': 0.02,
      'clock.skew': 1,
    },
    mustSee: ['node.power_cut', 'node.kill', 'disk.lost_write', 'network.reset'],
    timeMaxMs: 3_600_000,
    eventsMax: 600_000,
    run: (sim) => run(sim, sabotage),
  }
}

type Bundle = {
  readonly statement: Statement
  readonly committee: Committee
  readonly encoded: Encoded
  readonly blobs: readonly Uint8Array[]
}
type World = {
  readonly sim: Sim
  readonly roles: readonly Role[]
  /** By the number of their node, which is their socket. */
  readonly members: readonly SimNode<DaNode>[]
  readonly retriever: SimNode<Retriever>
}

async function run(sim: Sim, sabotage: Sabotage | undefined): Promise<void> {
  const [first, second] = makeCommittees(sim)
  const roles = chooseRoles(sim, [first, second])
  sim.record('scenario', 'da.roles', roles.join(' '))
  let newest = first
  const known: Committees = { ...staticCommittees([first, second]), current: async () => newest }
  const members = roles.map((role, member) =>
    sim.node(`da-node-${member}`, (env) => openMember(env, { committees: known, member, role, sabotage })),
  )
  const retriever = sim.node('da-retriever', (env) => openRetriever(env, known, sabotage))
  const world: World = { sim, roles, members, retriever }
  for (const node of members) await node.ready()
  await retriever.ready()
  const bundles = Array.from({ length: sim.prng.between(1, 3) }, (_, salt) => makeBundle(sim, first, salt))
  sim.torment({ 'node.power_cut': 1500, 'node.kill': 1500, 'node.pause': 3000, 'network.partition': 4000 })
  await Promise.all(bundles.map((bundle) => dispersed(world, bundle)))
  for (const [member, role] of roles.entries()) if (role === 'gone') await members[member]?.stop()
  // Reads while members die and come back: they may fail, but never with other bytes.
  for (let round = 0; round < 4; round++) {
    await sim.clock.sleep(sim.prng.below(1500))
    damageSomething(world)
    const bundle = sim.prng.pick(bundles)
    await read(world, bundle, sim.prng.below(bundle.blobs.length))
    if (round !== 1) continue
    // The committee changes: who left keeps what it signed, who came begins with the next bundle.
    newest = second
    const late = makeBundle(sim, second, bundles.length)
    bundles.push(late)
    await dispersed(world, late, (role) => role !== 'gone')
  }
  await sim.heal()
  for (const [member, role] of roles.entries()) if (role === 'gone') await members[member]?.stop()
  for (const bundle of bundles) await signsAgain(world, bundle)
  for (const bundle of bundles) for (const [index] of bundle.blobs.entries()) await readsBack(world, bundle, index)
}

/** Two epochs: in the second one somebody has left, somebody has come, and the stakes are others. */
function makeCommittees(sim: Sim): readonly [Committee, Committee] {
  const count = sim.prng.between(4, 6)
  const leaver = sim.prng.below(count)
  const members = (numbers: readonly number[]) =>
    numbers.map((number): Member => {
      const address = `0x${number.toString(16).padStart(40, '0')}` as const
      return { address, stake: BigInt(sim.prng.between(1, 9)), key: toyKey(number), socket: String(number) }
    })
  const epoch = (number: bigint, numbers: readonly number[]) => {
    const seed = sha256(Uint8Array.of(sim.prng.below(256)))
    return createCommittee({ epoch: number, id: 0, seed, members: members(numbers) })
  }
  const numbers = Array.from({ length: count }, (_, number) => number)
  return [epoch(1n, numbers), epoch(2n, [...numbers.filter((number) => number !== leaver), count])]
}

/** Bad members together have less than a third of the stake, in each committee. */
function chooseRoles(sim: Sim, committees: readonly Committee[]): readonly Role[] {
  const roles: Role[] = []
  const bad = committees.map(() => 0n)
  const nodes = Math.max(...committees.flatMap(({ members }) => members.map(({ socket }) => Number(socket)))) + 1
  for (let node = 0; node < nodes; node++) {
    const stakes = committees.map(({ members }) => members.find(({ socket }) => socket === String(node))?.stake ?? 0n)
    const tooMany = committees.some(
      ({ totalStake }, index) => 3n * ((bad[index] as bigint) + (stakes[index] as bigint)) >= totalStake,
    )
    if (tooMany || sim.prng.chance(0.3)) {
      roles.push('honest')
      continue
    }
    for (const [index, stake] of stakes.entries()) bad[index] = (bad[index] as bigint) + stake
    roles.push(sim.prng.pick(['gone', 'lying', 'withholding', 'slow'] as const))
  }
  return roles
}

async function openMember(
  env: NodeEnv,
  options: {
    readonly committees: Committees
    readonly member: number
    readonly role: Role
    readonly sabotage: Sabotage | undefined
  },
): Promise<DaNode> {
  const disk = await env.blobs('rows')
  const early = { ...disk, put: async (key: Uint8Array, value: Uint8Array) => void disk.put(key, value).catch(() => {}) }
  const { committees } = options
  const node = await createDaNode(
    { chainId: CHAIN_ID, capacityBytes: 2 ** 30, retentionSecondsMax: 40 * 86_400 },
    {
      blobs: misbehaving(options.sabotage === 'acknowledges_before_sync' ? early : disk, { role: options.role, env }),
      kv: await env.kv('promises'),
      clock: env.clock,
      logger: env.logger,
      meter: env.meter,
      committees,
      checker: work,
      signer: { key: toyKey(options.member), sign: (message) => sha256(message) },
      diskFreeBytes: () => 2 ** 30,
    },
  )
  serveNode(env.rpc, node, async () => new Uint8Array(20))
  if (options.role === 'honest' && options.sabotage !== 'never_repairs') startJobs(env, node, committees)
  return node
}

function startJobs(env: NodeEnv, node: DaNode, committees: Committees): void {
  const { clock, logger, meter, signal } = env
  const retriever = makeRetriever(env, committees, work)
  const jobs = [
    { name: 'scrub', intervalMs: 2000, run: () => node.scrub(signal) },
    { name: 'repair', intervalMs: 500, run: () => repairAll({ node, retriever, coder: inlineCoder, meter, logger }, signal) },
  ]
  for (const job of jobs) runLoop(job, { clock, logger, signal }).catch(env.fatal)
}

/** What readers get from a bad member. It stores and signs like the others, so that its signature counts. */
function misbehaving(disk: BlobStore, { role, env }: { readonly role: Role; readonly env: NodeEnv }): BlobStore {
  const isPack = (key: Uint8Array) => key[0] === 0x70
  return {
    ...disk,
    async get(key, range) {
      if (!isPack(key)) return disk.get(key, range)
      if (role === 'withholding') throw new ZerogError('INTERNAL', { message: 'this member withholds' })
      if (role === 'slow') await env.clock.sleep(1000 + env.random.below(4000))
      const value = await disk.get(key, range)
      if (role !== 'lying' || value === undefined) return value
      const lie = value.slice()
      const at = env.random.below(lie.length)
      lie[at] = (lie[at] as number) ^ 1
      return lie
    },
  }
}

function openRetriever(env: NodeEnv, committees: Committees, sabotage: Sabotage | undefined): Retriever {
  const credulous = { check: async () => {}, restore: work.restore }
  return makeRetriever(env, committees, sabotage === 'believes_members' ? credulous : work)
}

function makeRetriever(env: NodeEnv, committees: Committees, rows: typeof work): Retriever {
  const { clock, random, logger, meter, rpc } = env
  return createRetriever(
    { hedgeMsMin: 20, hedgeMsMax: 300 },
    {
      committees,
      connect: rpcSourceConnector(async ({ socket }) => rpc.client(writtenNodeService, 'da-node', Number(socket))),
      checker: rows,
      restorer: rows,
      sha256: collectedSha256,
      clock,
      random,
      logger,
      meter,
    },
  )
}

/** Node's own hash is an object that leaves the simulation; blobs are small here. */
function collectedSha256() {
  const parts: Uint8Array[] = []
  return { update: (bytes: Uint8Array) => void parts.push(bytes.slice()), digest: () => sha256(Buffer.concat(parts)) }
}

const inlineCoder: Coder = {
  async open(layout, payloadBytes) {
    const payload = new Uint8Array(payloadBytes)
    return {
      layout,
      payload,
      async encode() {
        const coded = encodePayload(payload, layout)
        const copyPath = (index: number, target: Uint8Array) => target.set(concatBytes(...coded.proof(index).path))
        return { ...coded, copyPath, encodeMs: 0 }
      },
      release() {},
    }
  },
  stats: () => ({ usedBytes: 0, waiting: 0 }),
  async close() {},
}

function makeBundle(sim: Sim, committee: Committee, salt: number): Bundle {
  const blobs = Array.from({ length: sim.prng.between(1, 4) }, () => {
    const length = sim.prng.pick([1, 50, 1000, 9000])
    return Uint8Array.from({ length }, (_, at) => (31 * at + salt) & 255)
  })
  const payload = buildBundle(blobs.map((bytes) => ({ bytes })))
  const layout = layoutFor(payload.length, { committeeRows: committee.rows, rate: '1/4' })
  const encoded = encodePayload(payload, layout)
  const { epoch, id } = committee
  const statement = {
    commitment: encoded.commitment,
    ...layout,
    payloadBytes: payload.length,
    epoch,
    committee: id,
    expiry: EXPIRY,
  }
  return { statement, committee, encoded, blobs }
}

/** Until every member that is there has signed: a bad one is bad only towards readers. */
async function dispersed(world: World, bundle: Bundle, isThere: (role: Role) => boolean = () => true): Promise<void> {
  const there = nodesOf(bundle).filter((node) => isThere(world.roles[node] as Role))
  await Promise.all(there.map((member) => untilSigned(world, { bundle, member, mayPut: true })))
}

/** After all faults: what was signed is still there, or comes back from the others, without anybody sending it again. */
async function signsAgain(world: World, bundle: Bundle): Promise<void> {
  const honest = nodesOf(bundle).filter((member) => world.roles[member] === 'honest')
  await Promise.all(honest.map((member) => untilSigned(world, { bundle, member, mayPut: false })))
}

function nodesOf({ committee }: Bundle): readonly number[] {
  return committee.members.map(({ socket }) => Number(socket))
}

async function untilSigned(
  { sim, members }: World,
  { bundle, member, mayPut }: { readonly bundle: Bundle; readonly member: number; readonly mayPut: boolean },
): Promise<void> {
  const node = members[member] as SimNode<DaNode>
  const { statement, encoded } = bundle
  const header = { bundle: statement, rlc: encoded.rlc, rowRoot: encoded.rowRoot }
  const rows = rowsOf(bundle, member)
  for (let round = 0; round < 400; round++) {
    const put = async () => mayPut && (await node.call((app) => app.put(header, batches(rows), never), 'put'))
    const outcome = await put()
      .then(() => node.call((app) => app.sign([statement]), 'sign'))
      .catch((error) => error)
    if (outcome instanceof Uint8Array) return
    assert(outcome instanceof ZerogError, `a member refuses with a reason: ${outcome}`)
    await sim.clock.sleep(sim.prng.between(50, 300))
  }
  assert(false, mayPut ? `member ${member} takes its rows` : `member ${member} signed, and has its rows again`)
}

function rowsOf({ statement, committee, encoded }: Bundle, node: number): RowProof[] {
  const member = committee.members.findIndex(({ socket }) => socket === String(node))
  return Array.from(assignRows(committee, statement).rows(member), (index) => encoded.proof(index))
}

async function* batches(rows: readonly RowProof[]): AsyncGenerator<readonly SentRow[]> {
  for (let at = 0; at < rows.length; at += 40) {
    yield rows.slice(at, at + 40).map(({ index, row, path }) => ({ index, row, path: concatBytes(...path) }))
  }
}

/** One honest disk at a time, so that the others can bring the rows back. */
function damageSomething({ sim, members, roles }: World): void {
  const honest = members.filter((_, member) => roles[member] === 'honest')
  if (sim.prng.chance(0.5)) sim.prng.pick(honest).disk.flipBit()
}

async function read({ retriever }: World, { statement, blobs }: Bundle, index: number): Promise<'read' | ZerogError> {
  const name = { commitment: statement.commitment, epoch: statement.epoch, quorumId: quorumIdOf(0, index) }
  const all = async (app: Retriever) => {
    const parts: Uint8Array[] = []
    for await (const part of app.retrieve(name, { offset: 0, length: 0 }, never)) parts.push(part)
    return Buffer.concat(parts)
  }
  const outcome = await retriever.call(all, 'retrieve').catch((error) => error)
  if (outcome instanceof Uint8Array) {
    assert(equalBytes(outcome, blobs[index] as Uint8Array), 'a blob reads back with its own bytes')
    return 'read'
  }
  assert(outcome instanceof ZerogError, `a read fails with a reason: ${outcome}`)
  assert(!BLAMES_DISPERSER.has(outcome.reason), `a read blames nobody who is innocent: ${outcome.message}`)
  return outcome
}

const BLAMES_DISPERSER: ReadonlySet<string> = new Set(['ENCODING_INVALID', 'PAYLOAD_INVALID', 'INTERNAL', 'INVALID_ARGUMENT'])

async function readsBack(world: World, bundle: Bundle, index: number): Promise<void> {
  let last = ''
  for (let round = 0; round < 20; round++) {
    const outcome = await read(world, bundle, index)
    if (outcome === 'read') return
    last = outcome.message
    await world.sim.clock.sleep(500)
  }
  assert(false, `a certified blob can be read while two thirds of the stake are honest: ${last}`)
}

/** No point of the curve, but as long as one: signatures are toys here. */
function toyKey(index: number): Uint8Array {
  return new Uint8Array(96).fill(index + 1)
}

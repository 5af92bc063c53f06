import type { Ballot, Block } from '@zerog/consensus'
import type { Hex } from '@zerog/primitives'
import type { Consensus } from '../node.ts'
import { type Local, type LocalEvent, Part } from './local.ts'
import { ANCHOR, type Bounds, BYZANTINE, HONEST, leaderOf, Universe } from './universe.ts'

export type Exploration = {
  /** States of the whole system, up to exchanging validators that play the same part. */
  readonly states: number
  readonly transitions: number
  /** States of single validators: as often the voter was really run, times events. */
  readonly localStates: number
  /** States in which nothing can happen any more. */
  readonly ends: number
  readonly violation: string | undefined
  /** What led to the violation. */
  readonly story: readonly string[]
  readonly isComplete: boolean
}

/**
 * Visits every state that three honest validators and a Byzantine one can reach within the bounds, in whatever order messages and timeouts
 * come. The Byzantine one signs everything at all times, so every certificate is at hand as soon as honest votes and its own
 * make a quorum; it shows any of its blocks to anybody. Messages are never lost for good, only late, arbitrarily.
 */
export function explore(consensus: Consensus, bounds: Bounds, options: { readonly statesMax?: number } = {}): Exploration {
  return new Explorer(consensus, bounds, options.statesMax ?? 12_000_000).run()
}

/** What a validator can come to by hearing what is there. */
type Reach = {
  /** States in which it has just said something more, or was restarted. */
  readonly spoken: readonly number[]
  /** Every block that it could by then hold as final. */
  readonly hashes: readonly Hex[]
  /** Whether it gets through all views when it hears everything. */
  readonly isDone: boolean
}

type Failed = Error & { readonly move?: string }

type Move = { readonly name: string; readonly event: () => LocalEvent }

class Explorer {
  readonly #universe: Universe
  readonly #bounds: Bounds
  readonly #parts: Part[]
  /** For each honest validator the first one that leads the same views: they are the same but for their number. */
  readonly #twin: number[]
  readonly #quorumOthers: (ownToo: boolean, others: number) => boolean
  /** Each state's predecessor. */
  readonly #visited = new Map<number, number>()
  readonly #statesMax: number
  readonly #reaches = HONEST.map(() => new Map<string, Reach>())
  #frontier: number[] = []
  #transitions = 0
  #ends = 0

  constructor(consensus: Consensus, bounds: Bounds, statesMax: number) {
    this.#bounds = bounds
    this.#statesMax = statesMax
    this.#universe = new Universe(bounds)
    const views = Array.from({ length: bounds.views }, (_, index) => index + 1)
    const role = (node: number) => views.filter((view) => leaderOf(bounds, view) === node).join()
    this.#twin = HONEST.map((node) => HONEST.findIndex((other) => role(other) === role(node)))
    const parts = HONEST.map((node) =>
      this.#twin[node] === node ? new Part(node, { consensus, universe: this.#universe, bounds }) : undefined,
    )
    this.#parts = this.#twin.map((first) => parts[first] as Part)
    const validators = [...HONEST, BYZANTINE].map(() => ({ publicKey: new Uint8Array(48), stake: 1n }))
    const multisignature = { verify: () => false, aggregate: () => undefined }
    const committee = consensus.createCommittee({ context: { chainId: 1n, epoch: 0n }, validators, multisignature })
    this.#quorumOthers = (ownToo, others) => consensus.isQuorum(committee, BigInt(1 + others + (ownToo ? 1 : 0)))
  }

  run(): Exploration {
    let violation: string | undefined
    let story: string[] = []
    const start = this.#encode([0, 0, 0])
    this.#visited.set(start, -1)
    this.#frontier = [start]
    while (this.#frontier.length > 0 && violation === undefined && this.#visited.size < this.#statesMax) {
      const level = this.#frontier
      this.#frontier = []
      for (const code of level) {
        const problem = this.#expand(code)
        if (problem === undefined) continue
        violation = problem.message
        story = [...this.#story(code), problem.move]
        break
      }
    }
    return {
      states: this.#visited.size,
      transitions: this.#transitions,
      localStates: [...new Set(this.#parts)].reduce((sum, part) => sum + part.states.length, 0),
      ends: this.#ends,
      violation,
      story,
      isComplete: violation === undefined && this.#frontier.length === 0,
    }
  }

  #expand(code: number): { message: string; move: string } | undefined {
    const ids = this.#decode(code)
    const locals = ids.map((id, node) => this.#local(node, id))
    const reaches: Reach[] = []
    for (const node of HONEST) {
      try {
        reaches.push(this.#reach(locals, node))
      } catch (error) {
        return { message: (error as Error).message, move: `${node}: ${(error as Failed).move ?? '?'}` }
      }
    }
    const problem = this.#disagreement(reaches)
    if (problem) return { message: problem, move: 'everything signed so far reaches everybody' }
    let moved = false
    for (const node of HONEST) {
      // Two of a part in the same state: what happens to one happens to the other.
      if (HONEST.some((other) => other < node && this.#twin[other] === this.#twin[node] && ids[other] === ids[node])) continue
      for (const after of (reaches[node] as Reach).spoken) {
        moved = true
        this.#transitions++
        this.#add(ids.with(node, after), code)
      }
    }
    if (moved) return undefined
    this.#ends++
    const stuck = reaches.findIndex(({ isDone }) => !isDone)
    return stuck === -1 ? undefined : { message: `nothing can happen any more, and validator ${stuck} is stuck`, move: 'the end' }
  }

  /**
   * Whatever one validator can hear now, in any order, up to the next thing that it says. What it hears in silence changes nothing for the
   * others and can be heard later as well, so the whole system moves only when somebody speaks: no order of events is lost by that.
   */
  #reach(locals: readonly Local[], node: number): Reach {
    const own = locals[node] as Local
    const part = this.#parts[node] as Part
    const key = `${own.id}|${this.#available(locals, node)}`
    const cache = this.#reaches[this.#twin[node] as number] as Map<string, Reach>
    const known = cache.get(key)
    if (known) return known
    const spoken = new Set<number>()
    const seen = new Map<number, Local>([[own.id, own]])
    const hashes = new Set<Hex>()
    let isDone = true
    for (const local of seen.values()) {
      hashes.add(local.finalizedHash)
      let moved = false
      for (const { name, event } of this.#moves(locals.with(node, local), node)) {
        let after: Local
        try {
          after = part.states[part.after(local, name, event)] as Local
        } catch (error) {
          throw Object.assign(error as Error, { move: name })
        }
        if (after === local) continue
        moved = true
        if (after.spoken.length > local.spoken.length || after.restarts > local.restarts) spoken.add(after.id)
        else seen.set(after.id, after)
      }
      if (!moved && !local.isDone) isDone = false
    }
    const reach = { spoken: [...spoken], hashes: [...hashes], isDone }
    cache.set(key, reach)
    return reach
  }

  /** What the others have said, as far as it can matter to this one: how many said it, and what a leader among them proposed. */
  #available(locals: readonly Local[], node: number): string {
    const said: number[] = []
    for (const other of HONEST) if (other !== node) said.push(...(locals[other] as Local).spoken)
    return said.sort((a, b) => a - b).join()
  }

  /** Any two blocks that validators hold or could hold as final, and any two finalizations that could be made, must lie on one chain. */
  #disagreement(reaches: readonly Reach[]): string | undefined {
    const hashes = [...new Set(reaches.flatMap((reach) => reach.hashes))]
    for (const a of hashes)
      for (const b of hashes) if (!this.#universe.areCompatible(a, b)) return `agreement broken: ${a} and ${b} are both final`
    return undefined
  }

  #moves(locals: readonly Local[], node: number): Move[] {
    const own = locals[node] as Local
    const moves: Move[] = []
    if (own.voter.finished) return moves
    const { views, restarts = 0 } = this.#bounds
    if (own.view <= views) {
      moves.push({ name: 'timeout', event: () => ({ type: 'timeout' }) })
      for (const ballot of this.#proposals(locals, own, node))
        moves.push({ name: `proposal ${this.#universe.ballotId(ballot)}`, event: () => ({ type: 'proposal', ballot }) })
    }
    if (own.restarts < restarts) moves.push({ name: 'restart', event: () => ({ type: 'restart' }) })
    const said = new Map<number, number>()
    for (const [other, { spoken }] of locals.entries())
      for (const id of spoken) said.set(id, (said.get(id) ?? 0) + (other === node ? 0 : 1))
    for (const [id, others] of said) {
      if (this.#quorumOthers(own.spoken.includes(id), others)) {
        const name = `certificate ${id} with ${others} others`
        moves.push({ name, event: () => ({ type: 'certificate', ballot: this.#universe.ballot(id), others }) })
      }
      moves.push({ name: `forged ${id}`, event: () => ({ type: 'forged_certificate', ballot: this.#universe.ballot(id) }) })
    }
    return moves
  }

  /** What the leader of a view shows: an honest one what it proposed, the Byzantine one anything that somebody could accept. */
  #proposals(locals: readonly Local[], own: Local, node: number): Ballot[] {
    const { view } = own
    const leader = leaderOf(this.#bounds, view)
    if (leader === node) return []
    const notarized = (of: Local) => of.spoken.map((id) => this.#universe.ballot(id)).filter(({ kind }) => kind === 'notarize')
    if (leader !== BYZANTINE) return notarized(locals[leader] as Local).filter((ballot) => ballot.view === view)
    // A second proposal only stops this one from finalizing; that is played where it is asked for.
    if (!this.#bounds.secondProposals && own.voter.views.get(view)?.proposal) return []
    const said = locals.flatMap(notarized)
    const parents = new Map([[`0/${ANCHOR.hash}`, { view: 0, block: ANCHOR }]])
    // A parent that no honest validator notarized is never certified: a proposal on it is silence.
    for (const ballot of said) {
      if (ballot.view < view)
        parents.set(`${ballot.view}/${ballot.blockHash}`, { view: ballot.view, block: this.#universe.block(ballot.blockHash) })
    }
    return [...parents.values()].flatMap((parent) => this.#shown(view, parent, said))
  }

  #shown(view: number, parent: { readonly view: number; readonly block: Block }, said: readonly Ballot[]): Ballot[] {
    const ballotOf = (block: Block): Ballot => ({ kind: 'notarize', view, parentView: parent.view, blockHash: block.hash })
    if (parent.block.height >= (this.#bounds.heightLast ?? Number.POSITIVE_INFINITY)) return [ballotOf(parent.block)]
    const first = ballotOf(this.#universe.mint(view, parent.block, 0))
    const second = ballotOf(this.#universe.mint(view, parent.block, 1))
    // Twins differ in name only, so the one that somebody takes first may be called the first.
    const isFirstTaken = said.some(({ view: other, blockHash }) => other === view && blockHash === first.blockHash)
    return isFirstTaken || this.#bounds.flawed ? [first, second] : [first]
  }

  #add(ids: readonly number[], from: number): void {
    const code = this.#encode(ids)
    if (this.#visited.has(code)) return
    this.#visited.set(code, from)
    this.#frontier.push(code)
  }

  /** The states of a shortest way, by what each validator has said in them. */
  #story(code: number): string[] {
    const line: number[] = []
    for (let at = code; at !== -1; at = this.#visited.get(at) as number) line.unshift(at)
    return line.map((at) =>
      this.#decode(at)
        .map(
          (id, node) =>
            `${node}: ${this.#local(node, id)
              .spoken.map((each) => print(this.#universe.ballot(each)))
              .join(', ')}`,
        )
        .join('; '),
    )
  }

  #local(node: number, id: number): Local {
    return (this.#parts[node] as Part).states[id] as Local
  }

  /** Three numbers below 2^17 in one; those of one part in ascending order, because exchanging them changes nothing. */
  #encode(ids: readonly number[]): number {
    const sorted = [...ids]
    for (const a of HONEST)
      for (const b of HONEST)
        if (a < b && this.#twin[a] === this.#twin[b] && (sorted[a] as number) > (sorted[b] as number))
          [sorted[a], sorted[b]] = [sorted[b] as number, sorted[a] as number]
    if (sorted.some((id) => id >= RADIX)) throw new Error('too many states of one validator: choose smaller bounds')
    return sorted.reduceRight((code, id) => code * RADIX + id, 0)
  }

  #decode(code: number): number[] {
    return [code % RADIX, Math.floor(code / RADIX) % RADIX, Math.floor(code / RADIX / RADIX)]
  }
}

const RADIX = 2 ** 17

const print = ({ kind, view, blockHash }: Ballot): string =>
  kind === 'nullify' ? `nullify ${view}` : `${kind} ${view} ${blockHash.replace(/^0x0*/, '')}`

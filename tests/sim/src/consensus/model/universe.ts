import type { Ballot, Block } from '@zerog/consensus'
import { assert, type Hex } from '@zerog/primitives'

/** Validators 0 to 2 are honest, 3 is Byzantine. */
export const HONEST = [0, 1, 2] as const
export const BYZANTINE = 3

export type Bounds = {
  /** Views that are played; in later ones nothing happens. */
  readonly views: number
  /** Who leads each view, `b` for the Byzantine validator: `b0` is Byzantine, then honest 0. */
  readonly leaders: string
  /** Whether the second block of a Byzantine leader fails to execute. */
  readonly flawed?: boolean
  /** How often each honest validator may crash and come back. */
  readonly restarts?: number
  /** Whether a Byzantine leader shows a second block to who has seen the first. */
  readonly secondProposals?: boolean
  /** The epoch's last height. */
  readonly heightLast?: number
}

export const leaderOf = ({ leaders }: Bounds, view: number): number => {
  const letter = leaders[view - 1]
  return letter === undefined || letter === 'b' ? BYZANTINE : Number(letter)
}

export const ANCHOR: Block = { hash: `0x${'00'.repeat(31)}01`, parentHash: `0x${'00'.repeat(32)}`, height: 0 }

/**
 * Every block that anybody can propose: an honest leader makes one on each parent, a Byzantine one makes two. A hash is the path
 * of (view, twin) pairs, so ancestors can be read off it.
 */
export class Universe {
  readonly #blocks = new Map<Hex, Block>([[ANCHOR.hash, ANCHOR]])
  readonly #ballots: Ballot[] = []
  readonly #ballotIds = new Map<string, number>()
  readonly #compatible = new Map<string, boolean>()
  readonly #flawed: boolean

  constructor(bounds: Bounds) {
    this.#flawed = bounds.flawed ?? false
  }

  mint(view: number, parent: Block, twin: 0 | 1): Block {
    const digits = `${parent.hash.slice(2).replace(/^0*1?/, '')}${view}${twin}`
    const hash: Hex = `0x${`1${digits}`.padStart(64, '0')}`
    const block: Block = { hash, parentHash: parent.hash, height: parent.height + 1 }
    this.#blocks.set(hash, block)
    return block
  }

  block(hash: Hex): Block {
    const block = this.#blocks.get(hash)
    assert(block, `the model knows every block, also ${hash}`)
    return block
  }

  /** The block and its ancestors above the anchor, highest first. */
  lineage(hash: Hex): Block[] {
    const line: Block[] = []
    for (let block = this.block(hash); block !== ANCHOR; block = this.block(block.parentHash)) line.push(block)
    return line
  }

  isExecutable(hash: Hex): boolean {
    return !this.#flawed || this.lineage(hash).every((block) => !block.hash.endsWith('1'))
  }

  /** One is the other's ancestor, or they are the same. */
  areCompatible(a: Hex, b: Hex): boolean {
    const key = `${a}${b}`
    let known = this.#compatible.get(key)
    if (known === undefined) {
      const hashes = (of: Hex) => [ANCHOR.hash, ...this.lineage(of).map(({ hash }) => hash)]
      known = hashes(a).includes(b) || hashes(b).includes(a)
      this.#compatible.set(key, known)
    }
    return known
  }

  ballotId(ballot: Ballot): number {
    const key = `${ballot.kind}/${ballot.view}/${ballot.parentView}/${ballot.blockHash}`
    let id = this.#ballotIds.get(key)
    if (id === undefined) {
      id = this.#ballots.push(ballot) - 1
      this.#ballotIds.set(key, id)
    }
    return id
  }

  ballot(id: number): Ballot {
    return this.#ballots[id] as Ballot
  }
}

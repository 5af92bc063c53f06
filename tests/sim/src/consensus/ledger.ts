import type { Ballot, Block } from '@zerog/consensus'
import type { Hex } from '@zerog/primitives'

export type BlockFlaw = 'none' | 'static' | 'execution'

/** What is true of the whole cluster whatever any node believes; throws as soon as a guarantee is broken. */
export class Ledger {
  readonly #blocks = new Map<Hex, { readonly block: Block; readonly flaw: BlockFlaw }>()
  readonly #finalized = new Map<number, Hex>()
  readonly #said = new Map<string, string>()
  #salt = 0
  heightFinalized = 0

  mint(parent: Block, flaw: BlockFlaw): Block {
    const salt = (++this.#salt).toString(16).padStart(16, '0')
    const hash: Hex = `0x${salt}${parent.hash.slice(2, 50)}`
    const block: Block = { hash, parentHash: parent.hash, height: parent.height + 1 }
    this.#blocks.set(hash, { block, flaw })
    return block
  }

  flaw(hash: Hex): BlockFlaw {
    return this.#blocks.get(hash)?.flaw ?? 'static'
  }

  /** A block is only executable when all its ancestors are. */
  isExecutable(block: Block, anchorHeight: number): boolean {
    for (let at: Block | undefined = block; at && at.height > anchorHeight; at = this.#blocks.get(at.parentHash)?.block) {
      if (this.flaw(at.hash) !== 'none') return false
    }
    return true
  }

  /** Agreement: one finalized block per height; validity: it executes. */
  finalize(node: number, block: Block): void {
    const known = this.#finalized.get(block.height)
    if (known !== undefined && known !== block.hash) {
      throw new Error(`agreement broken: node ${node} finalized ${block.hash} at height ${block.height}, another node ${known}`)
    }
    if (this.flaw(block.hash) !== 'none')
      throw new Error(`validity broken: node ${node} finalized a block with a ${this.flaw(block.hash)} flaw`)
    this.#finalized.set(block.height, block.hash)
    this.heightFinalized = Math.max(this.heightFinalized, block.height)
  }

  /** An honest validator never contradicts what it sent before, crashes included. */
  say(node: number, epoch: number, { kind, view, parentView, blockHash }: Ballot): void {
    const key = (of: string) => `${node}/${epoch}/${view}/${of}`
    const value = `${parentView}/${blockHash}`
    const before = this.#said.get(key(kind))
    if (before !== undefined && before !== value)
      throw new Error(`honest node ${node} sent two ${kind} votes in view ${view} of epoch ${epoch}`)
    const opposite = kind === 'nullify' ? 'finalize' : kind === 'finalize' ? 'nullify' : undefined
    if (opposite && this.#said.has(key(opposite)))
      throw new Error(`honest node ${node} sent nullify and finalize in view ${view} of epoch ${epoch}`)
    this.#said.set(key(kind), value)
  }
}

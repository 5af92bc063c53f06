import { CODE_ANALYSED_BYTES_MAX } from '../limits.ts'
import { latin1 } from '../state/node-store.ts'
import { DEFINED, STACK_GROWTH, STACK_NEEDED, STATIC_GAS } from './gas-table.ts'

/**
 * Code prepared for running. It is cut into blocks that run from their first to their last operation: what a block costs at least
 * and how much stack it takes is checked once at its start instead of at every operation.
 */
export type Code = {
  /** The code with zeros behind it, so that running off its end meets STOP and a cut PUSH reads zeros. */
  readonly bytes: Uint8Array
  readonly length: number
  /** By program counter: index into `blocks` of the block that starts here, 0 where none does. */
  readonly blockAt: Int32Array
  /** Per block: static gas, limbs that must be on the stack, limbs that it grows by at most. */
  readonly blocks: Int32Array
}

/** A jump may land on `target`. The byte behind a JUMPDEST always starts a block, the byte behind pushed data never. */
export function isJumpTarget(code: Code, target: number): boolean {
  return target < code.length && code.bytes[target] === JUMPDEST && code.blockAt[target + 1] !== 0
}

export function analyse(source: Uint8Array): Code {
  const { length } = source
  const bytes = new Uint8Array(length + PADDING)
  bytes.set(source)
  const blockAt = new Int32Array(length + 1)
  // Index 0 means none.
  const blocks: number[] = [0, 0, 0]
  let gas = 0
  let height = 0
  let needed = 0
  let growth = 0
  const close = (): void => void blocks.push(gas, 8 * needed, 8 * growth)
  const start = (at: number, paid: number): void => {
    blockAt[at] = blocks.length
    gas = paid
    height = 0
    needed = 0
    growth = 0
  }
  start(0, 0)
  let pc = 0
  while (pc < length) {
    const op = bytes[pc] as number
    if (op === JUMPDEST) {
      close()
      // Its own gas is the next block's: a jump lands behind it.
      start(pc + 1, 1)
      pc += 1
      continue
    }
    gas += STATIC_GAS[op] as number
    const missing = (STACK_NEEDED[op] as number) - height
    if (missing > needed) needed = missing
    height += STACK_GROWTH[op] as number
    if (height > growth) growth = height
    pc += op >= PUSH1 && op <= PUSH32 ? op - PUSH1 + 2 : 1
    if (ENDS_BLOCK[op] === 1) {
      close()
      start(Math.min(pc, length), 0)
    }
  }
  close()
  return { bytes, length, blockAt, blocks: Int32Array.from(blocks) }
}

/** Prepared codes by hash, the least recently used go first. */
export function createCodeCache() {
  const known = new Map<string, Code>()
  let bytesHeld = 0
  return (hash: Uint8Array, read: (hash: Uint8Array) => Uint8Array): Code => {
    const name = latin1(hash)
    const cached = known.get(name)
    if (cached !== undefined) {
      known.delete(name)
      known.set(name, cached)
      return cached
    }
    const code = analyse(read(hash))
    known.set(name, code)
    bytesHeld += code.length
    for (const [oldest, { length }] of known) {
      if (bytesHeld <= CODE_ANALYSED_BYTES_MAX || oldest === name) break
      known.delete(oldest)
      bytesHeld -= length
    }
    return code
  }
}

export type CodeCache = ReturnType<typeof createCodeCache>

const JUMPDEST = 0x5b
const PUSH1 = 0x60
const PUSH32 = 0x7f
const PADDING = 33

/**
 * Where control may leave (jumps, calls, ends), where gas is looked at (GAS, SSTORE), where a failure is not about gas (writes in a
 * static frame, RETURNDATACOPY), and KECCAK256, behind which a run may pause.
 */
const ENDS_BLOCK = Uint8Array.from({ length: 256 }, (_, op) => {
  const ends = [0x00, 0x20, 0x3e, 0x55, 0x56, 0x57, 0x5a, 0x5d, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xfa, 0xfd, 0xfe, 0xff]
  return ends.includes(op) || (op >= 0xa0 && op <= 0xa4) || DEFINED[op] === 0 ? 1 : 0
})

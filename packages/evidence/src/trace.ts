import { bigintToBytes, concatBytes, fromHex, type Hex, keccak256, toHex, ZerogError } from '@zerog/primitives'
import { TOKENS_MAX } from './limits.ts'

/**
 * Root over the token ids of prompt and answer, in order: leaf keccak256(0 ‖ u32 id), node keccak256(1 ‖ left ‖ right), an odd node is
 * promoted.
 * @throws ZerogError INVALID_ARGUMENT for no tokens, too many, or an id that is no unsigned 32-bit integer
 */
export function tokenIdsRoot(ids: ArrayLike<number>): Hex {
  if (ids.length === 0 || ids.length > TOKENS_MAX) throw refuse(`from 1 to ${TOKENS_MAX} token ids have a root`)
  return rootOf(
    Array.from(ids, (id) => {
      if (!Number.isInteger(id) || id < 0 || id > 0xffffffff) throw refuse('a token id is an unsigned 32-bit integer')
      return leafOf(bigintToBytes(BigInt(id), 4))
    }),
  )
}

/**
 * A receipt's traceRoot: the same tree over 32-byte values, of which the first is the root of the token ids; what follows is the
 * engine's own (hashes of a step's tensors, for a dispute).
 */
export function traceRoot(tokens: Hex, commitments: readonly Hex[] = []): Hex {
  return rootOf([tokens, ...commitments].map((value) => leafOf(fromHex(value, 32))))
}

function rootOf(leaves: readonly Uint8Array[]): Hex {
  let level = leaves
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let index = 0; index < level.length; index += 2) {
      const left = level[index] as Uint8Array
      const right = level[index + 1]
      above.push(right === undefined ? left : keccak256(concatBytes(Uint8Array.of(1), left, right)))
    }
    level = above
  }
  return toHex(level[0] as Uint8Array)
}

function leafOf(value: Uint8Array): Uint8Array {
  return keccak256(concatBytes(Uint8Array.of(0), value))
}

function refuse(message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message })
}

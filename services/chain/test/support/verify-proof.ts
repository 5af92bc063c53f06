import { verifyMerkleProof } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { expect } from '@jest/globals'
import type { GetProofReturnType } from 'viem'
import { hexToBytes, keccak256, numberToHex, trim } from 'viem'

type Hex = `0x${string}`

const EMPTY_ROOT = keccak256(RLP.encode(new Uint8Array(0)))
const EMPTY_CODE = keccak256(new Uint8Array(0))

/** Checks an answer of `eth_getProof` against a state root with the trie of @ethereumjs, which shares no code with ours. */
export async function verifyProof(stateRoot: Hex, proof: GetProofReturnType): Promise<void> {
  const account = await proven(stateRoot, proof.address, proof.accountProof)
  if (account === null) {
    expect({ balance: proof.balance, nonce: proof.nonce }).toEqual({ balance: 0n, nonce: 0 })
    expect(proof.codeHash).toBe(EMPTY_CODE)
  } else {
    const fields = [
      compact(BigInt(proof.nonce)),
      compact(proof.balance),
      hexToBytes(proof.storageHash),
      hexToBytes(proof.codeHash),
    ]
    expect(Buffer.from(account).toString('hex')).toBe(Buffer.from(RLP.encode(fields)).toString('hex'))
  }
  for (const { key, value, proof: nodes } of proof.storageProof) {
    if (proof.storageHash === EMPTY_ROOT) {
      expect({ value, nodes }).toEqual({ value: 0n, nodes: [] })
      continue
    }
    const stored = await proven(proof.storageHash, key as Hex, nodes)
    expect(stored === null ? null : Buffer.from(stored)).toEqual(value === 0n ? null : Buffer.from(RLP.encode(compact(value))))
  }
}

function proven(root: Hex, key: Hex, nodes: readonly Hex[]): Promise<Uint8Array | null> {
  return verifyMerkleProof(
    hexToBytes(keccak256(key)),
    nodes.map((node) => hexToBytes(node)),
    { root: hexToBytes(root), useKeyHashing: false },
  )
}

function compact(value: bigint): Uint8Array {
  return value === 0n ? new Uint8Array(0) : hexToBytes(trim(numberToHex(value, { size: 32 })))
}

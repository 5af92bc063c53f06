import { bigintToBytes, concatBytes, type Hex, toHex, ZerogError } from '@zerog/primitives'
import type { Validator } from './simplex/committee.ts'

/** BLS12-381 min-pk signatures: 32-byte secret keys, 48-byte public keys, 96-byte signatures. Nothing here throws on bad bytes. */
export type Bls = {
  readonly publicKey: (secretKey: Uint8Array) => Uint8Array
  /** Deterministic: one key and message have exactly one signature. */
  readonly sign: (secretKey: Uint8Array, message: Uint8Array) => Uint8Array
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
}

export type Sha256 = (bytes: Uint8Array) => Uint8Array

/** Where a leader stands: one signature exists for each. */
export type LeaderSlot = { readonly chainId: bigint; readonly epoch: bigint; readonly view: bigint }

const LEADER_DOMAIN = new TextEncoder().encode('zerog/randomness/leader/v1')
const GENESIS_DOMAIN = new TextEncoder().encode('zerog/randomness/genesis/v1')

/** What the leader of a view signs: domain || chainId u64 || epoch u64 || view u64, integers big-endian. No block content. */
export function leaderMessage({ chainId, epoch, view }: LeaderSlot): Uint8Array {
  return concatBytes(LEADER_DOMAIN, bigintToBytes(chainId, 8), bigintToBytes(epoch, 8), bigintToBytes(view, 8))
}

/** r of the genesis block: SHA-256(domain || chainId u64 || validator set hash). */
export function genesisRandomness(chainId: bigint, setHash: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(concatBytes(GENESIS_DOMAIN, bigintToBytes(chainId, 8), setHash))
}

/** r_h = SHA-256(r_(h-1) || leader signature): `prevRandao` of block h. */
export function nextRandomness(previous: Uint8Array, leaderSignature: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(concatBytes(previous, leaderSignature))
}

/** Checks the leader's signature and that `found` follows from it; throws VERIFICATION_FAILED. */
export function verifyRandomness(
  claim: {
    readonly slot: LeaderSlot
    readonly leader: Validator
    readonly signature: Uint8Array
    readonly previous: Uint8Array
    readonly found: Hex
  },
  deps: { readonly bls: Bls; readonly sha256: Sha256 },
): void {
  const { slot, leader, signature, previous, found } = claim
  if (signature.length !== 96 || !deps.bls.verify(leader.publicKey, leaderMessage(slot), signature)) {
    throw new ZerogError('VERIFICATION_FAILED', {
      message: `the leader's signature of epoch ${slot.epoch}, view ${slot.view} is not valid`,
      metadata: { field: 'leaderSignature' },
    })
  }
  const wanted = toHex(nextRandomness(previous, signature, deps.sha256))
  if (found === wanted) return
  throw new ZerogError('VERIFICATION_FAILED', {
    message: `block header: prevRandao is ${found}, must be ${wanted}`,
    metadata: { field: 'prevRandao' },
  })
}

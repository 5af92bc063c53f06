import type { Multisignature } from '@zerog/consensus'
import { assert, bigintToBytes, bytesToBigint, concatBytes, equalBytes } from '@zerog/primitives'
import { type Committee, reachesThreshold, stakeOf } from './committee.ts'
import { HASH_BYTES, MEMBERS_MAX, SIGNATURE_BYTES, WINDOW_BUNDLES_MAX } from './limits.ts'
import { malformed, refused } from './refusal.ts'
import { foldWindowPath, hashStatement, type Statement, type Window, windowMessage } from './statement.ts'

/** A window, who signed it, and the sum of their signatures. */
export type Certificate = Window & {
  /** Bit i % 8 (from the lowest) of byte i / 8 stands for member i; as many bytes as the committee needs. */
  readonly bitmap: Uint8Array
  /** Compressed point of G2, 96 bytes. */
  readonly signature: Uint8Array
}

const VERSION = 1
const HEAD_BYTES = 1 + 8 + 8 + 4 + HASH_BYTES + 4 + HASH_BYTES + 2

/**
 * `u8 version ‖ u64 chainId ‖ u64 epoch ‖ u32 committee ‖ committeeRoot ‖ u32 count ‖ windowRoot ‖ u16 bitmap bytes ‖ bitmap ‖ signature`:
 * 187 bytes and the bitmap.
 */
export function encodeCertificate(certificate: Certificate): Uint8Array {
  const { chainId, epoch, committee, committeeRoot, count, windowRoot, bitmap, signature } = certificate
  assert(
    signature.length === SIGNATURE_BYTES && committeeRoot.length === HASH_BYTES && windowRoot.length === HASH_BYTES,
    'whole fields',
  )
  return concatBytes(
    Uint8Array.of(VERSION),
    bigintToBytes(chainId, 8),
    bigintToBytes(epoch, 8),
    bigintToBytes(BigInt(committee), 4),
    committeeRoot,
    bigintToBytes(BigInt(count), 4),
    windowRoot,
    bigintToBytes(BigInt(bitmap.length), 2),
    bitmap,
    signature,
  )
}

/** The one encoding of a certificate. Form only: verify it. @throws ZerogError INVALID_ARGUMENT */
export function decodeCertificate(bytes: Uint8Array): Certificate {
  if (bytes.length < HEAD_BYTES) throw malformed('certificate', `${bytes.length} bytes are too short`)
  if (bytes[0] !== VERSION) throw malformed('certificate', `version ${bytes[0]} is unknown`)
  let offset = 1
  const take = (length: number): Uint8Array => {
    offset += length
    return bytes.slice(offset - length, offset)
  }
  const number = (length: number): number => Number(bytesToBigint(take(length)))
  const chainId = bytesToBigint(take(8))
  const epoch = bytesToBigint(take(8))
  const committee = number(4)
  const committeeRoot = take(HASH_BYTES)
  const count = number(4)
  const windowRoot = take(HASH_BYTES)
  const bitmapBytes = number(2)
  if (count < 1 || count > WINDOW_BUNDLES_MAX) throw malformed('certificate', `a window of ${count} bundles`)
  if (bitmapBytes < 1 || bitmapBytes > MEMBERS_MAX / 8) throw malformed('certificate', `a bitmap of ${bitmapBytes} bytes`)
  if (bytes.length !== HEAD_BYTES + bitmapBytes + SIGNATURE_BYTES) {
    throw malformed('certificate', `${bytes.length} bytes do not fit a bitmap of ${bitmapBytes}`)
  }
  const bitmap = take(bitmapBytes)
  return { chainId, epoch, committee, committeeRoot, count, windowRoot, bitmap, signature: take(SIGNATURE_BYTES) }
}

/**
 * Whether members with two thirds of the stake signed. It binds every field: what is flipped is refused, and `check` names it.
 * @param expected the chain, and a BLS library (blst in Node, noble in browsers)
 * @throws ZerogError PROOF_INVALID (`chain`, `epoch`, `committee`, `committee_root`, `bitmap`, `threshold`, `signature`)
 */
export function verifyCertificate(
  certificate: Certificate,
  committee: Committee,
  expected: { readonly chainId: bigint; readonly multisignature: Multisignature },
): void {
  const { chainId, multisignature } = expected
  if (certificate.chainId !== chainId) throw refused('chain', `a certificate of chain ${certificate.chainId}, not ${chainId}`)
  if (certificate.epoch !== committee.epoch) {
    throw refused('epoch', `a certificate of epoch ${certificate.epoch}, not ${committee.epoch}`)
  }
  if (certificate.committee !== committee.id) {
    throw refused('committee', `a certificate of committee ${certificate.committee}, not ${committee.id}`)
  }
  if (!equalBytes(certificate.committeeRoot, committee.root)) {
    throw refused('committee_root', 'the certificate names other members, stakes or keys')
  }
  const signers = signersOf(certificate.bitmap, committee.members.length)
  if (!reachesThreshold(committee, stakeOf(committee, signers))) {
    throw refused('threshold', `${stakeOf(committee, signers)} of ${committee.totalStake} stake signed, two thirds are needed`)
  }
  const keys = signers.map((signer) => committee.publicKeys[signer] as Uint8Array)
  if (multisignature.verify(keys, windowMessage(certificate), certificate.signature)) return
  throw refused('signature', 'the signature is not that of the members in the bitmap over this window')
}

/**
 * Whether a bundle belongs to a certificate that was verified.
 * @param place index in the window and siblings up to its root; none where the window has one bundle
 * @throws ZerogError PROOF_INVALID (`epoch`, `committee`, `path`)
 */
export function verifyMembership(
  statement: Statement,
  certificate: Window,
  place: { readonly index: number; readonly path: readonly Uint8Array[] },
): void {
  if (statement.epoch !== certificate.epoch) throw refused('epoch', 'bundle and certificate are of different epochs')
  if (statement.committee !== certificate.committee)
    throw refused('committee', 'bundle and certificate are of different committees')
  const hash = hashStatement(statement, certificate.chainId)
  const root = foldWindowPath(hash, { index: place.index, count: certificate.count, path: place.path })
  if (root === undefined || !equalBytes(root, certificate.windowRoot)) {
    throw refused('path', `the bundle does not stand at place ${place.index} of the window`)
  }
}

/** Members of a bitmap, ascending. @throws ZerogError PROOF_INVALID (`bitmap`) where it is not one of `memberCount` members */
export function signersOf(bitmap: Uint8Array, memberCount: number): number[] {
  if (bitmap.length !== Math.ceil(memberCount / 8)) {
    throw refused('bitmap', `a bitmap of ${bitmap.length} bytes does not belong to ${memberCount} members`)
  }
  const signers: number[] = []
  for (let index = 0; index < 8 * bitmap.length; index++) {
    if ((((bitmap[index >> 3] as number) >> (index & 7)) & 1) === 0) continue
    if (index >= memberCount) throw refused('bitmap', `member ${index} does not exist`)
    signers.push(index)
  }
  return signers
}

export function bitmapOf(signers: Iterable<number>, memberCount: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(memberCount / 8))
  for (const signer of signers) {
    assert(Number.isInteger(signer) && signer >= 0 && signer < memberCount, 'a member of the committee')
    bitmap[signer >> 3] = (bitmap[signer >> 3] as number) | (1 << (signer & 7))
  }
  return bitmap
}

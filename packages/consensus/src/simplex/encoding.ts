import { assert, bigintToBytes, bytesToBigint, concatBytes, fromHex, toHex, ZerogError } from '@zerog/primitives'
import { VALIDATORS_MAX } from './limits.ts'
import { type Ballot, type Certificate, NO_BLOCK } from './types.ts'

/** 96-byte compressed G2 point (BLS12-381 min-pk). */
export const SIGNATURE_LENGTH = 96

const KIND_CODE = { notarize: 1, nullify: 2, finalize: 3 } as const
const KINDS = ['notarize', 'nullify', 'finalize'] as const
const DOMAIN = {
  notarize: new TextEncoder().encode('zerog/simplex/notarize/v1'),
  nullify: new TextEncoder().encode('zerog/simplex/nullify/v1'),
  finalize: new TextEncoder().encode('zerog/simplex/finalize/v1'),
}

/** Where votes are cast: signatures of another chain or epoch never count. */
export type VotingContext = { readonly chainId: bigint; readonly epoch: bigint }

const uint64 = (value: bigint | number) => bigintToBytes(BigInt(value), 8)

function statement({ chainId, epoch }: VotingContext, ballot: Ballot): Uint8Array {
  return concatBytes(
    uint64(chainId),
    uint64(epoch),
    uint64(ballot.view),
    Uint8Array.of(KIND_CODE[ballot.kind]),
    uint64(ballot.parentView),
    fromHex(ballot.blockHash, 32),
  )
}

/**
 * The bytes that a vote signs: domain of its kind || chainId u64 || epoch u64 || view u64 || kind u8 || parentView u64 || blockHash 32,
 * integers big-endian.
 */
export function voteMessage(context: VotingContext, ballot: Ballot): Uint8Array {
  return concatBytes(DOMAIN[ballot.kind], statement(context, ballot))
}

/**
 * version u8 (1) || chainId u64 || epoch u64 || view u64 || kind u8 || parentView u64 || blockHash 32 || validators u16 || bitmap
 * ceil(validators / 8) (bit i of byte i/8, least significant first) || aggregate signature 96. 177 bytes at 100 validators.
 */
export function encodeCertificate(context: VotingContext, certificate: Certificate, validatorCount: number): Uint8Array {
  assert(validatorCount >= 1 && validatorCount <= VALIDATORS_MAX, 'validator count out of range')
  assert(certificate.signature.length === SIGNATURE_LENGTH, 'an aggregate signature has 96 bytes')
  const bitmap = new Uint8Array(Math.ceil(validatorCount / 8))
  for (const signer of certificate.signers) {
    assert(signer >= 0 && signer < validatorCount, 'signer outside of the validator set')
    bitmap[signer >> 3] = (bitmap[signer >> 3] as number) | (1 << (signer & 7))
  }
  return concatBytes(
    Uint8Array.of(1),
    statement(context, certificate.ballot),
    bigintToBytes(BigInt(validatorCount), 2),
    bitmap,
    certificate.signature,
  )
}

const HEAD_LENGTH = 1 + 8 + 8 + 8 + 1 + 8 + 32 + 2

/** The one encoding of a certificate; throws PROOF_INVALID on anything else. The signature is not verified here. */
export function decodeCertificate(bytes: Uint8Array): {
  context: VotingContext
  certificate: Certificate
  validatorCount: number
} {
  const refuse = (problem: string): never => {
    throw new ZerogError('PROOF_INVALID', { message: `certificate refused: ${problem}` })
  }
  if (bytes.length < HEAD_LENGTH) refuse(`${bytes.length} bytes are too short`)
  if (bytes[0] !== 1) refuse(`version ${bytes[0]} is unknown`)
  const chainId = bytesToBigint(bytes.subarray(1, 9))
  const epoch = bytesToBigint(bytes.subarray(9, 17))
  const view = safeInteger(bytes.subarray(17, 25)) ?? refuse('view above 2^53')
  const kind = KINDS[(bytes[25] as number) - 1] ?? refuse(`kind ${bytes[25]} is unknown`)
  const parentView = safeInteger(bytes.subarray(26, 34)) ?? refuse('parent view above 2^53')
  const blockHash = toHex(bytes.subarray(34, 66))
  if (kind === 'nullify' ? parentView !== 0 || blockHash !== NO_BLOCK : parentView >= view)
    refuse('parent view or block do not fit the kind')
  const validatorCount = Number(bytesToBigint(bytes.subarray(66, 68)))
  if (validatorCount < 1 || validatorCount > VALIDATORS_MAX) refuse(`${validatorCount} validators`)
  const bitmapLength = Math.ceil(validatorCount / 8)
  if (bytes.length !== HEAD_LENGTH + bitmapLength + SIGNATURE_LENGTH)
    refuse(`length ${bytes.length} does not fit ${validatorCount} validators`)
  const signers = readBitmap(bytes.subarray(HEAD_LENGTH, HEAD_LENGTH + bitmapLength))
  if (signers.some((signer) => signer >= validatorCount)) refuse('a bit beyond the validator set is set')
  const signature = bytes.slice(HEAD_LENGTH + bitmapLength)
  return {
    context: { chainId, epoch },
    certificate: { ballot: { kind, view, parentView, blockHash }, signers, signature },
    validatorCount,
  }
}

function safeInteger(bytes: Uint8Array): number | undefined {
  const value = bytesToBigint(bytes)
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined
}

function readBitmap(bitmap: Uint8Array): number[] {
  const signers: number[] = []
  bitmap.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte >> bit) & 1) signers.push(8 * index + bit)
  })
  return signers
}

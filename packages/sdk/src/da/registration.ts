import { checkTlsBinding, compressKey, type MemberPlace, placeOf, possessionMessage } from '@zerog/availability'
import { nobleBls, nobleMultisignature } from '@zerog/consensus/noble'
import { affineKey } from '@zerog/contracts'
import { bytesToBigint, fromHex, type Hex, isHex, toHex, ZerogError } from '@zerog/primitives'

/** All that has to be public of a member's BLS key to register it, made where the key is and sent from anywhere. */
export type MemberRegistration = {
  readonly chainId: number
  /** The account that registers it, and no other can. */
  readonly account: Hex
  /** Compressed, 48 bytes. */
  readonly publicKey: Hex
  /** Signature over `possessionMessage`, compressed, 96 bytes. */
  readonly possession: Hex
}

/**
 * Proves that the owner of a key registers it. Needs no network: the secret key never leaves the machine of the member.
 * @param options.secretKey BLS12-381, 32 bytes big-endian
 * @throws ZerogError INVALID_ARGUMENT for bytes that are no secret key
 * @example
 * const registration = prepareMember({ secretKey, chainId: 4242, account: '0x…' })
 * await registerMember(client, { registration, socket: 'da.example.org:7443' })
 */
export function prepareMember(options: {
  readonly secretKey: Uint8Array
  readonly chainId: number
  readonly account: Hex
}): MemberRegistration {
  const { secretKey, chainId, account } = options
  requireSecretKey(secretKey)
  const publicKey = compressKey(affineKey(nobleBls.publicKey(secretKey)))
  const message = possessionMessage({ chainId: BigInt(chainId), account: fromHex(account), publicKey })
  const possession = nobleBls.sign(secretKey, message)
  return { chainId, account: account.toLowerCase() as Hex, publicKey: toHex(publicKey), possession: toHex(possession) }
}

/**
 * The public key, compressed, 48 bytes, of a BLS secret key.
 * @throws ZerogError INVALID_ARGUMENT
 */
export function memberPublicKey(secretKey: Uint8Array): Hex {
  requireSecretKey(secretKey)
  return toHex(compressKey(affineKey(nobleBls.publicKey(secretKey))))
}

/** A BLS secret key out of 48 or more random bytes. */
export function newMemberKey(entropy: Uint8Array): Uint8Array {
  if (entropy.length < 48) throw new ZerogError('INVALID_ARGUMENT', { message: 'a key needs 48 random bytes or more' })
  const scalar = (bytesToBigint(entropy) % (ORDER - 1n)) + 1n
  return fromHex(`0x${scalar.toString(16).padStart(64, '0')}`, 32)
}

/** @throws ZerogError INVALID_ARGUMENT where it is no registration, or its proof does not fit */
export function parseRegistration(value: unknown): MemberRegistration {
  const { chainId, account, publicKey, possession } = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof MemberRegistration, unknown>
  >
  const hex = (text: unknown, bytes: number): text is Hex => typeof text === 'string' && isHex(text, bytes)
  if (!Number.isSafeInteger(chainId) || !hex(account, 20) || !hex(publicKey, 48) || !hex(possession, 96)) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: 'no registration of a member: expected chainId, account (20 bytes), publicKey (48) and possession (96)',
    })
  }
  const registration = { chainId: chainId as number, account, publicKey, possession }
  const message = possessionMessage({
    chainId: BigInt(registration.chainId),
    account: fromHex(account),
    publicKey: fromHex(publicKey),
  })
  if (nobleMultisignature.verify([fromHex(publicKey)], message, fromHex(possession))) return registration
  throw new ZerogError('INVALID_ARGUMENT', {
    message: 'the proof of possession is not of this key for this chain and account; make it again',
  })
}

/**
 * Where a registered socket leads.
 * @throws ZerogError INVALID_ARGUMENT where it leads nowhere: the contract takes any text, services take the ordinal of an instance or host:port
 */
export function memberPlace(socket: string): MemberPlace {
  const place = placeOf(socket)
  if (place !== undefined) return place
  throw new ZerogError('INVALID_ARGUMENT', {
    message: `nobody could reach a member at "${socket.slice(0, 100)}": expected the ordinal of its instance, or host:port`,
    metadata: { parameter: 'socket' },
  })
}

/**
 * Whether a TLS certificate that somebody showed is the member's with this key, as every disperser, encoder and reader checks it (ADR 0163).
 * @param certificate.publicKey DER, SubjectPublicKeyInfo
 * @returns until when it is, seconds since 1970
 * @throws ZerogError PROOF_INVALID with the check that refused
 */
export function checkMemberCertificate(
  certificate: { readonly subjectAltName: string | undefined; readonly publicKey: Uint8Array },
  member: { readonly publicKey: Hex; readonly chainId: number; readonly nowMs: number },
): { readonly expirySeconds: bigint } {
  const { expirySeconds } = checkTlsBinding(
    certificate,
    { publicKey: fromHex(member.publicKey, 48) },
    {
      chainId: BigInt(member.chainId),
      nowSeconds: BigInt(Math.floor(member.nowMs / 1000)),
      multisignature: nobleMultisignature,
    },
  )
  return { expirySeconds }
}

/** Order of the groups of BLS12-381. */
const ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n

/** Libraries differ in whether they reduce a larger key; a member whose library refuses it could never sign. */
function requireSecretKey(secretKey: Uint8Array): void {
  const scalar = secretKey.length === 32 ? bytesToBigint(secretKey) : 0n
  if (scalar > 0n && scalar < ORDER) return
  throw new ZerogError('INVALID_ARGUMENT', { message: 'a BLS12-381 secret key has 32 bytes below the order of the group' })
}

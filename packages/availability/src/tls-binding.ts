import type { Multisignature } from '@zerog/consensus'
import { sha256 } from '@zerog/kernels'
import { bigintToBytes, concatBytes, fromHex, isHex, toHex } from '@zerog/primitives'
import { BINDING_SECONDS_MAX, BINDING_SKEW_SECONDS } from './limits.ts'
import { refused } from './refusal.ts'

const DOMAIN = new TextEncoder().encode('zerog/da/tls/v1')
const NAME = /^URI:urn:zerog:da-member:(\d{1,15}):([0-9a-f]{192})$/

/** What binds the key of a TLS certificate to the registered key of a member, as the one name in the certificate says it. */
export type TlsBinding = { readonly expirySeconds: bigint; readonly signature: Uint8Array }

/**
 * What a member signs with its BLS key so that others know its TLS key: domain ‖ u64 chain id ‖ u64 expiry (seconds since 1970) ‖ SHA-256 of the
 * public key (DER, SubjectPublicKeyInfo). See docs/spec/data-availability.md.
 */
export function tlsBindingMessage(given: {
  readonly chainId: bigint
  readonly expirySeconds: bigint
  readonly publicKey: Uint8Array
}): Uint8Array {
  return concatBytes(DOMAIN, bigintToBytes(given.chainId, 8), bigintToBytes(given.expirySeconds, 8), sha256(given.publicKey))
}

export function tlsBindingName({ expirySeconds, signature }: TlsBinding): string {
  return `urn:zerog:da-member:${expirySeconds}:${toHex(signature).slice(2)}`
}

/** @param subjectAltName as Node shows it; undefined unless it is one binding and nothing else */
export function tlsBindingOf(subjectAltName: string | undefined): TlsBinding | undefined {
  const [, expiry, signature] = NAME.exec(subjectAltName ?? '') ?? []
  const hex = `0x${signature}`
  if (expiry === undefined || !isHex(hex)) return undefined
  return { expirySeconds: BigInt(expiry), signature: fromHex(hex, 96) }
}

/**
 * Whether a certificate belongs to the member with this key.
 * @param certificate.publicKey DER, SubjectPublicKeyInfo
 * @param member.publicKey compressed, 48 bytes
 * @throws ZerogError PROOF_INVALID with the check that refused: `form`, `expiry`, `signature`
 */
export function checkTlsBinding(
  certificate: { readonly subjectAltName: string | undefined; readonly publicKey: Uint8Array },
  member: { readonly publicKey: Uint8Array },
  {
    chainId,
    nowSeconds,
    multisignature,
  }: {
    readonly chainId: bigint
    readonly nowSeconds: bigint
    readonly multisignature: Pick<Multisignature, 'verify'>
  },
): TlsBinding {
  const binding = tlsBindingOf(certificate.subjectAltName)
  if (binding === undefined) throw refused('form', 'its certificate names no member of a DA committee')
  const { expirySeconds, signature } = binding
  if (expirySeconds <= nowSeconds) {
    throw refused('expiry', 'what binds its certificate to a member has expired; the operator restarts it')
  }
  // Whoever stole a TLS key must not be the member for longer than an honest one would let it be.
  if (expirySeconds > nowSeconds + BINDING_SECONDS_MAX + BINDING_SKEW_SECONDS) {
    throw refused('expiry', `what binds its certificate to a member reaches further than ${BINDING_SECONDS_MAX / 86_400n} days`)
  }
  const message = tlsBindingMessage({ chainId, expirySeconds, publicKey: certificate.publicKey })
  if (!multisignature.verify([member.publicKey], message, signature)) {
    throw refused('signature', "its certificate is not signed by that member's registered key")
  }
  return binding
}

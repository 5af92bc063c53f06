import { sha256 } from '@zerog/kernels'
import { bigintToBytes, concatBytes, fromHex, isHex, toHex } from '@zerog/primitives'

const DOMAIN = new TextEncoder().encode('zerog/da/tls/v1')
const NAME = /^URI:urn:zerog:da-member:(\d{1,15}):([0-9a-f]{192})$/

/** What binds the key of a TLS certificate to the registered key of a member, as the one name in the certificate says it. */
export type Binding = { readonly expirySeconds: bigint; readonly signature: Uint8Array }

/**
 * What a member signs with its BLS key so that others know its TLS key: domain ‖ u64 chain id ‖ u64 expiry (seconds since 1970) ‖ SHA-256 of the
 * public key (DER, SubjectPublicKeyInfo). See docs/spec/data-availability.md.
 */
export function bindingMessage(given: {
  readonly chainId: bigint
  readonly expirySeconds: bigint
  readonly publicKey: Uint8Array
}): Uint8Array {
  return concatBytes(DOMAIN, bigintToBytes(given.chainId, 8), bigintToBytes(given.expirySeconds, 8), sha256(given.publicKey))
}

export function bindingName({ expirySeconds, signature }: Binding): string {
  return `urn:zerog:da-member:${expirySeconds}:${toHex(signature).slice(2)}`
}

/** @param subjectAltName as Node shows it; undefined unless it is one binding and nothing else */
export function bindingOf(subjectAltName: string | undefined): Binding | undefined {
  const [, expiry, signature] = NAME.exec(subjectAltName ?? '') ?? []
  const hex = `0x${signature}`
  if (expiry === undefined || !isHex(hex)) return undefined
  return { expirySeconds: BigInt(expiry), signature: fromHex(hex, 96) }
}

import { X509Certificate } from 'node:crypto'
import { ZerogError } from '@zerog/primitives'

const NETWORK = /^[a-z0-9][a-z0-9.-]{0,62}$/
const TARGET = /^[a-z][a-z0-9-]{0,62}$/
const SPIFFE = /^URI:spiffe:\/\/([a-z0-9][a-z0-9.-]{0,62})\/([a-z][a-z0-9-]{0,62})$/

export type Identity = { readonly network: string; readonly target: string }

/** `spiffe://<network>/<target>`, the only name that counts inside an installation. */
export function spiffeUri({ network, target }: Identity): string {
  return `spiffe://${network}/${target}`
}

export function checkNetworkName(network: string): void {
  if (NETWORK.test(network)) return
  throw new ZerogError('INVALID_ARGUMENT', {
    message: `network name "${network}" must be 1 to 63 of a-z, 0-9, dot and hyphen, e.g. devnet`,
  })
}

export function checkTargetName(target: string): void {
  if (TARGET.test(target)) return
  throw new ZerogError('INVALID_ARGUMENT', {
    message: `target "${target}" must be 1 to 63 of a-z, 0-9 and hyphen and start with a letter, e.g. chain-validator`,
  })
}

/** The identity in a certificate (DER or PEM), or undefined unless it names exactly one. Says nothing about who signed it. */
export function identityOf(certificate: Uint8Array | string): Identity | undefined {
  const names = new X509Certificate(certificate).subjectAltName
  // Node quotes a name that holds a comma or a quote; ours never do, and a quoted one could imitate the separator.
  if (names === undefined || names.includes('"')) return undefined
  const uris = names.split(', ').filter((name) => name.startsWith('URI:'))
  const [, network, target] = (uris.length === 1 ? SPIFFE.exec(uris[0] as string) : null) ?? []
  return network === undefined || target === undefined ? undefined : { network, target }
}

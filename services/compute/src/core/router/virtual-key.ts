import { type Hex, keccak256, toHex } from '@zerog/primitives'

/** `sk-zerog-` and 32 random bytes in base64url. */
const PREFIX = 'sk-zerog-'
const FORM = /^sk-zerog-[A-Za-z0-9_-]{43}$/

export function virtualKeyText(random: Uint8Array): string {
  return (
    PREFIX +
    btoa(String.fromCharCode(...random))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replace(/=+$/, '')
  )
}

/**
 * What is kept of a key. A key has 256 random bits, so one fast hash without a salt hides it: there is nothing to guess.
 * undefined for a text that is no key of ours.
 */
export function virtualKeyDigest(text: string): Hex | undefined {
  return FORM.test(text) ? toHex(keccak256(new TextEncoder().encode(text))) : undefined
}

/** The key of `Authorization: Bearer …`; undefined where there is none. */
export function bearerOf(authorization: string | undefined): string | undefined {
  const match = authorization === undefined || authorization.length > 512 ? null : /^Bearer +(\S+) *$/i.exec(authorization)
  return match?.[1]
}

/** Enough to recognise a key in a list, too little to use it. */
export function shownKey(text: string): string {
  return `${text.slice(0, PREFIX.length + 4)}…${text.slice(-4)}`
}

import { bigintToBytes, concatBytes, fromHex, type Hex, keccak256, toHex } from '@zerog/primitives'

export type Domain = {
  readonly name: string
  readonly version: string
  readonly chainId: bigint
  readonly verifyingContract: Hex
}

const DOMAIN_TYPE = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'

/** keccak-256 of a type's text. */
export function typeHash(type: string): Hex {
  return toHex(hashText(type))
}

/** A 32-byte word of a number or of a hex value of up to 32 bytes, padded on the left. */
export function word(value: bigint | Hex): Uint8Array {
  if (typeof value === 'bigint') return bigintToBytes(value, 32)
  const digits = value.slice(2)
  if (digits.length > 64 || digits === '') throw new RangeError(`${digits.length} digits do not make a word`)
  return fromHex(`0x${digits.padStart(64, '0')}`, 32)
}

/** hashStruct of a type whose members are all of fixed size. */
export function hashStruct(type: string, members: readonly (bigint | Hex)[]): Hex {
  return toHex(keccak256(concatBytes(hashConstant(type), ...members.map(word))))
}

export function domainSeparator(domain: Domain): Hex {
  const known = separators.get(domain)
  if (known !== undefined) return known
  const { name, version, chainId, verifyingContract } = domain
  const separator = toHex(
    keccak256(concatBytes(hashConstant(DOMAIN_TYPE), hashText(name), hashText(version), word(chainId), word(verifyingContract))),
  )
  separators.set(domain, separator)
  return separator
}

/** A domain and the texts of types are hashed once, not with each of thousands of receipts. */
const separators = new WeakMap<Domain, Hex>()
const constants = new Map<string, Uint8Array>()
const CONSTANTS_MAX = 64

function hashConstant(text: string): Uint8Array {
  const known = constants.get(text)
  if (known !== undefined) return known
  const hash = hashText(text)
  if (constants.size < CONSTANTS_MAX) constants.set(text, hash)
  return hash
}

/** What a wallet signs: keccak256(0x1901 ‖ domain separator ‖ struct hash). */
export function typedDigest(domain: Domain, structHash: Hex): Hex {
  return toHex(keccak256(concatBytes(Uint8Array.of(0x19, 0x01), fromHex(domainSeparator(domain), 32), fromHex(structHash, 32))))
}

function hashText(text: string): Uint8Array {
  return keccak256(new TextEncoder().encode(text))
}

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
  return typeof value === 'bigint' ? bigintToBytes(value, 32) : bigintToBytes(BigInt(value), 32)
}

/** hashStruct of a type whose members are all of fixed size. */
export function hashStruct(type: string, members: readonly (bigint | Hex)[]): Hex {
  return toHex(keccak256(concatBytes(hashText(type), ...members.map(word))))
}

export function domainSeparator({ name, version, chainId, verifyingContract }: Domain): Hex {
  return toHex(
    keccak256(concatBytes(hashText(DOMAIN_TYPE), hashText(name), hashText(version), word(chainId), word(verifyingContract))),
  )
}

/** What a wallet signs: keccak256(0x1901 ‖ domain separator ‖ struct hash). */
export function typedDigest(domain: Domain, structHash: Hex): Hex {
  return toHex(keccak256(concatBytes(Uint8Array.of(0x19, 0x01), fromHex(domainSeparator(domain), 32), fromHex(structHash, 32))))
}

function hashText(text: string): Uint8Array {
  return keccak256(new TextEncoder().encode(text))
}

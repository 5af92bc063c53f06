import { fromHex, type Hex } from '@zerog/primitives'
import { keccak256 } from '../../src/codec/keccak.ts'
import { type RlpItem, rlpEncode, rlpInteger } from '../../src/codec/rlp.ts'
import { CURVE_ORDER } from '../../src/codec/signature.ts'
import { authorizationHash } from '../../src/codec/transaction.ts'
import { keyAddresses, signDigest } from './keys.ts'
import { assemble } from './program.ts'
import { CHAIN_ID, type ScenarioAuthorization, type ScenarioTransaction } from './scenario.ts'

export type SigningContext = {
  readonly baseFee: bigint
  readonly nonceOf: (address: Hex) => Promise<bigint>
}

/** The bytes of a scenario's transaction, with the nonces of the moment. */
export async function signTransaction(spec: ScenarioTransaction, context: SigningContext): Promise<Uint8Array> {
  const { type, key } = spec
  const nonce = await moved(context, keyAddresses[key] as Hex, spec.nonceOffset)
  const maxFee = atLeastZero(context.baseFee + BigInt(spec.fee))
  const data = fromHex(`0x${spec.program === undefined ? (spec.data ?? '') : assemble(spec.program)}`)
  const middle: RlpItem[] = [
    rlpInteger(BigInt(Math.max(0, spec.gas))),
    spec.to === null ? NOTHING : fromHex(spec.to),
    rlpInteger(BigInt(spec.value)),
    data,
  ]
  if (type === 0) {
    const signed = [rlpInteger(nonce), rlpInteger(maxFee), ...middle]
    const { r, s, recovery } = signDigest(keccak256(rlpEncode([...signed, rlpInteger(BigInt(CHAIN_ID)), NOTHING, NOTHING])), key)
    return rlpEncode([...signed, rlpInteger(BigInt(35 + 2 * CHAIN_ID + recovery)), number(r), number(s)])
  }
  const fees = type === 1 ? [rlpInteger(maxFee)] : [rlpInteger(BigInt(spec.tip)), rlpInteger(maxFee)]
  const accessList = spec.accessList.map(({ address, storageKeys }) => [
    fromHex(address),
    storageKeys.map((slot) => fromHex(slot)),
  ])
  const signed: RlpItem[] = [rlpInteger(BigInt(CHAIN_ID)), rlpInteger(nonce), ...fees, ...middle, accessList]
  if (type === 4) {
    const tuples: RlpItem[] = []
    for (const authorization of spec.authorizations) tuples.push(await signAuthorization(authorization, context))
    signed.push(tuples)
  }
  const { r, s, recovery } = signDigest(keccak256(prefixed(type, signed)), key)
  return prefixed(type, [...signed, rlpInteger(BigInt(recovery)), number(r), number(s)])
}

async function signAuthorization(spec: ScenarioAuthorization, context: SigningContext): Promise<RlpItem> {
  const nonce = await moved(context, keyAddresses[spec.key] as Hex, spec.nonceOffset)
  const tuple = { chainId: BigInt(spec.chainId), address: spec.address, nonce }
  const { r, s, recovery } = signDigest(authorizationHash(tuple), spec.key)
  const parity = spec.spoil === 'parity' ? 2 : spec.spoil === 'high-s' ? 1 - recovery : recovery
  const upper = CURVE_ORDER - BigInt(`0x${s}`)
  return [
    rlpInteger(tuple.chainId),
    fromHex(tuple.address),
    rlpInteger(nonce),
    rlpInteger(BigInt(parity)),
    spec.spoil === 'zero-r' ? NOTHING : number(r),
    spec.spoil === 'high-s' ? rlpInteger(upper) : number(s),
  ]
}

const NOTHING = new Uint8Array(0)

async function moved({ nonceOf }: SigningContext, address: Hex, offset: number): Promise<bigint> {
  return atLeastZero((await nonceOf(address)) + BigInt(offset))
}

function atLeastZero(value: bigint): bigint {
  return value < 0n ? 0n : value
}

function number(hex: string): Uint8Array {
  return rlpInteger(BigInt(`0x${hex}`))
}

function prefixed(type: number, fields: readonly RlpItem[]): Uint8Array {
  const body = rlpEncode(fields)
  const out = new Uint8Array(body.length + 1)
  out[0] = type
  out.set(body, 1)
  return out
}

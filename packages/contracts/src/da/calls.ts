import { bls12_381 } from '@noble/curves/bls12-381.js'
import {
  type Certificate,
  type Committee,
  createCommittee,
  createWindow,
  KEY_BYTES,
  type Member,
  SIGNATURE_BYTES,
  type Statement,
  WINDOW_BUNDLES_MAX,
} from '@zerog/availability'
import { bytesToBigint, concatBytes, equalBytes, fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import { decodeFunctionResult, encodeFunctionData } from 'viem/utils'
import { PREDEPLOY_ADDRESSES } from '../addresses.ts'
import { daEntrance } from '../artifacts/da-entrance.ts'
import { daSigners } from '../artifacts/da-signers.ts'

const { G1, longSignatures } = bls12_381

/** A certificate with the statements of its window, in their order. */
export type CertifiedWindow = { readonly certificate: Certificate; readonly statements: readonly Statement[] }

/** Data of a call to DAEntrance and what it may cost. */
export type EncodedSubmission = { readonly to: Hex; readonly data: Hex; readonly gasLimit: bigint }

/**
 * The one transaction that records all bundles of these windows. Put windows with the same signers side by side: they share a pairing.
 * @param windows one or more, each verified (`verifyCertificate`): one bad signature refuses all
 * @throws ZerogError INVALID_ARGUMENT where statements are not those of their certificate or a signature is no point
 */
export function encodeSubmitCertificates(windows: readonly CertifiedWindow[]): EncodedSubmission {
  if (windows.length === 0) throw refused('no window to submit')
  const signatures = windows.map(({ certificate }) => parseSignature(certificate.signature))
  const sum = signatures.reduce((total, signature) => total.add(signature))
  const data = encodeFunctionData({
    abi: daEntrance.abi,
    functionName: 'submitCertificates',
    args: [windows.map(windowOf), g2Words(sum.toBytes(false))],
  })
  return { to: PREDEPLOY_ADDRESSES.daEntrance, data, gasLimit: gasLimitOf(windows, data) }
}

/** Registers the caller's key. @param key affine, 96 bytes @param possession compressed signature over `possessionMessage` */
export function encodeRegisterKey(options: {
  readonly key: Uint8Array
  readonly possession: Uint8Array
  readonly socket: string
}): { readonly to: Hex; readonly data: Hex } {
  const args = [g1Words(options.key), g2Words(parseSignature(options.possession).toBytes(false)), options.socket] as const
  return {
    to: PREDEPLOY_ADDRESSES.daSigners,
    data: encodeFunctionData({ abi: daSigners.abi, functionName: 'registerKey', args }),
  }
}

/** The affine form, 96 bytes, of a compressed key of 48 bytes. @throws ZerogError INVALID_ARGUMENT where it is no point of the group */
export function affineKey(publicKey: Uint8Array): Uint8Array {
  try {
    const point = G1.Point.fromBytes(concatBytes(publicKey))
    point.assertValidity()
    return point.toBytes(false)
  } catch (cause) {
    throw new ZerogError('INVALID_ARGUMENT', { message: 'a public key is a compressed point of the group, not infinity', cause })
  }
}

/** Reads a contract: `eth_call` at a height or at the head. */
export type CallContract = (request: { readonly to: Hex; readonly data: Hex; readonly signal?: AbortSignal }) => Promise<Hex>

/** The present epoch; 0 while there has been no committee. */
export async function readEpoch(call: CallContract, signal?: AbortSignal): Promise<bigint> {
  const data = encodeFunctionData({ abi: daSigners.abi, functionName: 'epochNumber' })
  const result = await call({ to: PREDEPLOY_ADDRESSES.daSigners, data, ...(signal !== undefined && { signal }) })
  return decodeFunctionResult({ abi: daSigners.abi, functionName: 'epochNumber', data: result })
}

/** Members fetched in one call: an answer of some 50 KB. */
const MEMBERS_PER_CALL = 128n

/**
 * The committee of an epoch, with the sockets of now. Its root is computed from the members and compared with the contract's.
 * @returns undefined where no such epoch has begun
 * @throws ZerogError VERIFICATION_FAILED where members and root do not fit
 */
export async function readCommittee(
  call: CallContract,
  options: { readonly epoch: bigint; readonly signal?: AbortSignal },
): Promise<Committee | undefined> {
  const { epoch, signal } = options
  const read = (data: Hex): Promise<Hex> =>
    call({ to: PREDEPLOY_ADDRESSES.daSigners, data, ...(signal !== undefined && { signal }) })
  const { abi } = daSigners
  const count = await read(encodeFunctionData({ abi, functionName: 'quorumCount', args: [epoch] }))
  if (decodeFunctionResult({ abi, functionName: 'quorumCount', data: count }) === 0n) return undefined
  const answer = await read(encodeFunctionData({ abi, functionName: 'epochDetail', args: [epoch] }))
  const detail = decodeFunctionResult({ abi, functionName: 'epochDetail', data: answer })
  const members: Member[] = []
  while (members.length < detail.members) {
    const args = [epoch, BigInt(members.length), MEMBERS_PER_CALL] as const
    const part = await read(encodeFunctionData({ abi, functionName: 'committeeMembers', args }))
    const found = decodeFunctionResult({ abi, functionName: 'committeeMembers', data: part })
    if (found.length === 0) throw mismatch(epoch)
    for (const { account, votes, key, socket } of found) {
      members.push({ address: account.toLowerCase() as Hex, stake: votes, key: keyOf(key), socket })
    }
  }
  const committee = createCommittee({ epoch, id: 0, seed: fromHex(detail.seed, 32), members })
  if (!equalBytes(committee.root, fromHex(detail.committeeRoot, 32))) throw mismatch(epoch)
  return committee
}

/**
 * Some 8 % above what bench/da-certificate-gas.ts measures for the dearest case, windows whose signers all differ: the call with one pairing,
 * its bytes, and per window a hash to the curve and a pair, per absentee a key and an addition, per bundle a slot and its events.
 */
function gasLimitOf(windows: readonly CertifiedWindow[], data: Hex): bigint {
  let gas = 110_000 + 8 * data.length // 16 per byte, which has two digits
  for (const { certificate, statements } of windows) {
    const signers = certificate.bitmap.reduce((sum, byte) => sum + onesIn(byte), 0)
    gas += 105_000 + (8 * certificate.bitmap.length - signers) * 2_200 + statements.length * 33_000
  }
  return BigInt(gas)
}

function onesIn(byte: number): number {
  let count = 0
  for (let rest = byte; rest > 0; rest &= rest - 1) count++
  return count
}

function windowOf({ certificate, statements }: CertifiedWindow) {
  const { epoch, committee, bitmap, chainId, count, windowRoot, committeeRoot } = certificate
  const shared = { epoch, id: committee, root: committeeRoot } as Committee // all that a window takes from it
  const fits =
    statements.length >= 1 &&
    statements.length <= WINDOW_BUNDLES_MAX &&
    statements.length === count &&
    statements.every((statement) => statement.epoch === epoch && statement.committee === committee) &&
    equalBytes(createWindow(statements, shared, chainId).windowRoot, windowRoot)
  if (!fits) throw refused('the statements are not those of the certificate')
  const bundles = statements.map(({ commitment, k, n, rowBytes, payloadBytes, expiry }) => ({
    commitment: toHex(commitment),
    k,
    n,
    rowBytes,
    payloadBytes,
    expiry,
  }))
  return { epoch, committee, bitmap: toHex(bitmap), bundles }
}

function parseSignature(bytes: Uint8Array) {
  try {
    if (bytes.length !== SIGNATURE_BYTES) throw new RangeError('a compressed signature has 96 bytes')
    const point = longSignatures.Signature.fromBytes(concatBytes(bytes))
    if (point.is0()) throw new RangeError('infinity is no signature')
    return point
  } catch (cause) {
    throw new ZerogError('INVALID_ARGUMENT', { message: 'a signature is a compressed point of G2, not infinity', cause })
  }
}

/** The struct G1 of the contracts. */
function g1Words(key: Uint8Array) {
  if (key.length !== KEY_BYTES) throw refused(`an affine key has ${KEY_BYTES} bytes, not ${key.length}`)
  const [xHigh, xLow] = split(key.subarray(0, 48))
  const [yHigh, yLow] = split(key.subarray(48))
  return { xHigh, xLow, yHigh, yLow }
}

/** The struct G2, from 192 bytes in the order of libraries: the imaginary part of each coordinate first. */
function g2Words(affine: Uint8Array) {
  const [x1High, x1Low] = split(affine.subarray(0, 48))
  const [x0High, x0Low] = split(affine.subarray(48, 96))
  const [y1High, y1Low] = split(affine.subarray(96, 144))
  const [y0High, y0Low] = split(affine.subarray(144, 192))
  return { x0High, x0Low, x1High, x1Low, y0High, y0Low, y1High, y1Low }
}

function split(coordinate: Uint8Array): [bigint, bigint] {
  return [bytesToBigint(coordinate.subarray(0, 16)), bytesToBigint(coordinate.subarray(16))]
}

function keyOf(key: { xHigh: bigint; xLow: bigint; yHigh: bigint; yLow: bigint }): Uint8Array {
  const hex = (value: bigint, bytes: number): string => value.toString(16).padStart(2 * bytes, '0')
  return fromHex(`0x${hex(key.xHigh, 16)}${hex(key.xLow, 32)}${hex(key.yHigh, 16)}${hex(key.yLow, 32)}`, KEY_BYTES)
}

function refused(problem: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message: `certificates for the chain: ${problem}` })
}

function mismatch(epoch: bigint): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', { message: `the members of DA epoch ${epoch} are not those of its root` })
}

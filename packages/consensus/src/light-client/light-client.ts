import { sha256 } from '@noble/hashes/sha2.js'
import { assert, type Hex, toHex, ZerogError } from '@zerog/primitives'
import { createCommittee, type Multisignature, type Validator, verifyCertificate } from '../simplex/committee.ts'
import { decodeCertificate } from '../simplex/encoding.ts'
import { decodeValidatorSet, validatorSetHash } from '../validator-set.ts'
import { type LightHeader, readHeader } from './header.ts'
import { HEADERS_MAX } from './limits.ts'
import { refuse } from './rlp.ts'

/** What a light client must know of a network besides a block that it trusts. */
export type LightClientNetwork = {
  readonly chainId: bigint
  /** Blocks per epoch: epoch e votes on the heights e * length + 1 to (e + 1) * length. */
  readonly epochLength: bigint
  /** How long a validator's stake can still be taken after it has left. */
  readonly undelegationDelaySeconds: bigint
  /** How long a set is believed after the last block that was seen of it; shorter than the undelegation delay. */
  readonly trustingPeriodSeconds: bigint
  /** How far ahead of the own clock a block may be. */
  readonly clockDriftSeconds: bigint
}

/** The validator set of one epoch, and what vouches for it. */
export type TrustedState = {
  readonly epoch: bigint
  readonly validators: readonly Validator[]
  /** The newest header that was seen of it; absent while the set is believed by its hash alone. */
  readonly header?: LightHeader
}

export type FinalityProof = {
  /** Encoded headers from the block in question up to the one that the certificate names, each the parent of the next. */
  readonly headers: readonly Uint8Array[]
  /** An encoded finalize certificate (`encodeCertificate`). */
  readonly certificate: Uint8Array
}

export type LightClientDeps = { readonly multisignature: Multisignature }
type Now = { readonly nowSeconds: bigint }

/**
 * Where trust begins: a block hash from a source that is trusted (the genesis of a young network, else a recent checkpoint), and what
 * belongs to it: its header and the set which that header names. Throws PROOF_INVALID when they do not belong together.
 */
export function trustBlock(
  network: LightClientNetwork,
  block: { readonly hash: Hex; readonly header: Uint8Array; readonly validators: Uint8Array },
): TrustedState {
  assert(
    network.trustingPeriodSeconds < network.undelegationDelaySeconds,
    'who can be believed must still have something to lose: the trusting period is shorter than the undelegation delay',
  )
  const header = readHeader(block.header)
  if (header.hash !== block.hash.toLowerCase()) refuse('the header is not the one that is trusted')
  return { epoch: epochOf(network, header.height + 1n), validators: namedSet(header, block.validators), header }
}

/**
 * Where trust begins with a set instead of a block: whoever calls this vouches now for the set with this hash, for instance because an
 * operator of the network just told it. No age is checked until a header was seen. Throws PROOF_INVALID when the encoding is not of that hash.
 */
export function trustSet(set: { readonly hash: Hex; readonly epoch: bigint; readonly validators: Uint8Array }): TrustedState {
  const hash = hashOfSet(set.validators)
  if (hash !== set.hash.toLowerCase()) refuse(`the validator set has the hash ${hash}, trusted is ${set.hash}`)
  return { epoch: set.epoch, validators: decodeValidatorSet(set.validators) }
}

/** What `extraData` of a header names for an encoded set. Throws PROOF_INVALID for what is no set. */
export function hashOfSet(encoded: Uint8Array): Hex {
  return toHex(validatorSetHash(decodeValidatorSet(encoded), sha256))
}

/**
 * The first of `proof.headers`, final by the word of the trusted epoch's validators: whatever its state root binds is true of the chain.
 * Throws PROOF_INVALID, and WRONG_STATE when the trusted header is too old to believe anybody.
 */
export function verifyFinality(
  network: LightClientNetwork,
  trusted: TrustedState,
  proof: FinalityProof,
  deps: LightClientDeps & Now,
): LightHeader {
  const headers = readChain(proof.headers)
  const certified = headers.at(-1) as LightHeader
  checkAge(network, trusted, certified, deps.nowSeconds)
  checkCertificate(network, trusted, certified, { ...deps, certificate: proof.certificate })
  return headers[0] as LightHeader
}

/**
 * Follows the chain to a later block of the trusted epoch. The epoch's last block names the next set, which is then trusted: pass its
 * encoding as `validators`. Walk epoch by epoch: one certificate each. Throws as `verifyFinality`.
 */
export function advance(
  network: LightClientNetwork,
  trusted: TrustedState,
  update: { readonly header: Uint8Array; readonly certificate: Uint8Array; readonly validators?: Uint8Array },
  deps: LightClientDeps & Now,
): TrustedState {
  const proof = { headers: [update.header], certificate: update.certificate }
  const header = verifyFinality(network, trusted, proof, deps)
  if (trusted.header && header.height <= trusted.header.height) refuse(`height ${header.height} is not above the trusted one`)
  if (header.height < (trusted.epoch + 1n) * network.epochLength) {
    // Within an epoch a header names the set that votes: an honest quorum signs nothing else.
    if (header.setHash !== toHex(validatorSetHash(trusted.validators, sha256)))
      refuse('the validator set changed within an epoch')
    return { ...trusted, header }
  }
  const validators =
    update.validators === undefined && header.setHash === toHex(validatorSetHash(trusted.validators, sha256))
      ? trusted.validators
      : namedSet(header, update.validators ?? refuse(`the validator set of epoch ${trusted.epoch + 1n} is missing`))
  return { epoch: trusted.epoch + 1n, validators, header }
}

/** The epoch whose validators vote on a height; heights begin at 1, the genesis is nobody's vote. */
export function epochOf({ epochLength }: LightClientNetwork, height: bigint): bigint {
  assert(height >= 1n && epochLength >= 1n, 'the genesis block belongs to no epoch')
  return (height - 1n) / epochLength
}

function namedSet(header: LightHeader, encoded: Uint8Array): Validator[] {
  if (hashOfSet(encoded) !== header.setHash) refuse('the validator set is not the one that the header names')
  return decodeValidatorSet(encoded)
}

function readChain(encoded: readonly Uint8Array[]): LightHeader[] {
  if (encoded.length === 0 || encoded.length > HEADERS_MAX) refuse(`${encoded.length} headers`)
  const headers = encoded.map(readHeader)
  for (const [index, header] of headers.entries()) {
    const parent = headers[index - 1]
    if (parent && (header.parentHash !== parent.hash || header.height !== parent.height + 1n)) refuse('the headers are no chain')
  }
  return headers
}

/** Long-range attacks: keys of validators who have their stake back can sign any history (docs/spec/consensus.md). */
function checkAge(network: LightClientNetwork, trusted: TrustedState, header: LightHeader, nowSeconds: bigint): void {
  if (header.timestampSeconds > nowSeconds + network.clockDriftSeconds) refuse('a block of the future, or this clock is late')
  if (trusted.header === undefined) return
  const { timestampSeconds, height } = trusted.header
  if (nowSeconds >= timestampSeconds + network.trustingPeriodSeconds) {
    throw new ZerogError('WRONG_STATE', {
      message:
        `the trusted block ${height} is ${nowSeconds - timestampSeconds} s old, more than the trusting period of ` +
        `${network.trustingPeriodSeconds} s: begin again from a recent block hash of a source that you trust`,
      metadata: { height: height.toString() },
    })
  }
  if (header.height > height && header.timestampSeconds < timestampSeconds) refuse('time runs backwards')
}

function checkCertificate(
  network: LightClientNetwork,
  { epoch, validators }: TrustedState,
  header: LightHeader,
  options: LightClientDeps & { readonly certificate: Uint8Array },
): void {
  const { context, certificate, validatorCount } = decodeCertificate(options.certificate)
  if (context.chainId !== network.chainId) refuse(`a certificate of chain ${context.chainId}`)
  if (context.epoch !== epoch) refuse(`a certificate of epoch ${context.epoch}, the trusted one is ${epoch}`)
  if (header.height < 1n || epochOf(network, header.height) !== epoch) refuse(`height ${header.height} is not of epoch ${epoch}`)
  if (certificate.ballot.kind !== 'finalize') refuse(`a ${certificate.ballot.kind} certificate finalizes nothing`)
  if (certificate.ballot.blockHash !== header.hash) refuse('the certificate names another block')
  if (validatorCount !== validators.length)
    refuse(`a certificate of ${validatorCount} validators, the set has ${validators.length}`)
  const committee = createCommittee({ context, validators, multisignature: options.multisignature })
  if (!verifyCertificate(committee, certificate)) refuse('the certificate has no quorum of valid signatures')
}

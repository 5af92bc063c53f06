import { decodeCertificate, hashOfSet } from '@zerog/consensus/light-client'
import { type Hex, ZerogError } from '@zerog/primitives'
import { decodeEvidence, type Evidence } from './bundle.ts'
import type { Link } from './link.ts'
import { type Trust, trustOf } from './trust.ts'
import { type Verdict, type VerifyOptions, verifyBundle } from './verify.ts'

export type EvidenceTrust = Partial<Trust>

export type TrustedVerdict = Verdict & {
  /** Whether the caller named the validator set. Where not, the whole may be forged by whoever made it. */
  readonly trusted: boolean
  readonly trust: Trust
}

/**
 * As `verifyBundle` where little is known beforehand. The chain id is the one that the validators signed unless given. Without a
 * validator set hash the bundle's own set is taken, and the link `validators` is not proven, but `not-shown`.
 * @throws ZerogError ENCODING_INVALID, INVALID_ARGUMENT, PROOF_INVALID where the bundle's own validator set is none
 * @example verifyEvidence(bytes, { validatorSetHash: '0x…' }).links.filter(({ ok }) => !ok)
 */
export function verifyEvidence(bytes: Uint8Array, given: EvidenceTrust = {}, options: VerifyOptions = {}): TrustedVerdict {
  const evidence = decodeEvidence(bytes)
  const trusted = given.validatorSetHash !== undefined
  const trust = trustOf({
    chainId: signedChainId(evidence),
    ...given,
    validatorSetHash: given.validatorSetHash ?? hashOfSet(evidence.validators.trusted),
  })
  const verdict = verifyBundle(bytes, trust, options)
  const links = trusted ? verdict.links : verdict.links.map((link) => believed(link, trust.validatorSetHash))
  return { ...verdict, links, trusted, trust }
}

function signedChainId({ block, chainId }: Evidence): bigint {
  try {
    return decodeCertificate(block.certificate).context.chainId
  } catch (error) {
    // Then the certificate is what is broken, and its links say so.
    if (!(error instanceof ZerogError)) throw error
    return chainId
  }
}

function believed(link: Link, hash: Hex): Link {
  if (link.name !== 'validators' || link.state !== 'proven') return link
  return {
    ...link,
    state: 'not-shown',
    detail: `${link.detail} Nobody vouches for them: is ${hash} the hash of the network's set?`,
  }
}

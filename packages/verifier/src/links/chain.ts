import { createCommittee, type Multisignature, verifyCertificate } from '@zerog/consensus'
import {
  advance,
  decodeCertificate,
  encodeValidatorSet,
  epochOf,
  type LightClientNetwork,
  type LightHeader,
  readHeader,
  type TrustedState,
  trustSet,
} from '@zerog/consensus/light-client'
import { equalBytes } from '@zerog/primitives'
import type { Evidence } from '../bundle.ts'
import type { Facts } from '../facts.ts'
import type { Finding } from '../link.ts'
import { refuse } from '../refusal.ts'
import type { Trust } from '../trust.ts'

const DRIFT_SECONDS = 30n
/** Whoever verifies vouches for the set, so no age counts (ADR 0151). */
const NO_PERIOD = 2n ** 65n

/** Whether the facts are of the first header's state and the certificate finalizes it. Who signed is the next link. */
export function checkBlock(
  { chainId, block }: Evidence,
  { facts, trust, nowSeconds }: { facts: Facts; trust: Trust; nowSeconds: bigint | undefined },
): Finding {
  if (chainId !== trust.chainId) refuse(`This evidence is of chain ${chainId}, trusted is chain ${trust.chainId}.`)
  const headers = readChain(block.headers)
  const [first, last] = [headers[0] as LightHeader, headers.at(-1) as LightHeader]
  if (first.stateRoot !== facts.stateRoot) refuse(`The facts are not of the state of block ${first.height}.`)
  const { context, certificate } = decodeCertificate(block.certificate)
  const { kind, blockHash } = certificate.ballot
  if (kind !== 'finalize') refuse(`A certificate that says "${kind}" finalizes nothing.`)
  if (blockHash !== last.hash) refuse(`The certificate is of block ${blockHash}, not of ${last.hash}.`)
  if (last.height < 1n || epochOf(networkOf(trust), last.height) !== context.epoch) {
    refuse(`Block ${last.height} is not of epoch ${context.epoch}, whose validators signed.`)
  }
  if (nowSeconds !== undefined && last.timestampSeconds > nowSeconds + DRIFT_SECONDS) refuse('The block is of the future.')
  return {
    state: 'proven',
    detail: `All facts are of the state of block ${first.height} (${first.hash}), ${headers.length === 1 ? 'which' : `an ancestor of block ${last.height}, which`} is final.`,
  }
}

function readChain(encoded: readonly Uint8Array[]): LightHeader[] {
  const headers = encoded.map(readHeader)
  for (const [index, header] of headers.entries()) {
    const parent = headers[index - 1]
    if (parent !== undefined && (header.parentHash !== parent.hash || header.height !== parent.height + 1n)) {
      refuse(`Block ${header.height} is not the child of the one before it.`)
    }
  }
  return headers
}

/** Whether the certificate was signed by the set to which the epochs lead from the trusted one. */
export function checkValidators(
  { block, validators: { trusted: encoded, steps } }: Evidence,
  { trust, multisignature }: { trust: Trust; multisignature: Multisignature },
): Finding {
  const { context, certificate, validatorCount } = decodeCertificate(block.certificate)
  const epoch = trust.epoch ?? context.epoch - BigInt(steps.length)
  if (epoch < 0n) refuse(`There are ${steps.length} steps to epoch ${context.epoch}.`)
  let trusted = trustSet({ hash: trust.validatorSetHash, epoch, validators: encoded })
  for (const step of steps) trusted = follow(trusted, step, { trust, multisignature })
  if (context.chainId !== trust.chainId) refuse(`The certificate is of chain ${context.chainId}, not ${trust.chainId}.`)
  if (context.epoch !== trusted.epoch)
    refuse(`The certificate is of epoch ${context.epoch}, the steps lead to epoch ${trusted.epoch}.`)
  const { validators } = trusted
  if (validatorCount !== validators.length)
    refuse(`The certificate is of ${validatorCount} validators, the set has ${validators.length}.`)
  const committee = createCommittee({ context, validators, multisignature })
  if (!verifyCertificate(committee, certificate))
    refuse(`The certificate has no quorum of the validators of epoch ${trusted.epoch}.`)
  const way =
    steps.length === 0 ? 'the trusted ones' : `${steps.length} ${steps.length === 1 ? 'epoch' : 'epochs'} after the trusted ones`
  return {
    state: 'proven',
    detail: `${certificate.signers.length} of the ${validators.length} validators of epoch ${trusted.epoch}, ${way}, signed it.`,
  }
}

function follow(
  trusted: TrustedState,
  { header, certificate, next }: Evidence['validators']['steps'][number],
  { trust, multisignature }: { trust: Trust; multisignature: Multisignature },
): TrustedState {
  if (equalBytes(next, encodeValidatorSet(trusted.validators))) refuse('A set that stays the same is not repeated.')
  const update = { header, certificate, ...(next.length === 0 ? {} : { validators: next }) }
  const following = advance(networkOf(trust), trusted, update, { multisignature, nowSeconds: 2n ** 64n })
  if (following.epoch !== trusted.epoch + 1n) refuse(`A step does not end epoch ${trusted.epoch}.`)
  return following
}

function networkOf({ chainId, epochLength }: Trust): LightClientNetwork {
  const periods = { undelegationDelaySeconds: NO_PERIOD + 1n, trustingPeriodSeconds: NO_PERIOD }
  return { chainId, epochLength, ...periods, clockDriftSeconds: DRIFT_SECONDS }
}

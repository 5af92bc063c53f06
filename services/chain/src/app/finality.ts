import { createCommittee, decodeCertificate, encodeValidatorSet, verifyCertificate, verifyRandomness } from '@zerog/consensus'
import { rlpDecode, rlpEncode, toList } from '@zerog/evm'
import { fromHex, type Hex, ZerogError } from '@zerog/primitives'
import type { ChainBlock } from './block-store.ts'
import { PROOF_HEADERS_MAX } from './limits.ts'
import { type Crypto, leaderSlot, type Network } from './network.ts'

/** What a light client needs to believe a block (docs/spec/consensus.md). */
export type Finality = {
  readonly height: bigint
  readonly blockHash: Hex
  /** Encoded headers from the block up to the one that the certificate names. */
  readonly headers: readonly Uint8Array[]
  /** An encoded finalize certificate; empty for genesis, which nobody votes on. */
  readonly certificate: Uint8Array
  /** The encoded set that the block's header names: it votes on the next height. */
  readonly validators: Uint8Array
  readonly epochLength: bigint
}

/** The proof that a block is final; undefined where there is no block, or no certificate above it yet. */
export function finalityOf(
  network: Network,
  height: bigint,
  blockByHeight: (height: bigint) => ChainBlock | undefined,
): Finality | undefined {
  const { epochLength, validators } = network
  const asked = blockByHeight(height)
  if (asked === undefined) return undefined
  const facts = { height, blockHash: asked.hash, validators: encodeValidatorSet(validators), epochLength }
  if (height === 0n) return { ...facts, headers: [encodedHeader(asked)], certificate: asked.payload.certificate }
  const headers: Uint8Array[] = []
  for (let at = height; headers.length < PROOF_HEADERS_MAX; at++) {
    const block = blockByHeight(at)
    if (block === undefined) return undefined
    headers.push(encodedHeader(block))
    const { certificate } = block.payload
    if (certificate.length > 0) return { ...facts, headers, certificate }
  }
  return undefined
}

/** As it was hashed: a development method may have put another state root into the decoded one. */
function encodedHeader({ encoded }: ChainBlock): Uint8Array {
  const [header] = toList(rlpDecode(encoded), 'block')
  return rlpEncode(toList(header, 'header'))
}

/**
 * What a block's payload claims: its place, the leader's signature and r, and that its validators finalized it. Throws
 * VERIFICATION_FAILED with the field.
 */
export function verifyPayload(
  network: Network,
  block: Pick<ChainBlock, 'header' | 'hash' | 'payload'>,
  parent: { readonly header: Pick<ChainBlock['header'], 'prevRandao'> },
  crypto: Crypto,
): void {
  const { header, hash, payload } = block
  const { slot, leader } = leaderSlot(network, header.height)
  if (payload.epoch !== slot.epoch || payload.view !== slot.view) throw unverified('view', `${payload.epoch}/${payload.view}`)
  verifyRandomness(
    {
      slot,
      leader,
      signature: payload.leaderSignature,
      previous: fromHex(parent.header.prevRandao),
      found: header.prevRandao,
    },
    crypto,
  )
  const problem = certificateProblem(network, { header, hash, certificate: payload.certificate }, crypto)
  if (problem !== undefined) throw unverified('certificate', problem)
}

/** Why a certificate does not finalize a block in its own view, or undefined. */
export function certificateProblem(
  network: Network,
  block: Pick<ChainBlock, 'header' | 'hash'> & { readonly certificate: Uint8Array },
  { multisignature }: Crypto,
): string | undefined {
  const { chainId, validators } = network
  const { slot } = leaderSlot(network, block.header.height)
  let decoded: ReturnType<typeof decodeCertificate>
  try {
    decoded = decodeCertificate(block.certificate)
  } catch (error) {
    return (error as ZerogError).message // decodeCertificate throws nothing else
  }
  const { context, certificate, validatorCount } = decoded
  const { kind, view, parentView, blockHash } = certificate.ballot
  if (context.chainId !== chainId || context.epoch !== slot.epoch) return 'of another chain or epoch'
  if (kind !== 'finalize' || blockHash !== block.hash) return `a ${kind} certificate of ${blockHash}`
  if (BigInt(view) !== slot.view || parentView !== view - 1) return `of view ${view} on ${parentView}`
  const committee = createCommittee({ context, validators, multisignature })
  if (validatorCount === validators.length && verifyCertificate(committee, certificate)) return undefined
  return 'without a quorum of valid signatures'
}

function unverified(field: string, found: string): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', {
    message: `block: ${field} is ${found}, which does not fit the chain`,
    metadata: { field },
  })
}

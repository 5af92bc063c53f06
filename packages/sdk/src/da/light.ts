import {
  type Committee,
  createCommittee,
  decodeCertificate,
  encodingMissProbability,
  type Statement,
  sampleRows,
  signersOf,
  stakeOf,
  verifyCertificate,
  verifyMembership,
  withholdingMissProbability,
} from '@zerog/availability'
import type { Multisignature } from '@zerog/consensus'
import { createVerifier, type RowProof } from '@zerog/erasure'
import { equalBytes, fromHex, toHex, ZerogError } from '@zerog/primitives'
import type { Context } from '../client.ts'
import { getCertificate, getCommittee } from './blobs.ts'
import { askDa, bytesOf, type Waiting } from './rest.ts'
import type { DaBundleRef, DaCertificate, DaCommittee } from './types.ts'

export type SampleOptions = Waiting & {
  /** How many random rows are asked for. Default 16. */
  readonly rows?: number
  /** 32 bytes that nobody else knows. Default: random. */
  readonly seed?: Uint8Array
  /** BLS12-381: `nobleMultisignature` of @zerog/consensus/noble anywhere, blst in Node. */
  readonly multisignature: Multisignature
  /** Root of the committee from a source that is trusted (a state proof, an own replica). Default: what the gateway says. */
  readonly committeeRoot?: `0x${string}`
}

export type SampledRow = { readonly index: number; readonly ok: boolean; readonly problem?: string }

/** What one light client found out about one bundle. The two confidences answer different questions: see docs/data-availability.md. */
export type SampleReport = {
  readonly commitment: `0x${string}`
  readonly epoch: number
  /** Every row was served and belongs to the commitment. */
  readonly available: boolean
  readonly rows: readonly SampledRow[]
  readonly certificate: {
    readonly signers: number
    readonly members: number
    /** Signed share of the stake, 0 to 1. */
    readonly stakeShare: number
    /** Whether the committee's root came from the caller or from the gateway that was asked. */
    readonly committeeFrom: 'caller' | 'gateway'
  }
  /** Probability that all rows are answered although the bundle cannot be restored, if what is served does not depend on this client. */
  readonly withholdingMissProbability: number
  /** Probability that all rows pass although the bundle is not a codeword; the signers of the certificate checked 148 rows each. */
  readonly encodingMissProbability: number
  /** Bytes of rows, paths and RLC vector that were fetched. */
  readonly bytesFetched: number
}

const ROWS_DEFAULT = 16

/**
 * Samples a bundle: checks its certificate, then asks for random rows and proves each against the commitment.
 * @example const report = await sampleBundle(context, { commitment, epoch }, { multisignature: nobleMultisignature })
 * @returns a report also where rows are missing or wrong (`available` is false then). Rows and RLC vector make the commitment together: under a
 * vector of other values no row proves itself
 * @throws ZerogError PROOF_INVALID where certificate or committee are not what they must be, INVALID_ARGUMENT where something has another
 * form; the check is in the metadata
 */
export async function sampleBundle(context: Context, bundle: DaBundleRef, options: SampleOptions): Promise<SampleReport> {
  const certificate = await getCertificate(context, bundle, options)
  const committee = committeeOf(await getCommittee(context, { ...options, epoch: bundle.epoch }), options.committeeRoot)
  const statement = statementOf(certificate, bundle)
  const signers = checkCertificate(certificate, statement, {
    committee,
    chainId: BigInt(await context.chainId()),
    multisignature: options.multisignature,
  })
  const path = `/bundles/${bundle.commitment}`
  const rlc = await bytesOf(askDa(context, { path: `${path}/rlc`, query: { epoch: bundle.epoch } }, options))
  const { k, n, rowBytes } = statement
  const verifier = createVerifier({ shape: { k, n }, commitment: statement.commitment, rlc, rowBytes })
  const count = Math.min(options.rows ?? ROWS_DEFAULT, k + n)
  const wanted = sampleRows(options.seed ?? crypto.getRandomValues(new Uint8Array(32)), { k, n }, count)
  const query = { epoch: bundle.epoch, indexes: wanted.join(',') }
  const frames = await bytesOf(askDa(context, { path: `${path}/rows`, query }, options))
  const served = new Map(readFrames(frames).map((row) => [row.index, row]))
  const rows = Array.from(wanted, (index) => checkRow(index, served.get(index), (row) => verifier.verify([row])))
  return {
    commitment: bundle.commitment,
    epoch: bundle.epoch,
    available: rows.every(({ ok }) => ok),
    rows,
    certificate: {
      signers: signers.length,
      members: committee.members.length,
      stakeShare: Number(stakeOf(committee, signers)) / Number(committee.totalStake),
      committeeFrom: options.committeeRoot === undefined ? 'gateway' : 'caller',
    },
    withholdingMissProbability: withholdingMissProbability({ k, n }, count),
    encodingMissProbability: encodingMissProbability({ k, n }, count),
    bytesFetched: rlc.length + frames.length,
  }
}

function committeeOf(answer: DaCommittee, trustedRoot: `0x${string}` | undefined): Committee {
  const committee = createCommittee({
    epoch: BigInt(answer.epoch),
    id: answer.committee,
    seed: fromHex(answer.seed),
    members: answer.members.map(({ address, stake, key, socket }) => ({
      address,
      stake: BigInt(stake),
      key: fromHex(key),
      socket,
    })),
  })
  if (trustedRoot === undefined || equalBytes(committee.root, fromHex(trustedRoot))) return committee
  throw new ZerogError('PROOF_INVALID', {
    message: `the gateway's committee has root ${toHex(committee.root)}, not the trusted ${trustedRoot}`,
    metadata: { check: 'committee_root' },
  })
}

function statementOf({ bundle }: DaCertificate, asked: DaBundleRef): Statement {
  if (bundle.commitment.toLowerCase() !== asked.commitment.toLowerCase()) {
    throw new ZerogError('PROOF_INVALID', {
      message: 'the gateway sent the certificate of another bundle',
      metadata: { check: 'commitment' },
    })
  }
  const { k, n, rowBytes, payloadBytes, committee } = bundle
  return {
    commitment: fromHex(bundle.commitment),
    k,
    n,
    rowBytes,
    payloadBytes,
    epoch: BigInt(bundle.epoch),
    committee,
    expiry: BigInt(bundle.expiry),
  }
}

/** The members that signed. */
function checkCertificate(
  { certificate, index, path }: DaCertificate,
  statement: Statement,
  expected: { readonly committee: Committee; readonly chainId: bigint; readonly multisignature: Multisignature },
): number[] {
  const decoded = decodeCertificate(fromHex(certificate))
  verifyCertificate(decoded, expected.committee, expected)
  verifyMembership(statement, decoded, { index, path: siblings(fromHex(path)) })
  return signersOf(decoded.bitmap, expected.committee.members.length)
}

function checkRow(index: number, row: RowProof | undefined, verify: (row: RowProof) => void): SampledRow {
  if (row === undefined || row.row.length === 0) return { index, ok: false, problem: 'no node serves it' }
  try {
    verify(row)
    return { index, ok: true }
  } catch (error) {
    if (error instanceof ZerogError) return { index, ok: false, problem: error.message }
    throw error
  }
}

/** Frames of `u32 index ‖ u32 row bytes ‖ row ‖ u32 path bytes ‖ path`, big-endian. @throws ZerogError INVALID_ARGUMENT */
export function readFrames(bytes: Uint8Array): RowProof[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const rows: RowProof[] = []
  let at = 0
  const number = (): number => {
    if (at + 4 > bytes.length) throw brokenFrames(at)
    at += 4
    return view.getUint32(at - 4)
  }
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw brokenFrames(at)
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const index = number()
    const row = take(number())
    rows.push({ index, row, path: siblings(take(number())) })
  }
  return rows
}

function siblings(path: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(path.length / 32) }, (_, index) => path.subarray(32 * index, 32 * (index + 1)))
}

function brokenFrames(at: number): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message: `the rows end within a frame, at byte ${at}` })
}

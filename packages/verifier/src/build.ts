import { type InferenceReceipt, receiptCommitment, receiptDomain, receiptHash, type SignedReceipt } from '@zerog/evidence'
import { sha256 } from '@zerog/kernels'
import { equalBytes, fromHex, type Hex, ZerogError } from '@zerog/primitives'
import { decodeEvidence, type Evidence, encodeEvidence } from './bundle.ts'
import { createFacts, type FactQuestion } from './facts.ts'
import type { ClaimFinder } from './find-claim.ts'
import { readCommitteeCode } from './links/committee.ts'
import type { BatchMaterial } from './material.ts'
import type { Row } from './parts.ts'
import { claimRanges, placeOfBlob, rowsOf } from './places.ts'
import type { EvidenceContracts } from './trust.ts'

export type AnsweredReceipt = { readonly signed: SignedReceipt; readonly salt: Uint8Array; readonly signer: Hex }

/**
 * Evidence of one answer, in hash mode, out of the material of its batch. It is put together, not judged: `verifyBundle` says what it is
 * worth.
 * @param find `openBatch` of the batch as it was published
 * @throws ZerogError NOT_FOUND where batch or rows do not hold the receipt's claim, PROOF_INVALID where nodes of a fact are missing
 */
export function buildEvidence(
  answer: AnsweredReceipt,
  {
    material,
    find,
    contracts,
  }: { readonly material: BatchMaterial; readonly find: ClaimFinder; readonly contracts: EvidenceContracts },
): Evidence {
  const { receipt } = answer.signed
  const { chainId, certified } = material
  const domain = receiptDomain({ chainId, receiptAnchor: contracts.receiptAnchor })
  const commitment = receiptCommitment(receiptHash(receipt, domain), answer.salt)
  const { batch, userOffset, claimIndex } = find({ user: receipt.user, commitment })
  const { offset: blobOffset } = placeOfBlob(material.rows, certified)
  const place = { blobIndex: certified.blobIndex, blobOffset, userOffset, claimIndex }
  const question = { ...questionOf(receipt), sum: batch.sum, batchRoot: batch.batchRoot, epoch: certified.epoch }
  return {
    chainId,
    receipt: answer,
    batch,
    availability: { ...certified, userOffset, rows: pick(material.rows, rowsOf(claimRanges(place), certified)) },
    committeeCode: material.committeeCode,
    facts: nodesOf(question, { material, contracts }),
    block: material.block,
    validators: material.validators,
    lineage: new Uint8Array(0),
  }
}

/**
 * The same evidence with the bytes of request and answer inside, which whoever asked has.
 * @throws ZerogError ENCODING_INVALID, VERIFICATION_FAILED where these are not the bytes that the receipt names
 */
export function attachAnswer(
  bytes: Uint8Array,
  answer: { readonly request: Uint8Array; readonly response: Uint8Array },
): Uint8Array {
  const evidence = decodeEvidence(bytes)
  const { requestHash, responseHash } = evidence.receipt.signed.receipt
  for (const [what, body, hash] of [
    ['request', answer.request, requestHash],
    ['response', answer.response, responseHash],
  ] as const) {
    if (equalBytes(sha256(body), fromHex(hash, 32))) continue
    throw new ZerogError('VERIFICATION_FAILED', {
      message: `these are not the bytes of the ${what}: the receipt names SHA-256 ${hash}`,
      metadata: { what },
    })
  }
  return encodeEvidence({ ...evidence, answer })
}

function questionOf({ provider, user, modelRoot }: InferenceReceipt): Pick<FactQuestion, 'provider' | 'user' | 'modelRoot'> {
  return { provider, user, modelRoot }
}

/** Those nodes that the facts use, in the order of their first use, which is that of `factPlan`. */
function nodesOf(
  { provider, user, sum, batchRoot, epoch, modelRoot }: FactQuestion,
  { material, contracts }: { readonly material: BatchMaterial; readonly contracts: EvidenceContracts },
): readonly Uint8Array[] {
  const facts = createFacts(material.nodes, contracts)
  facts.signer(provider)
  if (sum !== 0n) facts.settlement(user, provider)
  facts.anchor(provider, batchRoot)
  const first = facts.committeeAccount(epoch)
  for (const address of [first, ...readCommitteeCode(material.committeeCode).further]) facts.codeHash(address)
  if (BigInt(modelRoot) !== 0n) facts.model(modelRoot)
  return facts.used()
}

function pick(rows: readonly Row[], indexes: readonly number[]): Row[] {
  const byIndex = new Map(rows.map((row) => [row.index, row]))
  return indexes.map((index) => {
    const row = byIndex.get(index)
    if (row === undefined) throw new ZerogError('NOT_FOUND', { message: `the material holds no row ${index}` })
    return row
  })
}

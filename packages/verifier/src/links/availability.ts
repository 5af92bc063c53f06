import { type BlobEntry, decodeCertificate, listBytesOf, quorumIdOf, readBlobCount, verifyMembership } from '@zerog/availability'
import { cutRange, readHeader, spanOf, verifyStandalone } from '@zerog/erasure'
import { plainEngine } from '@zerog/erasure/engines'
import { bigintToBytes, bytesToBigint, concatBytes, equalBytes, fromHex, toHex } from '@zerog/primitives'
import type { Evidence } from '../bundle.ts'
import type { Facts } from '../facts.ts'
import type { Finding } from '../link.ts'
import type { AvailabilityPart } from '../parts.ts'
import { BATCH_HEAD_BYTES, CLAIM_BYTES, claimRanges, ENTRY_BYTES, LIST_HEAD_BYTES, rowsOf, USER_HEAD_BYTES } from '../places.ts'
import { refuse } from '../refusal.ts'
import type { Trust } from '../trust.ts'
import { readProofs } from './receipt.ts'

/** Whether a certified bundle of the anchor's name holds this claim at the place where the trees say that it stands. */
export function checkAvailability(evidence: Evidence, { facts, trust }: { facts: Facts; trust: Trust }): Finding {
  const { availability, batch, receipt } = evidence
  const certificate = decodeCertificate(availability.certificate)
  if (certificate.chainId !== trust.chainId) refuse(`The certificate is of chain ${certificate.chainId}, not ${trust.chainId}.`)
  verifyMembership(availability, certificate, { index: availability.windowIndex, path: availability.windowPath })
  const cut = openRows(availability)
  const entry = readEntry(availability, cut)
  checkPlaces(evidence, { entry, cut, trust })
  const { claimProof } = readProofs(batch)
  const place = { ...availability, blobOffset: entry.offset, claimIndex: claimProof.index }
  if (rowsOf(claimRanges(place), availability).length !== availability.rows.length)
    refuse('A row is shown that holds nothing of the claim.')
  const anchor = facts.anchor(receipt.signed.receipt.provider, batch.batchRoot)
  if (BigInt(anchor.dataRoot) === 0n) refuse(`The provider has not anchored batch ${batch.batchRoot}.`)
  if (anchor.sum !== batch.batchSum) refuse(`The anchor names ${anchor.sum} wei for the batch, its claims are ${batch.batchSum}.`)
  const quorumId = quorumIdOf(availability.committee, availability.blobIndex)
  if (anchor.dataRoot !== toHex(availability.commitment) || anchor.epoch !== availability.epoch || anchor.quorumId !== quorumId) {
    refuse(`The anchor names blob (${anchor.dataRoot}, ${anchor.epoch}, ${anchor.quorumId}), which is another one.`)
  }
  return {
    state: 'proven',
    detail:
      `The claim stands in blob ${availability.blobIndex} of bundle ${toHex(availability.commitment)}, anchored with the batch ` +
      `and kept until ${availability.expiry} (seconds since 1970).`,
  }
}

type Cut = (offset: number, lengthBytes: number) => Uint8Array

/** Verifies the rows; what it returns cuts bytes of the bundle out of them. */
function openRows({ commitment, k, n, rowBytes, payloadBytes, rows }: AvailabilityPart): Cut {
  for (const [place, proof] of rows.entries()) {
    if (place > 0 && proof.index <= (rows[place - 1]?.index ?? 0)) refuse('The rows are not in rising order.')
    if (proof.row.length !== rowBytes) refuse(`Row ${proof.index} has ${proof.row.length} bytes, the bundle's have ${rowBytes}.`)
    // A few short rows: tables of the plain form are made sooner than a kernel is compiled.
    verifyStandalone({ proof, shape: { k, n }, commitment }, plainEngine)
  }
  const byIndex = new Map(rows.map(({ index, row }) => [index, row]))
  const row = (index: number) => byIndex.get(index) ?? refuse(`Row ${index} of the bundle is missing.`)
  if (readHeader(row(0), k * rowBytes) !== payloadBytes) refuse(`The bundle has another size than ${payloadBytes} bytes.`)
  return (offset, lengthBytes) => {
    const range = { offset, lengthBytes }
    const { rowFirst, rowCount } = spanOf(range, { k, rowBytes })
    return cutRange(
      Array.from({ length: rowCount }, (_, index) => row(rowFirst + index)),
      range,
      { k, rowBytes },
    )
  }
}

/** The entry of the blob in the list at the head of the bundle. */
function readEntry({ blobIndex, payloadBytes }: AvailabilityPart, cut: Cut): Pick<BlobEntry, 'offset' | 'length'> {
  const count = readBlobCount(cut(0, LIST_HEAD_BYTES), payloadBytes)
  if (blobIndex >= count) refuse(`The bundle has ${count} blobs, no blob ${blobIndex}.`)
  const entry = cut(listBytesOf(blobIndex), ENTRY_BYTES)
  const [offset, length] = [numberOf(entry.subarray(0, 4)), numberOf(entry.subarray(4, 8))]
  const isFirst = offset === listBytesOf(count)
  const isLast = offset + length === payloadBytes
  if (
    offset < listBytesOf(count) ||
    offset + length > payloadBytes ||
    isFirst !== (blobIndex === 0) ||
    isLast !== (blobIndex === count - 1)
  ) {
    refuse(`The list of the bundle gives blob ${blobIndex} a place that it cannot have.`)
  }
  return { offset, length }
}

/** Head of the batch, head of the user's part, and the claim: each where index and count of the proofs say. */
function checkPlaces(
  { availability: { userOffset }, batch, receipt: { signed } }: Evidence,
  { entry, cut, trust }: { entry: Pick<BlobEntry, 'offset' | 'length'>; cut: Cut; trust: Trust },
): void {
  const { claimProof, userProof } = readProofs(batch)
  const { user, provider, fee } = signed.receipt
  const expect = (what: string, offset: number, expected: Uint8Array): void => {
    if (offset + expected.length > entry.length) refuse(`The ${what} would lie behind the end of the blob.`)
    if (!equalBytes(cut(entry.offset + offset, expected.length), expected))
      refuse(`The blob holds another ${what} at byte ${offset}.`)
  }
  const isFirst = userOffset === BATCH_HEAD_BYTES
  const end = userOffset + USER_HEAD_BYTES + claimProof.count * CLAIM_BYTES
  if (
    userOffset < BATCH_HEAD_BYTES + userProof.index * (USER_HEAD_BYTES + CLAIM_BYTES) ||
    isFirst !== (userProof.index === 0) ||
    (end === entry.length) !== (userProof.index === userProof.count - 1)
  ) {
    refuse(`User ${userProof.index + 1} of ${userProof.count} cannot stand at byte ${userOffset} of the blob.`)
  }
  const head = [
    Uint8Array.of(1),
    bigintToBytes(trust.chainId, 8),
    fromHex(provider, 20),
    bigintToBytes(BigInt(userProof.count), 4),
  ]
  expect('head of a batch', 0, concatBytes(...head))
  expect("head of the user's part", userOffset, concatBytes(fromHex(user, 20), bigintToBytes(BigInt(claimProof.count), 4)))
  const claim = concatBytes(Uint8Array.of(0), fromHex(batch.commitment, 32), bigintToBytes(fee, 16))
  expect('claim', userOffset + USER_HEAD_BYTES + claimProof.index * CLAIM_BYTES, claim)
}

function numberOf(bytes: Uint8Array): number {
  return Number(bytesToBigint(bytes))
}

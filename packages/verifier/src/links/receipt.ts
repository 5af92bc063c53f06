import {
  decodeSumProof,
  foldClaim,
  foldUserTotal,
  type InferenceReceipt,
  receiptCommitment,
  receiptDomain,
  receiptHash,
  recoverReceiptSigner,
  type SumProof,
} from '@zerog/evidence'
import { sha256 } from '@zerog/kernels'
import { equalBytes, fromHex } from '@zerog/primitives'
import type { Evidence } from '../bundle.ts'
import type { Facts } from '../facts.ts'
import type { Finding } from '../link.ts'
import { refuse } from '../refusal.ts'
import type { Trust } from '../trust.ts'

const MODES = ['no claim', 'signed', 'signed inside a TEE', 're-executable', 'a zero-knowledge proof'] as const

/** Whether bytes are those whose hash the receipt signs. Without bytes nothing is wrong and nothing is shown. */
export function checkBody(what: 'request' | 'response', body: Uint8Array | undefined, receipt: InferenceReceipt): Finding {
  const hash = what === 'request' ? receipt.requestHash : receipt.responseHash
  if (body === undefined) {
    return { state: 'not-shown', detail: `The bundle holds no ${what} bytes; the receipt names SHA-256 ${hash}.` }
  }
  if (!equalBytes(sha256(body), fromHex(hash, 32))) refuse(`The ${what} is not the one of the receipt, whose SHA-256 is ${hash}.`)
  return { state: 'proven', detail: `The receipt names exactly these ${body.length} bytes of the ${what}.` }
}

export function checkSignature({ receipt: { signed, signer } }: Evidence, trust: Trust): Finding {
  const domain = receiptDomain({ chainId: trust.chainId, receiptAnchor: trust.contracts.receiptAnchor })
  const recovered = recoverReceiptSigner(signed.receipt, { domain, signature: signed.signature })
  if (recovered !== signer) refuse(`The receipt was not signed by ${signer} on chain ${trust.chainId}.`)
  return {
    state: 'proven',
    detail: `${signer} signed this receipt (${MODES[signed.receipt.mode]}) for user ${signed.receipt.user}.`,
  }
}

export function checkSigner({ receipt: { signed, signer } }: Evidence, facts: Facts): Finding {
  const { provider } = signed.receipt
  const entry = facts.signer(provider)
  if (!entry.registered || entry.signer !== signer) refuse(`Provider ${provider} has not registered ${signer} as its signer.`)
  if (!entry.acknowledged) refuse(`The signer ${signer} of provider ${provider} was registered, but is not acknowledged.`)
  return { state: 'proven', detail: `Provider ${provider} has registered ${signer}, and it is acknowledged.` }
}

export function checkBatch({ receipt: { signed, salt }, batch }: Evidence, trust: Trust): Finding {
  const { receipt } = signed
  const domain = receiptDomain({ chainId: trust.chainId, receiptAnchor: trust.contracts.receiptAnchor })
  if (receiptCommitment(receiptHash(receipt, domain), salt) !== batch.commitment) {
    refuse('The commitment is not that of this receipt and its salt.')
  }
  const { claimProof, userProof } = readProofs(batch)
  const claim = { kind: 'receipt', commitment: batch.commitment, amount: receipt.fee } as const
  const user = foldClaim(receipt.user, claim, claimProof)
  if (user.requestsHash !== batch.requestsHash || user.sum !== batch.sum) refuse("The claim does not lead to its user's total.")
  const total = { user: receipt.user, requestsHash: batch.requestsHash, sum: batch.sum }
  const whole = foldUserTotal({ chainId: trust.chainId, provider: receipt.provider }, total, userProof)
  if (whole.batchRoot !== batch.batchRoot || whole.sum !== batch.batchSum) refuse("The user's total does not lead to the batch.")
  return {
    state: 'proven',
    detail:
      `Claim ${claimProof.index + 1} of ${claimProof.count} of user ${userProof.index + 1} of ${userProof.count} in batch ` +
      `${batch.batchRoot}: ${receipt.fee} of ${batch.sum} wei.`,
  }
}

/** @throws ZerogError ENCODING_INVALID */
export function readProofs({ claimProof, userProof }: Evidence['batch']): {
  readonly claimProof: SumProof
  readonly userProof: SumProof
} {
  return { claimProof: decodeSumProof(claimProof), userProof: decodeSumProof(userProof) }
}

export function checkSettlement({ receipt: { signed }, batch }: Evidence, facts: Facts): Finding {
  if (batch.sum === 0n)
    return { state: 'not-required', detail: 'The user owes nothing by this batch, so there is no settlement.' }
  const { user, provider } = signed.receipt
  const { requestsHash, claimed, paid, nonce } = facts.settlement(user, provider)
  if (requestsHash !== batch.requestsHash) refuse(`The last settlement of the user with this provider is of ${requestsHash}.`)
  if (claimed !== batch.sum) refuse(`The settlement claimed ${claimed} wei, the user's total is ${batch.sum}.`)
  if (paid > claimed) refuse(`The settlement paid ${paid} wei, more than the ${claimed} that were claimed.`)
  const rest = paid === claimed ? 'in full' : `and ${claimed - paid} wei are carried to the next batch`
  return { state: 'proven', detail: `Settlement ${nonce} claimed ${claimed} wei; ${paid} wei were paid ${rest}.` }
}

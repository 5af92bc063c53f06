import { type Domain, hashStruct, typedDigest } from '@zerog/evidence'
import { concatBytes, fromHex, type Hex, keccak256, toHex } from '@zerog/primitives'

const ACKNOWLEDGEMENT_TYPE = 'ReceiptAcknowledgement(bytes32 receiptHash)'
const ACKNOWLEDGEMENTS_TYPE = 'ReceiptAcknowledgements(bytes32 receiptsHash)'

/**
 * What the user of a receipt signs to say that the whole answer arrived: EIP-712 in the domain of the receipt itself. A receipt that
 * waits for it is billable from then on.
 */
export function acknowledgementDigest(receiptHash: Hex, domain: Domain): Hex {
  return typedDigest(domain, hashStruct(ACKNOWLEDGEMENT_TYPE, [receiptHash]))
}

/** The same for many receipts at once: `receiptsHash` is the Keccak-256 of their hashes (32 bytes each) in their order. */
export function acknowledgementsDigest(receiptHashes: readonly Hex[], domain: Domain): Hex {
  const receiptsHash = toHex(keccak256(concatBytes(...receiptHashes.map((hash) => fromHex(hash, 32)))))
  return typedDigest(domain, hashStruct(ACKNOWLEDGEMENTS_TYPE, [receiptsHash]))
}

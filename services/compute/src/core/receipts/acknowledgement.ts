import { type Domain, hashStruct, typedDigest } from '@zerog/evidence'
import type { Hex } from '@zerog/primitives'

const ACKNOWLEDGEMENT_TYPE = 'ReceiptAcknowledgement(bytes32 receiptHash)'

/**
 * What the user of a receipt signs to say that the whole answer arrived: EIP-712 in the domain of the receipt itself. A receipt that
 * waits for it is billable from then on.
 */
export function acknowledgementDigest(receiptHash: Hex, domain: Domain): Hex {
  return typedDigest(domain, hashStruct(ACKNOWLEDGEMENT_TYPE, [receiptHash]))
}

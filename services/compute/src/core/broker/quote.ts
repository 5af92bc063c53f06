import type { Hex } from '@zerog/primitives'

/**
 * What a software signer can say about itself, in the form that 0G's SDK reads: no quote, and the word simulated wherever somebody may
 * look. The SDK compares signer and compose hash, which are true; it verifies no quote.
 */
export function simulatedQuote(
  of: { readonly signer: Hex; readonly provider: Hex; readonly chainId: bigint },
  sha256: (bytes: Uint8Array) => Hex,
) {
  const appCompose = JSON.stringify({
    manifest_version: 1,
    name: 'zerog compute broker',
    simulated: true,
    attestation: 'none: the signing key is held by software',
    provider: of.provider,
    chain_id: String(of.chainId),
  })
  const composeHash = sha256(new TextEncoder().encode(appCompose)).slice(2)
  return {
    simulated: true,
    notice:
      'This signer is software. There is no attestation: trust the operator of this provider, or the re-execution of its answers.',
    quote: '',
    report_data: btoa(of.signer),
    signing_address: of.signer,
    tcb_info: { simulated: true, app_compose: appCompose },
    event_log: [{ event: 'compose-hash', event_payload: composeHash, simulated: true }],
  }
}

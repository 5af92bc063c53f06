import { addresses, DEVNET_CHAIN_ID, developmentAccounts } from '@zerog/contracts'

/** The router's key of development networks. */
const DEVELOPMENT_KEY = `sk-zerog-${'development'.padEnd(43, '0')}`

/** What the launcher of a devnet writes to endpoints.json, for a development network that something else started. */
export function endpointsOf(at: { readonly gateway: string; readonly disperser: string; readonly broker: string }): object {
  const contracts = addresses({ chainId: BigInt(DEVNET_CHAIN_ID) })
  return {
    v: 1,
    chainId: Number(DEVNET_CHAIN_ID),
    rpcUrl: at.gateway,
    wsUrl: at.gateway.replace('http', 'ws'),
    gatewayUrl: at.gateway,
    storage: {
      indexerUrl: `${at.gateway}/indexer`,
      nodeUrl: `${at.gateway}/storage`,
      flow: contracts.flow,
      market: contracts.market,
    },
    da: { disperser: at.disperser, entrance: contracts.daEntrance },
    compute: {
      openaiUrl: `${at.gateway}/v1`,
      openaiKey: DEVELOPMENT_KEY,
      brokerUrl: at.broker,
      provider: developmentAccounts().at(-1)?.address ?? '',
      ledger: contracts.ledgerManager,
      inference: contracts.inferenceServing,
      fineTuning: contracts.fineTuningServing,
    },
    accounts: developmentAccounts().map(({ address, privateKey }) => ({ address, privateKey })),
    services: {},
  }
}

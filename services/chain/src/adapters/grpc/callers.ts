/** Targets that follow the chain and send transactions. Later layers add themselves here with their first call. */
export const CHAIN_CALLERS = [
  'gateway',
  'storage-gateway',
  'storage-node',
  'storage-keeper',
  'da-disperser',
  'da-encoder',
  'da-node',
  'da-retriever',
  'compute-router',
  'compute-broker',
  'compute-auditor',
  'developer',
] as const

/** Targets that ask in Ethereum's JSON-RPC: the public door, accounts that pay for transactions of their own, whoever needs proofs of state. */
export const JSON_RPC_CALLERS = ['gateway', 'da-disperser', 'compute-broker', 'developer'] as const

/** Targets that copy the chain. */
export const REPLICAS = ['chain-rpc', 'developer'] as const

/** Targets that follow the chain and send transactions. Later layers add themselves here with their first call. */
export const CHAIN_CALLERS = ['gateway', 'storage-gateway', 'storage-node', 'storage-keeper', 'developer'] as const

/** Targets that copy the chain. */
export const REPLICAS = ['chain-rpc', 'developer'] as const

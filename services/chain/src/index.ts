export type * from './app/chain-backend.ts'
export { type ChainBackendOptions, createChainBackend } from './create-chain-backend.ts'
export { chainRpcModule, chainValidatorModule } from './module.ts'

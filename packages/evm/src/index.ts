export {
  type DecodedBlock,
  decodeBlock,
  decodeHeader,
  encodeBlock,
  encodeHeader,
  encodeReceipt,
  headerHash,
  packReceipts,
  receiptsRoot,
  transactionsRoot,
  unpackReceipts,
} from './codec/block.ts'
export { addToBloom, bloomMayContain, emptyBloom, logsBloom } from './codec/bloom.ts'
export { keccak256, keccakHex } from './codec/keccak.ts'
export { createSenderRecovery, type SenderRecovery } from './codec/recovery.ts'
export { type RlpItem, rlpDecode, rlpEncode, rlpInteger, toBytes, toInteger, toList } from './codec/rlp.ts'
export { curveEngine, privateKeyAddress, recoverAddress, signHash } from './codec/signature.ts'
export { authorizationHash, createAddress, createAddress2, decodeTransaction } from './codec/transaction.ts'
export { type ChainExecutor, createExecutor, type ExecutorOptions } from './create-executor.ts'
export { delegationOf } from './engine/delegation.ts'
export type { EngineFactory, EngineName } from './engine/engine.ts'
export { intrinsicGas } from './engine/gas.ts'
export { BEACON_ROOTS_ADDRESS, HISTORY_ADDRESS, SYSTEM_ADDRESS, SYSTEM_CONTRACTS } from './engine/system-contracts.ts'
export { recoverAuthority } from './engine/transition.ts'
export type * from './executor.ts'
export { type BaseFeePolicy, DEVNET_BASE_FEE, environmentOf, FIXED_FIELDS, nextBaseFee, validateHeader } from './header-rules.ts'
export type { Precompile } from './interpreter/precompiles/precompile.ts'
export { CODE_BYTES_MAX, INITCODE_BYTES_MAX, TRANSACTION_BYTES_MAX } from './limits.ts'
export type { VerifiedExecutor, VerifiedExecutorOptions } from './oracle/verified-executor.ts'
export { verifyWithEthereumjs } from './oracle/verify-with.ts'
export { type History, keepsWindow, takeBackWrites } from './state/history.ts'
export { createNodeStore, type NodeStore, type StateAdditions } from './state/node-store.ts'
export { EMPTY_ROOT, type TrieUpdate, trieUpdate, verifyTrieProof } from './trie/trie.ts'
export { type StateProblem, verifyState } from './verify-state.ts'

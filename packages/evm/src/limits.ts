/** Bytes of one signed transaction, geth's pool limit (4 slots of 32 KiB). */
export const TRANSACTION_BYTES_MAX = 131_072
/** EIP-170. */
export const CODE_BYTES_MAX = 24_576
/** EIP-3860. */
export const INITCODE_BYTES_MAX = 49_152
/** Memory for trie nodes of one store: 100,000 accounts take about 25 MB. */
export const NODES_CACHED_BYTES_MAX = 48 * 1024 * 1024
/** They stand in pieces of this size; a node is never larger. */
export const NODE_CHUNK_BYTES = 256 * 1024
/** Places in the index over them, 8 bytes each; a power of two. */
export const NODES_CACHED_MAX = 2 ** 20
/** Hashes of addresses and slots that are remembered, about 150 bytes each. */
export const KEYS_HASHED_MAX = 100_000
/** Contract codes kept in memory. */
export const CODES_CACHED_MAX = 1_000
/** Bytes of code whose analysis is kept; the analysis takes about ten times as much. */
export const CODE_ANALYSED_BYTES_MAX = 4_194_304
/** Accounts that a block builder keeps between blocks. */
export const ACCOUNTS_CACHED_MAX = 100_000
/** Built or replayed blocks whose state waits for `commit`; older ones are forgotten. */
export const UNCOMMITTED_BLOCKS_MAX = 16
/** Execution gives the event loop a turn after this many milliseconds. */
export const TURN_MS = 8
/** EVMs kept for calls; further concurrent calls make a new one each. */
export const ENGINES_POOLED_MAX = 4
/** Steps that a struct log may hold. */
export const STRUCT_LOGS_MAX = 500_000
/** Transactions that are worth a message to the threads that recover senders. */
export const RECOVERY_BATCH_MIN = 64
export const RECOVERY_THREADS_MAX = 4
/** Parts of batches that wait for such a thread; beyond that the caller's thread recovers. */
export const RECOVERY_JOBS_WAITING_MAX = 64
/** Nodes in one record of what a block replaced: 64 bytes each stay below the size of a value. */
export const STALE_NODES_PER_RECORD = 900
/** Such records that one commit works off: more than one, so that a shorter window is reached after a while. */
export const PRUNED_RECORDS_PER_COMMIT = 8
/** The oracle of `verifyWith` begins a new generation of its records after so many blocks. */
export const ORACLE_GENERATION_BLOCKS = 1_024
/** Its nodes that are copied into the new one, or records of the old one that are deleted, with each block. */
export const ORACLE_NODES_PER_BLOCK = 512

/** Bytes of a whole bundle: 4 MiB of request and answer each, and room for 8,000 steps of epochs. */
export const EVIDENCE_BYTES_MAX = 67_108_864

/** Bytes of a request or an answer inside of a bundle. */
export const BODY_BYTES_MAX = 4_194_304

/** Rows of the code in one bundle: five places of at most two rows each. */
export const ROWS_MAX = 10

/** Hashes of one path in a tree of rows (log2 of 65,536), or of a window. */
export const PATH_HASHES_MAX = 16

/** Accounts whose code is a committee. */
export const CODE_PARTS_MAX = 6

/** Bytes of the code of one account (EIP-170). */
export const CODE_BYTES_MAX = 24_576

/** Trie nodes of all facts: 10 accounts and 12 slots with 65 nodes each stay below. */
export const NODES_MAX = 2_048

/** Headers from the settlement's block to the certified one: what the light client takes. */
export const HEADERS_MAX = 1_024

/** Epochs between the trusted set and the settlement's. */
export const STEPS_MAX = 8_192

/** Bytes of the material of a batch: 50 users, 50,000 receipts and their rows stay below. */
export const MATERIAL_BYTES_MAX = 67_108_864

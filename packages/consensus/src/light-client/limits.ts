/** A trie path has 64 nibbles; a proof has a node for each at most, and the root. */
export const PROOF_NODES_MAX = 65

/** A branch node of 17 hashes with its heads; a leaf holds an account (at most 110 bytes) or a word. */
export const PROOF_NODE_BYTES_MAX = 600

/** A header has at most this many bytes: its fields have fixed or small sizes. */
export const HEADER_BYTES_MAX = 1_024

/** Headers from a block up to the one that its certificate names. */
export const HEADERS_MAX = 1_024

/** Storage slots in one proof response. */
export const SLOTS_MAX = 1_024

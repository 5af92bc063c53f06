/** Payload of one bundle: what the code takes without the 5 bytes that it puts before it. */
export const BUNDLE_PAYLOAD_BYTES_MAX = 134_217_723
/** Blobs of one bundle; their index stands in the upper half of a quorum id. */
export const BLOBS_MAX = 65_536
/** `u8 version ‖ u32 count` and one entry of the list at the head of a bundle. */
export const LIST_HEAD_BYTES = 5
export const LIST_ENTRY_BYTES = 60

/** Members of one committee. */
export const MEMBERS_MAX = 1_024
/** Original rows of a committee's code, before large bundles ask for more. */
export const ROWS_MIN = 256
export const ROWS_MAX = 4_096
/** Bundles whose order of rows is kept, up to 64 KiB each. */
export const ORDERS_KEPT_MAX = 32
/** Rows that one party must check at random to be sure of the encoding with 100 bits at rate 1/4 (reference 2.10). */
export const ROWS_CHECKED = 148

/** Bundles of one window: the contract recomputes the tree. */
export const WINDOW_BUNDLES_MAX = 256

/** How long a member's signature may vouch for the key of its TLS certificate, and how far its clock may be ahead. */
export const BINDING_SECONDS_MAX = 400n * 86_400n
export const BINDING_SKEW_SECONDS = 86_400n

export const ADDRESS_BYTES = 20
export const HASH_BYTES = 32
/** Affine point of G1, x ‖ y. */
export const KEY_BYTES = 96
/** Compressed point of G2. */
export const SIGNATURE_BYTES = 96

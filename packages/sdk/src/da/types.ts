import type { Hex } from 'viem'

/** `queued` (durable at the disperser), `dispersing`, `certified` (two thirds of the stake signed), `finalized` (on chain), `failed`. */
export type DaBlobState = 'queued' | 'dispersing' | 'certified' | 'finalized' | 'failed'

/** Where one part of a blob lies: blob `index` of the bundle `commitment`. 0G's clients know the pair as storage_root and quorum_id. */
export type DaPart = {
  readonly commitment: Hex
  readonly epoch: number
  /** committee | index << 32 */
  readonly quorumId: number
  readonly index: number
  /** Place of the part in the blob, bytes. */
  readonly offset: number
  readonly sizeBytes: number
}

export type DaBlob = {
  readonly id: string
  readonly state: DaBlobState
  readonly sizeBytes: number
  readonly sha256: Hex
  /** In order; empty while the blob is queued. More than one only where it did not fit into one bundle. */
  readonly parts: readonly DaPart[]
  readonly failure?: { readonly reason: string; readonly message: string }
  /** Milliseconds since the Unix epoch. */
  readonly acceptedAtMs: number
  readonly certifiedAtMs?: number
  readonly finalizedAtMs?: number
  readonly transactionHashes: readonly Hex[]
  /** Seconds since the Unix epoch until which the nodes keep it. */
  readonly expiry: number
}

/** A coded bundle: `k` original and `n` parity rows of `rowBytes`. */
export type DaBundle = {
  readonly commitment: Hex
  readonly k: number
  readonly n: number
  readonly rowBytes: number
  readonly payloadBytes: number
  readonly epoch: number
  readonly committee: number
  readonly expiry: number
}

/** What the committee signed, encoded as docs/spec/data-availability.md says, and the bundle's place in it. */
export type DaCertificate = {
  readonly bundle: DaBundle
  readonly certificate: Hex
  readonly index: number
  /** Siblings of 32 bytes, one after the other. */
  readonly path: Hex
  readonly transactionHash?: Hex
}

export type DaMember = { readonly address: Hex; readonly stake: string; readonly key: Hex; readonly socket: string }

export type DaCommittee = {
  readonly epoch: number
  readonly committee: number
  readonly root: Hex
  readonly seed: Hex
  readonly members: readonly DaMember[]
}

export type DaQuote = {
  readonly priceWei: string
  readonly k: number
  readonly n: number
  readonly rowBytes: number
  readonly retentionSeconds: number
}

/** A bundle by its commitment. */
export type DaBundleRef = { readonly commitment: Hex; readonly epoch: number }

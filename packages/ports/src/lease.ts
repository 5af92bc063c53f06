export interface Lease {
  readonly name: string
  /** Grows with every holder: a store that remembers the highest token it saw refuses an older holder. */
  readonly token: bigint
  /** Aborts as soon as the lease is lost or could not be renewed in time. Renewal is automatic at a third of the ttl. */
  readonly lost: AbortSignal
  release(): Promise<void>
}

export interface Leases {
  /** The lease, or undefined while somebody else holds it. */
  tryAcquire(options: { readonly name: string; readonly holder: string; readonly ttlMs: number }): Promise<Lease | undefined>
}

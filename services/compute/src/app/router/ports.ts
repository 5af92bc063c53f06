import type { Hex } from '@zerog/primitives'
import type { RateLimits } from '../../core/router/rate-limit.ts'

/** A virtual key without its text. Amounts are wei. */
export type VirtualKey = {
  /** Public id, `key_` and 16 hexadecimal digits. */
  readonly id: string
  readonly name: string
  /** What is shown of it in lists. */
  readonly shown: string
  /** null: no limit but the router's own balance. */
  readonly budget: bigint | null
  readonly spent: bigint
  readonly limits: RateLimits
  readonly revoked: boolean
  readonly createdAtMs: number
}

export type NewKey = Omit<VirtualKey, 'spent' | 'revoked'> & { readonly digest: Hex }

/** acked: the provider counts it; void: it does not, and the key got its money back. */
export type SpendState = 'open' | 'signed' | 'acked' | 'void'

/** One answer in the books. `open`: a stream that runs, whose fee is not known yet. */
export type Spend = {
  readonly answerId: string
  readonly provider: Hex
  readonly keyId: string
  readonly model: string
  readonly state: SpendState
  readonly cost: bigint
  readonly promptTokens: number
  readonly completionTokens: number
  /** Signed receipt, 379 bytes; empty while open. */
  readonly receipt: Uint8Array
  readonly atMs: number
}

/** An answer that is kept to be given again. */
export type StoredAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export type IdempotencyClaim =
  | { readonly kind: 'new' }
  | { readonly kind: 'running' }
  | { readonly kind: 'other_request' }
  | { readonly kind: 'stored'; readonly answer: StoredAnswer }

/** What one flush of the journal makes durable, in this order, all or nothing. */
export type JournalEntries = {
  readonly opened: readonly Spend[]
  /** State `signed`: replaces an open one, adds to what its key spent, is taken out of the holder's grant. */
  readonly spent: readonly Spend[]
  readonly outcomes: readonly { readonly answerId: string; readonly provider: Hex; readonly state: 'acked' | 'void' }[]
  readonly answers: readonly { readonly keyId: string; readonly idempotencyKey: string; readonly answer: StoredAnswer }[]
}

/** The router's books. Everything that resolves is durable. */
export type RouterRepository = {
  createKey(key: NewKey): Promise<void>
  keyByDigest(digest: Hex): Promise<VirtualKey | undefined>
  keys(limit: number): Promise<readonly VirtualKey[]>
  /** False where there is no such key. */
  updateKey(id: string, change: { readonly budget?: bigint | null; readonly revoked?: boolean }): Promise<boolean>
  /** Grants up to `wanted` of a key's budget to this holder; 0n where less than `atLeast` is left. */
  grant(of: {
    readonly keyId: string
    readonly holder: string
    readonly wanted: bigint
    readonly atLeast: bigint
  }): Promise<bigint>
  /** Gives back what a holder was granted and did not spend: at its start, since nothing of it runs any more. */
  releaseGrants(holder: string): Promise<void>
  write(holder: string, entries: JournalEntries): Promise<void>
  /** Open and signed ones, oldest first: what is left to be told to providers. */
  unfinished(limit: number): Promise<readonly Spend[]>
  spends(of: { readonly keyId: string | undefined; readonly limit: number }): Promise<readonly Spend[]>
  spend(answerId: string): Promise<Spend | undefined>
  totals(): Promise<
    readonly { readonly provider: Hex; readonly state: SpendState; readonly cost: bigint; readonly count: number }[]
  >
  claimIdempotency(of: {
    readonly keyId: string
    readonly idempotencyKey: string
    readonly fingerprint: Hex
    readonly holder: string
    readonly nowMs: number
    readonly expiresAtMs: number
  }): Promise<IdempotencyClaim>
  /** Forgets a claim whose request failed, so that it can be asked again. */
  dropIdempotency(keyId: string, idempotencyKey: string): Promise<void>
  /** Claims of a holder that died, and answers past their time. */
  cleanIdempotency(of: { readonly holder: string | undefined; readonly nowMs: number }): Promise<void>
}

/** A provider as the chain has it. */
export type ProviderService = {
  /** Lower case, as is `signer`. */
  readonly provider: Hex
  readonly url: string
  readonly model: string
  readonly inputPrice: bigint
  readonly outputPrice: bigint
  readonly verifiability: string
  /** Its JSON, unchecked. */
  readonly additionalInfo: string
  readonly signer: Hex
  readonly signerAcknowledged: boolean
}

export type SubAccount = { readonly balance: bigint; readonly pendingRefund: bigint; readonly generation: bigint }

/** The compute contracts, as the router uses them with its own account. */
export type RouterChain = {
  readonly address: Hex
  services(): Promise<readonly ProviderService[]>
  /** undefined: there is no sub-account yet. */
  account(provider: Hex): Promise<SubAccount | undefined>
  /** Available in the ledger; undefined: no ledger yet. */
  ledger(): Promise<{ readonly available: bigint; readonly total: bigint } | undefined>
  deposit(amount: bigint): Promise<void>
  transfer(provider: Hex, amount: bigint): Promise<void>
}

/** The router's key. */
export type RouterSigner = {
  readonly address: Hex
  /** `r ‖ s ‖ v` over a 32-byte digest. */
  sign(digest: Hex): Hex
  /** EIP-191 over 32 raw bytes. */
  signMessage(digest: Hex): Hex
  recover(digest: Hex, signature: Hex): Hex | undefined
}

/** Where an answer of the router goes. */
export type RouterSink = {
  /** Aborts when the client went away. */
  readonly gone: AbortSignal
  begin(status: number, headers: Readonly<Record<string, string>>): void
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>
  end(bytes?: Uint8Array): void
}

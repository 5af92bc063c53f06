import type { Hex } from '@zerog/primitives'

/** What a block's header fixes before execution. Shapes as in docs/spec/header.md. */
export type BlockEnvironment = {
  readonly height: bigint
  readonly parentHash: Hex
  readonly timestampSeconds: bigint
  readonly gasLimit: bigint
  readonly baseFeePerGas: bigint
  readonly beneficiary: Hex
  /** r_h, see ARCHITECTURE: randomness of the chain */
  readonly prevRandao: Hex
  /** 32 bytes: hash of the validator set */
  readonly extraData: Hex
  /** EIP-4844, for state tests; here it is always the minimum of 1 wei. */
  readonly blobBaseFee?: bigint
}

export type Log = { readonly address: Hex; readonly topics: readonly Hex[]; readonly data: Hex }

export type Receipt = {
  readonly type: 0 | 1 | 2 | 3 | 4
  readonly status: 0 | 1
  readonly gasUsed: bigint
  readonly cumulativeGasUsed: bigint
  readonly effectiveGasPrice: bigint
  readonly logs: readonly Log[]
  readonly logsBloom: Hex
  readonly contractAddress: Hex | null
}

export type Header = {
  readonly parentHash: Hex
  readonly ommersHash: Hex
  readonly beneficiary: Hex
  readonly stateRoot: Hex
  readonly transactionsRoot: Hex
  readonly receiptsRoot: Hex
  readonly logsBloom: Hex
  readonly difficulty: bigint
  readonly height: bigint
  readonly gasLimit: bigint
  readonly gasUsed: bigint
  readonly timestampSeconds: bigint
  readonly extraData: Hex
  readonly prevRandao: Hex
  readonly nonce: Hex
  readonly baseFeePerGas: bigint
  readonly withdrawalsRoot: Hex
  readonly blobGasUsed: bigint
  readonly excessBlobGas: bigint
  readonly parentBeaconBlockRoot: Hex
  readonly requestsHash: Hex
}

export type AccessListItem = { readonly address: Hex; readonly storageKeys: readonly Hex[] }
export type Authorization = {
  readonly chainId: bigint
  readonly address: Hex
  readonly nonce: bigint
  /** 0 to 255 decode; other values than 0 and 1 make the tuple invalid, not the transaction (EIP-7702). */
  readonly yParity: number
  readonly r: bigint
  readonly s: bigint
}

/** A decoded, signature-checked transaction of type 0, 1, 2 or 4 (3 decodes too, the pool refuses it). */
export type Transaction = {
  readonly hash: Hex
  /** The bytes that were hashed: RLP for type 0, type byte and RLP else. */
  readonly raw: Uint8Array
  readonly type: 0 | 1 | 2 | 3 | 4
  /** Absent for type 0 before EIP-155. */
  readonly chainId: bigint | undefined
  readonly from: Hex
  readonly to: Hex | null
  readonly nonce: bigint
  readonly gasLimit: bigint
  readonly value: bigint
  readonly data: Hex
  /** Types 0 and 1. */
  readonly gasPrice: bigint | undefined
  /** Types 2 to 4. For 0 and 1 both equal gasPrice. */
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
  readonly accessList: readonly AccessListItem[] | undefined
  readonly authorizationList: readonly Authorization[] | undefined
  /** Type 3. */
  readonly blobVersionedHashes: readonly Hex[] | undefined
  readonly maxFeePerBlobGas: bigint | undefined
  /** v for type 0, else the parity. */
  readonly v: bigint
  readonly r: bigint
  readonly s: bigint
}

export type ExecutedBlock = {
  readonly hash: Hex
  readonly header: Header
  readonly transactions: readonly Transaction[]
  readonly receipts: readonly Receipt[]
  /** RLP of [header, transactions, [], []] */
  readonly encoded: Uint8Array
}

export type CallRequest = {
  readonly from?: Hex
  readonly to?: Hex | null
  readonly gas?: bigint
  readonly gasPrice?: bigint
  readonly maxFeePerGas?: bigint
  readonly maxPriorityFeePerGas?: bigint
  readonly value?: bigint
  readonly data?: Hex
  readonly nonce?: bigint
  readonly accessList?: readonly AccessListItem[]
  readonly authorizationList?: readonly Authorization[]
}

/** geth's state overrides of eth_call. */
export type StateOverrides = Readonly<
  Record<
    Hex,
    {
      readonly balance?: bigint
      readonly nonce?: bigint
      readonly code?: Hex
      /** Replaces all storage. */
      readonly state?: Readonly<Record<Hex, Hex>>
      readonly stateDiff?: Readonly<Record<Hex, Hex>>
    }
  >
>

/** geth's block overrides of eth_call. */
export type BlockOverrides = Partial<
  Pick<BlockEnvironment, 'height' | 'timestampSeconds' | 'gasLimit' | 'baseFeePerGas' | 'beneficiary' | 'prevRandao'>
>

export type CallOptions = {
  readonly stateOverrides?: StateOverrides
  readonly blockOverrides?: BlockOverrides
  readonly signal?: AbortSignal
}

export type CallOutcome = {
  readonly gasUsed: bigint
  /** Before refunds, what an estimate must at least allow. */
  readonly gasSpent: bigint
  readonly output: Hex
  /** undefined on success; `execution reverted` has its data in `output`; else geth's text, e.g. `out of gas`, `invalid opcode: INVALID`. */
  readonly error: string | undefined
  readonly logs: readonly Log[]
}

/** One frame of geth's callTracer, the JSON exactly as geth prints it. */
export type CallFrame = {
  type: string
  from: Hex
  to?: Hex
  value?: Hex
  gas: Hex
  gasUsed: Hex
  input: Hex
  output?: Hex
  error?: string
  revertReason?: string
  calls?: CallFrame[]
  logs?: { address: Hex; topics: Hex[]; data: Hex; position: Hex; index?: Hex }[]
}

export type TracerConfig =
  | { readonly tracer: 'callTracer'; readonly onlyTopCall?: boolean; readonly withLog?: boolean }
  | { readonly tracer: 'prestateTracer'; readonly diffMode?: boolean }
  | {
      readonly tracer: 'structLogger'
      readonly enableMemory?: boolean
      readonly disableStack?: boolean
      readonly disableStorage?: boolean
      readonly enableReturnData?: boolean
      readonly limit?: number
    }
  | { readonly tracer: '4byteTracer' }
  | { readonly tracer: 'noopTracer' }

export type Account = { readonly nonce: bigint; readonly balance: bigint; readonly codeHash: Hex; readonly storageRoot: Hex }

export type AccountProof = {
  readonly address: Hex
  readonly balance: bigint
  readonly nonce: bigint
  readonly codeHash: Hex
  readonly storageHash: Hex
  readonly accountProof: readonly Hex[]
  readonly storageProof: readonly { readonly key: Hex; readonly value: bigint; readonly proof: readonly Hex[] }[]
}

/** Why a candidate cannot stand at this place of the block. */
export type Refusal = {
  readonly transaction: Transaction
  readonly reason: 'nonce_too_low' | 'nonce_too_high' | 'insufficient_funds' | 'fee_too_low' | 'gas_limit' | 'invalid'
  readonly message: string
}

/**
 * Execution behind one interface: `@ethereumjs/vm` implements it first and serves as oracle later.
 * State is addressed by root; a root stays readable as long as it was committed.
 */
export interface Executor {
  /** Writes the genesis state; returns the genesis block. The same allocation gives the same root. */
  genesis(options: { readonly allocation: GenesisAllocation; readonly environment: BlockEnvironment }): Promise<ExecutedBlock>
  /** Executes candidates in the given order on top of `parent` until gas runs out; refused ones are skipped. Nothing is durable before `commit`. */
  build(options: {
    readonly parent: Header
    readonly environment: BlockEnvironment
    readonly candidates: Iterable<Transaction>
    readonly signal?: AbortSignal
  }): Promise<{ readonly block: ExecutedBlock; readonly refusals: readonly Refusal[] }>
  /** Executes an encoded block of somebody else and compares every root; throws VERIFICATION_FAILED naming the field. */
  replay(options: {
    readonly parent: Header
    readonly encoded: Uint8Array
    /** 20 bytes for each transaction, of a block that this node executed before; else they are recovered. */
    readonly senders?: Uint8Array
  }): Promise<ExecutedBlock>
  /** Makes the state after the last built or replayed block visible in the Kv; the caller flushes together with its own records. */
  commit(block: ExecutedBlock): void
  call(stateRoot: Hex, environment: BlockEnvironment, request: CallRequest, options?: CallOptions): Promise<CallOutcome>
  /** The addresses and slots that a call touches, and its gas, until a fixed point. */
  accessList(
    stateRoot: Hex,
    environment: BlockEnvironment,
    request: CallRequest,
    options?: CallOptions,
  ): Promise<{ readonly accessList: readonly AccessListItem[]; readonly gasUsed: bigint; readonly error?: string }>
  /** Executes `transactions` in order on `stateRoot` and traces each (or only index `only`). The results are geth's JSON. */
  trace(options: {
    readonly stateRoot: Hex
    readonly environment: BlockEnvironment
    readonly transactions: readonly Transaction[]
    readonly only?: number
    readonly config: TracerConfig
    readonly signal?: AbortSignal
  }): Promise<readonly { readonly txHash: Hex; readonly result: unknown }[]>
  traceCall(
    stateRoot: Hex,
    environment: BlockEnvironment,
    request: CallRequest,
    config: TracerConfig,
    options?: CallOptions,
  ): Promise<unknown>
  account(stateRoot: Hex, address: Hex): Promise<Account | undefined>
  code(stateRoot: Hex, address: Hex): Promise<Hex>
  storage(stateRoot: Hex, address: Hex, slot: Hex): Promise<Hex>
  proof(stateRoot: Hex, address: Hex, slots: readonly Hex[]): Promise<AccountProof>
}

/** `genesis(network)` is data: who exists at height 0. */
export type GenesisAllocation = Readonly<
  Record<
    Hex,
    { readonly balance: bigint; readonly nonce?: bigint; readonly code?: Hex; readonly storage?: Readonly<Record<Hex, Hex>> }
  >
>

/** A contract that is code of ours. The chain's are listed in `standard.ts`; an installation may add its own. */
export type Precompile = {
  /** What a call with this input costs. */
  readonly gas: (input: Uint8Array) => number
  /** The output, or why the call fails and takes all its gas. `input` is only lent. Must give the same on every machine. */
  readonly run: (input: Uint8Array) => Uint8Array | string
  /** Until when the caller must wait before `run`; undefined once it may. */
  readonly ready?: () => Promise<void> | undefined
}

/** Precompiles by the state key of their address. */
export type Precompiles = ReadonlyMap<string, Precompile>

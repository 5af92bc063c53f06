import type { Layout } from '@zerog/erasure'

/** What a thread is asked: the payload lies in `memory` where `arenaOf` says. */
export type EncodeJob = { readonly memory: SharedArrayBuffer; readonly layout: Layout; readonly payloadBytes: number }

export type EncodeResult =
  | { readonly commitment: Uint8Array; readonly rowRoot: Uint8Array; readonly encodeMs: number }
  | { readonly problem: string }

const HASH_BYTES = 32
const RLC_BYTES = 16
/** The code's own header lies before the payload. */
const HEADER_BYTES = 5

export type Arena = {
  readonly rows: Uint8Array
  readonly payload: Uint8Array
  /** Every hash over the rows, 64 bytes per row. */
  readonly nodes: Uint8Array
  readonly rlc: Uint8Array
}

export function arenaBytes({ k, n, rowBytes }: Layout): number {
  return (k + n) * (rowBytes + 2 * HASH_BYTES) + k * RLC_BYTES
}

/** Rows, hashes and RLC vector lie one after the other. */
export function arenaOf({ memory, layout, payloadBytes }: EncodeJob): Arena {
  const { k, n, rowBytes } = layout
  const rowsBytes = (k + n) * rowBytes
  const nodesBytes = (k + n) * 2 * HASH_BYTES
  return {
    rows: new Uint8Array(memory, 0, rowsBytes),
    payload: new Uint8Array(memory, HEADER_BYTES, payloadBytes),
    nodes: new Uint8Array(memory, rowsBytes, nodesBytes),
    rlc: new Uint8Array(memory, rowsBytes + nodesBytes, k * RLC_BYTES),
  }
}

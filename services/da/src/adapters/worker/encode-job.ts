import { CONTROL_WORDS, type CodingSpace, type Commitment, HEADER_BYTES, type Layout } from '@zerog/erasure'

/** What a thread is asked: the payload lies in `memory` where `arenaOf` says. */
export type EncodeJob = { readonly memory: SharedArrayBuffer; readonly layout: Layout; readonly payloadBytes: number }

export type EncodeResult = (Commitment & { readonly encodeMs: number }) | { readonly problem: string }

const HASH_BYTES = 32
const RLC_BYTES = 16
const CONTROL_BYTES = CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT

export type Arena = CodingSpace & { readonly payload: Uint8Array }

export function arenaBytes({ k, n, rowBytes }: Layout): number {
  return (k + n) * (rowBytes + 2 * HASH_BYTES) + k * RLC_BYTES + CONTROL_BYTES
}

/** Rows, hashes, RLC vector and control words lie one after the other. */
export function arenaOf({ memory, layout, payloadBytes }: EncodeJob): Arena {
  const { k, n, rowBytes } = layout
  const rowsBytes = (k + n) * rowBytes
  const nodesBytes = (k + n) * 2 * HASH_BYTES
  return {
    rows: new Uint8Array(memory, 0, rowsBytes),
    payload: new Uint8Array(memory, HEADER_BYTES, payloadBytes),
    nodes: new Uint8Array(memory, rowsBytes, nodesBytes),
    rlc: new Uint8Array(memory, rowsBytes + nodesBytes, k * RLC_BYTES),
    control: new Int32Array(memory, rowsBytes + nodesBytes + k * RLC_BYTES, CONTROL_WORDS),
  }
}

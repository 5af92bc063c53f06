import { assignRows, buildBundle, type Committee, createCommittee, type Statement } from '@zerog/availability'
import { developmentDaNode } from '@zerog/contracts'
import { type Encoded, encodePayload, layoutFor, type RowProof } from '@zerog/erasure'
import { concatBytes, type Hex } from '@zerog/primitives'
import { blsWindowSigner } from '../../src/adapters/identity/window-signer.ts'
import type { SentRow } from '../../src/app/node/put-rows.ts'
import type { WindowSigner } from '../../src/app/node/window-signer.ts'

export const CHAIN_ID = 31_337n
export const NOW_SECONDS = 1_800_000_000n

const known = new Map<number, { readonly address: Hex; readonly socket: string; readonly signer: WindowSigner }>()

/** Deriving one takes some 50 ms. */
function node(instance: number) {
  const found = known.get(instance)
  if (found !== undefined) return found
  const { address, socket, blsSecretKey } = developmentDaNode(instance)
  const made = { address, socket, signer: blsWindowSigner(blsSecretKey) }
  known.set(instance, made)
  return made
}

export type Members = { readonly committee: Committee; readonly signers: readonly WindowSigner[] }

/** A committee with the keys that a devnet of this size has. */
export function membersOf(
  stakes: readonly bigint[],
  name: { readonly epoch?: bigint; readonly id?: number; readonly seed?: number } = {},
): Members {
  const signers = stakes.map((_, instance) => node(instance).signer)
  const members = stakes.map((stake, instance) => {
    const { address, socket, signer } = node(instance)
    return { address, stake, key: signer.key, socket }
  })
  const seed = new Uint8Array(32).fill(name.seed ?? 7)
  return { committee: createCommittee({ epoch: name.epoch ?? 5n, id: name.id ?? 0, seed, members }), signers }
}

export type Coded = { readonly statement: Statement; readonly encoded: Encoded; readonly payload: Uint8Array }

/** A bundle of these blobs, coded for a committee. */
export function codedBundle(blobs: readonly Uint8Array[], committee: Committee, expiry: bigint = NOW_SECONDS + 86_400n): Coded {
  const payload = buildBundle(blobs.map((bytes) => ({ bytes })))
  return codedPayload(payload, committee, expiry)
}

export function codedPayload(payload: Uint8Array, committee: Committee, expiry: bigint = NOW_SECONDS + 86_400n): Coded {
  const layout = layoutFor(payload.length, { committeeRows: committee.rows, rate: '1/4' })
  const encoded = encodePayload(payload, layout)
  const statement = {
    commitment: encoded.commitment,
    ...layout,
    payloadBytes: payload.length,
    epoch: committee.epoch,
    committee: committee.id,
    expiry,
  }
  return { statement, encoded, payload }
}

/** Rows of one member with their paths, as the encoder sends them. */
export function rowsOf({ encoded, statement }: Coded, committee: Committee, member: number): RowProof[] {
  return Array.from(assignRows(committee, statement).rows(member), (index) => encoded.proof(index))
}

/** In batches of `size`. */
export async function* batches(rows: readonly RowProof[], size = 64): AsyncGenerator<readonly SentRow[]> {
  for (let at = 0; at < rows.length; at += size)
    yield rows.slice(at, at + size).map(({ index, row, path }) => ({ index, row, path: concatBytes(...path) }))
}

/** Bytes that look random and depend only on the seed. */
export function bytesOf(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length)
  for (let index = 0, state = seed; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    out[index] = state >>> 24
  }
  return out
}

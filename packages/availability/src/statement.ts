import { layoutFor } from '@zerog/erasure'
import { sha256 } from '@zerog/kernels'
import { assert, bigintToBytes, concatBytes } from '@zerog/primitives'
import type { Committee } from './committee.ts'
import { HASH_BYTES, WINDOW_BUNDLES_MAX } from './limits.ts'
import { refused } from './refusal.ts'

/** What members say about one coded bundle; the same fields as `zerog.da.v1.Bundle`. */
export type Statement = {
  /** 32 bytes. */
  readonly commitment: Uint8Array
  /** Original and parity rows. */
  readonly k: number
  readonly n: number
  readonly rowBytes: number
  /** Size of the bundle, without the 5 bytes that the code puts before it. */
  readonly payloadBytes: number
  readonly epoch: bigint
  readonly committee: number
  /** Seconds since the Unix epoch until which members keep their rows. */
  readonly expiry: bigint
}

/** What one signature covers: the statements of a flush window under one root. */
export type Window = {
  readonly chainId: bigint
  readonly epoch: bigint
  readonly committee: number
  readonly committeeRoot: Uint8Array
  readonly count: number
  readonly windowRoot: Uint8Array
}

const STATEMENT_DOMAIN = new TextEncoder().encode('zerog/da/bundle/v1')
const WINDOW_DOMAIN = new TextEncoder().encode('zerog/da/window/v1')

/** sha256 of all fields behind a domain and the chain id (docs/spec/data-availability.md). */
export function hashStatement(statement: Statement, chainId: bigint): Uint8Array {
  assert(statement.commitment.length === HASH_BYTES, 'a commitment has 32 bytes')
  const { k, n, rowBytes, payloadBytes, epoch, committee, expiry } = statement
  return sha256(
    concatBytes(
      STATEMENT_DOMAIN,
      u64(chainId),
      statement.commitment,
      u32(k),
      u32(n),
      u32(rowBytes),
      u32(payloadBytes),
      u64(epoch),
      u32(committee),
      u64(expiry),
    ),
  )
}

/** The bytes that members sign. */
export function windowMessage(window: Window): Uint8Array {
  const { chainId, epoch, committee, committeeRoot, count, windowRoot } = window
  return concatBytes(WINDOW_DOMAIN, u64(chainId), u64(epoch), u32(committee), committeeRoot, u32(count), windowRoot)
}

/** The window of statements in this order, all of them of `committee`. 1 to 256 statements. */
export function createWindow(statements: readonly Statement[], committee: Committee, chainId: bigint): Window {
  assert(
    statements.every(({ epoch, committee: id }) => epoch === committee.epoch && id === committee.id),
    'the statements of a window are of one committee',
  )
  return {
    chainId,
    epoch: committee.epoch,
    committee: committee.id,
    committeeRoot: committee.root,
    count: statements.length,
    windowRoot: windowRootOf(statements.map((statement) => hashStatement(statement, chainId))),
  }
}

/**
 * Refuses a statement whose layout is not the one that the network has for this payload, or that is of another committee. What a member
 * checks before it signs.
 * @throws ZerogError PROOF_INVALID (`epoch`, `committee`, `layout`), INVALID_ARGUMENT or LIMIT_EXCEEDED for an impossible payload
 */
export function checkStatement(statement: Statement, committee: Pick<Committee, 'epoch' | 'id' | 'rows'>): void {
  if (statement.epoch !== committee.epoch) throw refused('epoch', `a bundle of epoch ${statement.epoch}, not ${committee.epoch}`)
  if (statement.committee !== committee.id) {
    throw refused('committee', `a bundle of committee ${statement.committee}, not ${committee.id}`)
  }
  const wanted = layoutFor(statement.payloadBytes, { committeeRows: committee.rows, rate: '1/4' })
  if (wanted.k === statement.k && wanted.n === statement.n && wanted.rowBytes === statement.rowBytes) return
  throw refused(
    'layout',
    `${statement.payloadBytes} bytes are coded as ${wanted.k} + ${wanted.n} rows of ${wanted.rowBytes} bytes, not ${statement.k} + ${statement.n} of ${statement.rowBytes}`,
  )
}

/** Root of the tree over statement hashes: RFC 6962's leaf and node prefixes, an odd node is promoted. */
export function windowRootOf(hashes: readonly Uint8Array[]): Uint8Array {
  return levelsOf(hashes).at(-1)?.[0] as Uint8Array // every tree has a root
}

/** Siblings of statement `index` from leaf to root; levels where its node is promoted have none. */
export function windowPath(hashes: readonly Uint8Array[], index: number): Uint8Array[] {
  assert(index >= 0 && index < hashes.length, 'a statement of the window')
  const path: Uint8Array[] = []
  let place = index
  for (const level of levelsOf(hashes)) {
    const sibling = level[place ^ 1]
    if (sibling !== undefined) path.push(sibling)
    place >>= 1
  }
  return path
}

/** The root to which a path leads, or undefined where a tree of `count` statements has no such path. */
export function foldWindowPath(
  hash: Uint8Array,
  options: { readonly index: number; readonly count: number; readonly path: readonly Uint8Array[] },
): Uint8Array | undefined {
  const { index, count, path } = options
  if (!Number.isInteger(index) || index < 0 || index >= count) return undefined
  if (path.some((sibling) => sibling.length !== HASH_BYTES)) return undefined
  let current = sha256(concatBytes(LEAF, hash))
  let used = 0
  for (let place = index, width = count; width > 1; place >>= 1, width = (width + 1) >> 1) {
    if ((place ^ 1) >= width) continue
    const sibling = path[used++]
    if (sibling === undefined) return undefined
    current = place % 2 === 0 ? nodeOf(current, sibling) : nodeOf(sibling, current)
  }
  return used === path.length ? current : undefined
}

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

function levelsOf(hashes: readonly Uint8Array[]): Uint8Array[][] {
  assert(hashes.length >= 1 && hashes.length <= WINDOW_BUNDLES_MAX, `a window has 1 to ${WINDOW_BUNDLES_MAX} bundles`)
  let level = hashes.map((hash) => sha256(concatBytes(LEAF, hash)))
  const levels = [level]
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let at = 0; at < level.length; at += 2) {
      const [left, right] = [level[at] as Uint8Array, level[at + 1]]
      next.push(right === undefined ? left : nodeOf(left, right))
    }
    level = next
    levels.push(level)
  }
  return levels
}

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(NODE, left, right))
}

function u32(value: number): Uint8Array {
  return bigintToBytes(BigInt(value), 4)
}

function u64(value: bigint): Uint8Array {
  return bigintToBytes(value, 8)
}

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '@zerog/primitives'
import { PAGE_BYTES } from './lmdb.ts'
import { decodeRecord, keyIsSound, splitStoredKey } from './record.ts'
import { SEQUENCE_KEY } from './seal.ts'

export type KvDamage = {
  /** Absent when a page and not a record is damaged: then nothing in the store can be trusted. */
  readonly table?: string
  readonly key?: Uint8Array
  readonly problem: string
}

export type KvVerification = { readonly recordCount: number; readonly damage: readonly KvDamage[] }

/**
 * Reads a closed store page by page in plain JavaScript, so that no damage can crash the process: both meta pages, every page
 * of the two trees with its bounds and order, each record's checksum, the number of records, and that no page
 * is used twice or both used and free (one that is neither is only lost space). Layout: liblmdb's mdb.c (MDB_page_header, MDB_node, MDB_meta, MDB_ovpage), 64-bit
 * little-endian, as of lmdb-js 3.5. Stops at the first structural damage. The caller must hold the folder's lock.
 */
export function verifyKv(path: string): KvVerification {
  const fd = openSync(join(path, 'data.mdb'), 'r')
  try {
    return new Walk(fd).run()
  } finally {
    closeSync(fd)
  }
}

class StructureDamaged extends Error {}

const META_MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const HEADER_BYTES = 24
const NODE_BYTES = 8
const P_BRANCH = 1
const P_LEAF = 2
const P_OVERFLOW = 4
const P_META = 8
const F_BIGDATA = 1
const NO_PAGE = 0xffff_ffff_ffff_ffffn
const DEPTH_MAX = 32
const MDB_INTEGERKEY = 0x08
/** The environment's MDB_NOSUBDIR is kept in the flags of the free tree. */
const MDB_NOSUBDIR = 0x4000

type Tree = { readonly flags: number; readonly depth: number; readonly entries: number; readonly root: number | undefined }
type Meta = { readonly free: Tree; readonly main: Tree; readonly lastPage: number; readonly txnId: number; readonly slot: number }
type Bounds = { readonly low: Uint8Array | undefined; readonly high: Uint8Array | undefined }
type Visit = (key: Buffer, value: Buffer) => void

/** One pass over a file; the state is which page was seen as what. */
class Walk {
  readonly #fd: number
  readonly #damage: KvDamage[] = []
  #used = new Uint8Array(0)
  #filePages = 0
  #meta: Meta | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  run(): KvVerification {
    let recordCount = 0
    try {
      const meta = this.#readMetas()
      this.#meta = meta
      this.#used = new Uint8Array(meta.lastPage + 1)
      this.#claim(0)
      this.#claim(1)
      const mainCount = this.#walkTree(meta.main, 'records', (stored, record) => {
        recordCount++
        if (decodeRecord(stored, record) === undefined) this.#noteRecord(stored, record)
      })
      require_(mainCount === meta.main.entries, `it holds ${mainCount} records where its root page says ${meta.main.entries}`)
      const freeCount = this.#walkTree(meta.free, 'free pages', (_key, list) => this.#claimFree(list))
      require_(freeCount === meta.free.entries, 'its list of free pages is incomplete')
    } catch (error) {
      if (!(error instanceof StructureDamaged)) throw error
      this.#damage.push({ problem: error.message })
    }
    return { recordCount, damage: this.#damage }
  }

  #noteRecord(stored: Buffer, record: Buffer) {
    require_(keyIsSound(stored, record), `the key of a record is damaged (now ${toHex(stored)}), so another one is missing`)
    require_(!stored.equals(SEQUENCE_KEY), 'its commit counter is damaged')
    this.#damage.push({ ...splitStoredKey(stored), problem: `the checksum of record ${toHex(stored)} is wrong` })
  }

  #readMetas(): Meta {
    this.#filePages = Math.floor(fstatSync(this.#fd).size / PAGE_BYTES)
    require_(this.#filePages >= 2, 'its file is cut short')
    const metas = [this.#readMeta(0), this.#readMeta(1)] as const
    const newest = metas[0].txnId >= metas[1].txnId ? metas[0] : metas[1]
    const older = newest === metas[0] ? metas[1] : metas[0]
    // Commit n writes meta page n mod 2 and leaves n - 1 in the other one.
    const consecutive = newest.txnId === older.txnId + 1 && newest.slot === newest.txnId % 2
    require_(consecutive || (newest.txnId === 0 && older.txnId === 0), 'its two meta pages do not belong together')
    return newest
  }

  #readMeta(slot: number): Meta {
    const page = this.#readPages(slot, 1)
    const what = `meta page ${slot}`
    require_((page.readUInt16LE(18) & P_META) !== 0, `${what} is not marked as one`)
    const meta = page.subarray(HEADER_BYTES)
    require_(meta.readUInt32LE(0) === META_MAGIC, `${what} has a wrong magic number`)
    require_((meta.readUInt32LE(4) & 0xffff) === DATA_VERSION, `${what} has another format version`)
    require_(meta.readUInt32LE(24) === PAGE_BYTES, `${what} gives a page size of ${meta.readUInt32LE(24)}`)
    const lastPage = toIndex(meta.readBigUInt64LE(120), what)
    const mapBytes = toIndex(meta.readBigUInt64LE(16), what)
    // The file may end before the last page when the final pages are free.
    require_(mapBytes >= (lastPage + 1) * PAGE_BYTES && mapBytes < 2 ** 47, `${what} gives an impossible map size`)
    require_(
      lastPage >= 1 && lastPage < Math.max(this.#filePages * 2, this.#filePages + 65_536),
      `${what} gives an impossible last page`,
    )
    return {
      free: readTree(meta.subarray(24), what, lastPage, MDB_INTEGERKEY | MDB_NOSUBDIR),
      main: readTree(meta.subarray(72), what, lastPage, 0),
      lastPage,
      txnId: toIndex(meta.readBigUInt64LE(128), what),
      slot,
    }
  }

  #walkTree(tree: Tree, what: string, visit: Visit): number {
    if (tree.root === undefined) return 0
    return this.#walkPage(tree.root, { low: undefined, high: undefined }, tree, 1, what, visit)
  }

  #walkPage(pageNumber: number, bounds: Bounds, tree: Tree, level: number, what: string, visit: Visit): number {
    require_(level <= DEPTH_MAX && level <= tree.depth, `its tree of ${what} is deeper than it should be`)
    this.#claim(pageNumber)
    const page = this.#readPages(pageNumber, 1)
    this.#checkHeader(page, pageNumber)
    const kind = page.readUInt16LE(18) & (P_BRANCH | P_LEAF | P_OVERFLOW | P_META)
    const nodes = readNodes(page, pageNumber)
    if (level === tree.depth) {
      require_(kind === P_LEAF, `page ${pageNumber} should be a leaf`)
      return this.#walkLeaf(nodes, bounds, tree, pageNumber, visit)
    }
    require_(kind === P_BRANCH && nodes.length >= 2, `page ${pageNumber} should be a branch`)
    let count = 0
    for (const [index, node] of nodes.entries()) {
      // The first key of a branch page is not used: its child begins where the page begins.
      const low = index === 0 ? bounds.low : node.key
      const high = nodes[index + 1]?.key ?? bounds.high
      if (index > 0) requireInside(node.key, bounds, tree, pageNumber)
      if (low && high && index > 0) require_(inOrder(low, high, tree), `the keys of page ${pageNumber} are out of order`)
      count += this.#walkPage(node.child, { low, high }, tree, level + 1, what, visit)
    }
    return count
  }

  #walkLeaf(nodes: readonly Node[], bounds: Bounds, tree: Tree, pageNumber: number, visit: Visit): number {
    let previous: Buffer | undefined
    for (const node of nodes) {
      requireInside(node.key, bounds, tree, pageNumber)
      require_(!previous || inOrder(previous, node.key, tree), `the keys of page ${pageNumber} are out of order`)
      previous = node.key
      require_((node.flags & ~F_BIGDATA) === 0, `page ${pageNumber} has a node of an unknown kind`)
      visit(node.key, node.flags & F_BIGDATA ? this.#readOverflow(node, pageNumber) : node.inline(pageNumber))
    }
    return nodes.length
  }

  #readOverflow(node: Node, pageNumber: number): Buffer {
    const pointer = node.bytes(24, pageNumber)
    const first = toIndex(pointer.readBigUInt64LE(0), `page ${pageNumber}`)
    const pages = toIndex(pointer.readBigUInt64LE(16), `page ${pageNumber}`)
    require_(
      pages === Math.floor((HEADER_BYTES - 1 + node.size) / PAGE_BYTES) + 1,
      `page ${pageNumber} gives a wrong overflow length`,
    )
    for (let index = 0; index < pages; index++) this.#claim(first + index)
    const run = this.#readPages(first, pages)
    this.#checkHeader(run, first)
    require_(
      (run.readUInt16LE(18) & 0x1f) === P_OVERFLOW && run.readUInt32LE(20) === pages,
      `page ${first} should be an overflow page`,
    )
    return run.subarray(HEADER_BYTES, HEADER_BYTES + node.size)
  }

  #checkHeader(page: Buffer, pageNumber: number) {
    require_(page.readBigUInt64LE(0) === BigInt(pageNumber), `page ${pageNumber} carries another page's number`)
    const txnId = page.readBigUInt64LE(8)
    require_(txnId <= BigInt(this.#meta?.txnId ?? 0), `page ${pageNumber} is newer than the last commit`)
  }

  /** A record of the free list: a count, then page numbers. */
  #claimFree(list: Buffer) {
    require_(list.length >= 8 && list.length % 8 === 0, 'its list of free pages is cut short')
    const count = toIndex(list.readBigUInt64LE(0), 'the list of free pages')
    require_(count <= list.length / 8 - 1, 'its list of free pages is cut short')
    for (let index = 1; index <= count; index++) {
      const entry = list.readBigInt64LE(index * 8)
      // lmdb-js leaves slots empty and writes a run as its negative length followed by its first page.
      if (entry > 0n) this.#claim(Number(entry))
      else if (entry < 0n) {
        require_(index < count, 'its list of free pages is cut short')
        const first = Number(list.readBigInt64LE(++index * 8))
        require_(first > 1, 'its list of free pages names a meta page')
        for (let offset = 0; offset < -Number(entry); offset++) this.#claim(first + offset)
      }
    }
  }

  #claim(pageNumber: number) {
    require_(pageNumber < this.#used.length, `page ${pageNumber} lies behind the last page`)
    require_(this.#used[pageNumber] === 0, `page ${pageNumber} is used twice`)
    this.#used[pageNumber] = 1
  }

  #readPages(first: number, count: number): Buffer {
    require_(first + count <= this.#filePages, `page ${first} lies behind the end of the file`)
    const bytes = Buffer.allocUnsafe(count * PAGE_BYTES)
    require_(readSync(this.#fd, bytes, 0, bytes.length, first * PAGE_BYTES) === bytes.length, `page ${first} cannot be read`)
    return bytes
  }
}

/** A node of a page; its key lies inside the page, its data is checked when it is asked for. */
type Node = {
  readonly key: Buffer
  readonly flags: number
  readonly size: number
  readonly child: number
  readonly inline: (pageNumber: number) => Buffer
  readonly bytes: (length: number, pageNumber: number) => Buffer
}

function readNodes(page: Buffer, pageNumber: number): Node[] {
  const lower = page.readUInt16LE(20)
  const upper = page.readUInt16LE(22)
  const room = PAGE_BYTES - HEADER_BYTES
  require_(lower % 2 === 0 && lower <= upper && upper <= room, `page ${pageNumber} has impossible bounds`)
  const nodes: Node[] = []
  for (let index = 0; index < lower / 2; index++) {
    const pointer = page.readUInt16LE(HEADER_BYTES + 2 * index)
    require_(pointer % 2 === 0 && pointer >= upper && pointer + NODE_BYTES <= room, `page ${pageNumber} points outside itself`)
    const node = page.subarray(HEADER_BYTES + pointer)
    const [low, high, flags, keyBytes] = [0, 2, 4, 6].map((offset) => node.readUInt16LE(offset)) as [
      number,
      number,
      number,
      number,
    ]
    require_(NODE_BYTES + keyBytes <= node.length, `page ${pageNumber} has a key that leaves the page`)
    const bytes = (length: number) => {
      require_(NODE_BYTES + keyBytes + length <= node.length, `page ${pageNumber} has a value that leaves the page`)
      return node.subarray(NODE_BYTES + keyBytes, NODE_BYTES + keyBytes + length)
    }
    const size = low + high * 2 ** 16
    const key = node.subarray(NODE_BYTES, NODE_BYTES + keyBytes)
    nodes.push({ key, flags, size, child: size + flags * 2 ** 32, inline: () => bytes(size), bytes })
  }
  return nodes
}

function readTree(bytes: Buffer, what: string, lastPage: number, flags: number): Tree {
  const root = bytes.readBigUInt64LE(40)
  const tree = {
    flags: bytes.readUInt16LE(4),
    depth: bytes.readUInt16LE(6),
    entries: toIndex(bytes.readBigUInt64LE(32), what),
    root: root === NO_PAGE ? undefined : toIndex(root, what),
  }
  require_(tree.flags === flags, `${what} gives impossible flags ${tree.flags}`)
  require_(tree.root === undefined || (tree.root >= 2 && tree.root <= lastPage), `${what} gives an impossible root page`)
  require_((tree.root === undefined) === (tree.depth === 0 && tree.entries === 0), `${what} contradicts itself`)
  return tree
}

function requireInside(key: Buffer, { low, high }: Bounds, tree: Tree, pageNumber: number) {
  const above = !low || compareKeys(low, key, tree) <= 0
  const below = !high || compareKeys(key, high, tree) < 0
  require_(above && below, `page ${pageNumber} holds a key that does not belong there`)
}

function inOrder(first: Uint8Array, second: Uint8Array, tree: Tree): boolean {
  return compareKeys(first, second, tree) < 0
}

/** The free list is keyed by 64-bit integers in machine order. */
function compareKeys(a: Uint8Array, b: Uint8Array, tree: Tree): number {
  if ((tree.flags & MDB_INTEGERKEY) === 0) return Buffer.compare(a, b)
  require_(a.length === 8 && b.length === 8, 'its list of free pages has a key of a wrong length')
  return Buffer.compare(Buffer.from(a).reverse(), Buffer.from(b).reverse())
}

function toIndex(value: bigint, what: string): number {
  require_(value <= BigInt(Number.MAX_SAFE_INTEGER), `${what} gives an impossible number`)
  return Number(value)
}

function require_(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new StructureDamaged(problem)
}

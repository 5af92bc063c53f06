import {
  decodeBlock,
  packReceipts,
  rlpDecode,
  rlpEncode,
  rlpInteger,
  takeBackWrites,
  toBytes,
  toInteger,
  toList,
  unpackReceipts,
} from '@zerog/evm'
import type { Kv, KvWrite } from '@zerog/ports'
import { assert, bigintToBytes, bytesToBigint, concatBytes, fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import type { LocatedTransaction, StoredBlock } from './chain-backend.ts'
import { BLOCK_BYTES_CACHED_MAX, BLOCKS_CACHED_MAX, RECORD_BYTES_MAX } from './limits.ts'

/** What a block carries beside its RLP: who led it, its time in milliseconds, and who made it final. */
export type ConsensusPayload = {
  readonly timestampMs: number
  /** 96 bytes; empty for genesis. */
  readonly leaderSignature: Uint8Array
  readonly epoch: bigint
  readonly view: bigint
  /** The encoded finalize certificate of this block; empty for genesis, and where only a descendant has one. */
  readonly certificate: Uint8Array
}

/** A stored block with its consensus payload. */
export type ChainBlock = StoredBlock & { readonly payload: ConsensusPayload }

/** Tables of the store `chain`. */
export const TABLES = {
  /** name -> value: head, identity */
  meta: 'meta',
  /** height u64 || chunk u16 -> part of a block record */
  block: 'block',
  /** height u64 -> logs bloom, or one zero byte if it is empty */
  bloom: 'bloom',
  /** block hash -> height u64 */
  hash: 'blockhash',
  /** transaction hash -> height u64 || index u32 */
  transaction: 'tx',
  /** arrival u64 || chunk u16 -> part of a raw transaction */
  pool: 'pool',
  /** height u64 -> state root that a development method put in place of the block's */
  irregular: 'irregular',
} as const

const HEAD_KEY = new TextEncoder().encode('head')
const IDENTITY_KEY = new TextEncoder().encode('identity')
/** Rises with every change of the tables' keys or records. 3: states are forgotten by age (ADR 0196). */
export const STORE_FORMAT = 3
const EMPTY_BLOOM: Hex = `0x${'00'.repeat(256)}`

/** Throws WRONG_STATE for a store that a release of another format wrote: it is whole, and this code cannot read it. */
export function refuseOtherFormat(kv: Kv): void {
  const stored = kv.get(TABLES.meta, IDENTITY_KEY)
  if (stored === undefined) return
  const { format } = JSON.parse(new TextDecoder().decode(stored))
  if (format === STORE_FORMAT) return
  throw new ZerogError('WRONG_STATE', {
    message: `the chain's store has format ${format}, this release reads ${STORE_FORMAT}: use the release that wrote it, or start again with \`--reset\``,
    metadata: { format: String(format) },
  })
}

/** Blocks, receipts and indexes in a Kv. Reads are synchronous; writes are handed out, so that the caller commits them in one piece. */
export function createBlockStore(kv: Kv) {
  const cache = new Map<bigint, ChainBlock>()
  let cachedBytes = 0

  const byHeight = (height: bigint): ChainBlock | undefined => {
    const cached = cache.get(height)
    if (cached !== undefined) return cached
    const record = readChunks(kv, TABLES.block, heightKey(height))
    if (record === undefined) return undefined
    const block = decodeRecord(record, kv.get(TABLES.irregular, heightKey(height)), height)
    remember(block)
    return block
  }
  const forget = (height: bigint): void => {
    cachedBytes -= cache.get(height)?.sizeBytes ?? 0
    cache.delete(height)
  }
  const remember = (block: ChainBlock): void => {
    forget(block.header.height)
    cache.set(block.header.height, block)
    cachedBytes += block.sizeBytes
    while (cache.size > BLOCKS_CACHED_MAX || (cachedBytes > BLOCK_BYTES_CACHED_MAX && cache.size > 1)) {
      forget(cache.keys().next().value as bigint)
    }
  }

  return {
    headHeight: (): bigint | undefined => {
      const stored = kv.get(TABLES.meta, HEAD_KEY)
      return stored && bytesToBigint(stored)
    },
    /** Format, chain id, genesis hash and epochs of the store; refuses one that belongs to another chain. */
    identify: (identity: { readonly chainId: bigint; readonly genesisHash: Hex; readonly epochLength: bigint }): KvWrite[] => {
      const { chainId, genesisHash, epochLength } = identity
      const wanted = new TextEncoder().encode(
        JSON.stringify({
          format: STORE_FORMAT,
          chainId: String(chainId),
          genesis: genesisHash,
          epochLength: String(epochLength),
        }),
      )
      const stored = kv.get(TABLES.meta, IDENTITY_KEY)
      if (stored === undefined) return [{ table: TABLES.meta, key: IDENTITY_KEY, value: wanted }]
      const found = new TextDecoder().decode(stored)
      if (found === new TextDecoder().decode(wanted)) return []
      refuseOtherFormat(kv)
      throw new ZerogError('WRONG_STATE', {
        message: `the data folder holds another chain (${found}): start with the settings it was made with, or use \`--reset\` or another --data-dir`,
        metadata: { found },
      })
    },
    byHeight,
    byHash: (hash: Hex): ChainBlock | undefined => {
      const stored = kv.get(TABLES.hash, fromHex(hash, 32))
      return stored && byHeight(bytesToBigint(stored))
    },
    transaction: (hash: Hex): LocatedTransaction | undefined => {
      const stored = kv.get(TABLES.transaction, fromHex(hash, 32))
      if (stored === undefined) return undefined
      const index = Number(bytesToBigint(stored.subarray(8)))
      const block = byHeight(bytesToBigint(stored.subarray(0, 8)))
      const transaction = block?.transactions[index]
      const receipt = block?.receipts[index]
      if (block === undefined || transaction === undefined || receipt === undefined) throw damaged(TABLES.transaction, hash)
      const logIndexFirst = block.receipts.slice(0, index).reduce((count, { logs }) => count + logs.length, 0)
      return { transaction, receipt, block, index, logIndexFirst }
    },
    /** Heights from `from` to `to` whose bloom may match, without reading the others' blocks. */
    blocksWithLogs: function* (options: {
      readonly fromHeight: bigint
      readonly toHeight: bigint
      readonly mayMatch: (bloom: Hex) => boolean
    }) {
      const range = { from: heightKey(options.fromHeight), to: heightKey(options.toHeight + 1n) }
      for (const [key, bloom] of kv.range(TABLES.bloom, range)) {
        if (!options.mayMatch(bloom.length === 1 ? EMPTY_BLOOM : toHex(bloom))) continue
        const block = byHeight(bytesToBigint(key))
        if (block === undefined) throw damaged(TABLES.block, toHex(key))
        yield block
      }
    },
    /** Everything that makes a block the head. */
    writesOf: (block: ChainBlock): KvWrite[] => {
      const { height } = block.header
      const key = heightKey(height)
      const bloom = block.header.logsBloom === EMPTY_BLOOM ? Uint8Array.of(0) : fromHex(block.header.logsBloom)
      return [
        ...chunkWrites(TABLES.block, key, encodeRecord(block)),
        { table: TABLES.bloom, key, value: bloom },
        { table: TABLES.hash, key: fromHex(block.hash), value: key },
        ...block.transactions.map(({ hash }, index) => ({
          table: TABLES.transaction,
          key: fromHex(hash),
          value: placeOf(key, index),
        })),
        { table: TABLES.meta, key: HEAD_KEY, value: key },
      ]
    },
    remember,
    /** Development only: the head's state becomes another one, in place. */
    irregularWrites: (block: ChainBlock, stateRoot: Hex): KvWrite[] => {
      forget(block.header.height)
      return [{ table: TABLES.irregular, key: heightKey(block.header.height), value: fromHex(stateRoot, 32) }]
    },
    /** Development only: forgets every block above `height`. */
    truncateWrites: (height: bigint): KvWrite[] => {
      const writes: KvWrite[] = [{ table: TABLES.meta, key: HEAD_KEY, value: heightKey(height) }]
      const above = heightKey(height + 1n)
      for (const [key] of kv.range(TABLES.bloom, { from: above })) {
        const block = byHeight(bytesToBigint(key))
        if (block === undefined) continue
        forget(block.header.height)
        writes.push({ table: TABLES.hash, key: fromHex(block.hash), value: null })
        for (const { hash } of block.transactions) writes.push({ table: TABLES.transaction, key: fromHex(hash), value: null })
      }
      writes.push(...takeBackWrites(kv, height))
      for (const table of [TABLES.block, TABLES.bloom, TABLES.irregular]) {
        for (const [key] of kv.range(table, { from: above })) writes.push({ table, key, value: null })
      }
      return writes
    },
  }
}

/** height u64 || index u32 */
function placeOf(key: Uint8Array, index: number): Uint8Array {
  const place = new Uint8Array(12)
  place.set(key)
  new DataView(place.buffer).setUint32(8, index)
  return place
}

export function heightKey(height: bigint): Uint8Array {
  return bigintToBytes(height, 8)
}

/** Splits a value over records of at most `RECORD_BYTES_MAX`; the first begins with the total length as u32. */
export function chunkWrites(table: string, key: Uint8Array, value: Uint8Array): KvWrite[] {
  const framed = concatBytes(bigintToBytes(BigInt(value.length), 4), value)
  const writes: KvWrite[] = []
  for (let offset = 0, index = 0; offset < framed.length; offset += RECORD_BYTES_MAX, index++) {
    writes.push({ table, key: chunkKey(key, index), value: framed.subarray(offset, offset + RECORD_BYTES_MAX) })
  }
  return writes
}

/** Puts together what `chunkWrites` split. A missing part is damage. */
export function readChunks(kv: Kv, table: string, key: Uint8Array): Uint8Array | undefined {
  const first = kv.get(table, chunkKey(key, 0))
  if (first === undefined) return undefined
  const length = Number(bytesToBigint(first.subarray(0, 4)))
  const parts = [first.subarray(4)]
  let have = first.length - 4
  while (have < length) {
    const next = kv.get(table, chunkKey(key, parts.length))
    if (next === undefined || next.length === 0) throw damaged(table, toHex(chunkKey(key, parts.length)))
    parts.push(next)
    have += next.length
  }
  if (have !== length) throw damaged(table, toHex(key))
  return parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts)
}

export function chunkKey(key: Uint8Array, index: number): Uint8Array {
  assert(index < 0x10000, 'a record of more than 65,536 parts')
  return concatBytes(key, bigintToBytes(BigInt(index), 2))
}

function damaged(table: string, key: string, cause?: unknown): ZerogError {
  return new ZerogError('RECORD_CORRUPT', {
    message: `chain/${table}/${key} is damaged: restore the data folder, or delete it and let this node follow another one`,
    metadata: { store: 'chain', table, key },
    cause,
  })
}

function encodeRecord(block: ChainBlock): Uint8Array {
  const { timestampMs, leaderSignature, epoch, view, certificate } = block.payload
  return rlpEncode([
    block.encoded,
    packReceipts(block.receipts),
    concatBytes(...block.transactions.map(({ from }) => fromHex(from, 20))),
    rlpInteger(BigInt(timestampMs)),
    leaderSignature,
    rlpInteger(epoch),
    rlpInteger(view),
    certificate,
  ])
}

function decodeRecord(record: Uint8Array, irregular: Uint8Array | undefined, height: bigint): ChainBlock {
  try {
    const fields = toList(rlpDecode(record), 'block record', 8)
    const encoded = toBytes(fields[0], 'block')
    const { header, hash, transactions } = decodeBlock(encoded, { senders: toBytes(fields[2], 'senders') })
    const payload: ConsensusPayload = {
      timestampMs: Number(toInteger(fields[3], 'timestampMs', 7)),
      leaderSignature: toBytes(fields[4], 'leaderSignature'),
      epoch: toInteger(fields[5], 'epoch', 8),
      view: toInteger(fields[6], 'view', 8),
      certificate: toBytes(fields[7], 'certificate'),
    }
    return {
      hash,
      header: irregular === undefined ? header : { ...header, stateRoot: toHex(irregular) },
      transactions,
      receipts: unpackReceipts(toBytes(fields[1], 'receipts')),
      encoded,
      timestampMs: payload.timestampMs,
      sizeBytes: encoded.length,
      payload,
    }
  } catch (cause) {
    throw damaged(TABLES.block, toHex(heightKey(height)), cause)
  }
}

import { fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import type { Header, Log, Receipt, Transaction } from '../executor.ts'
import { listRoot } from '../trie/trie.ts'
import { bloomBytes, EMPTY_BLOOM } from './bloom.ts'
import { keccakHex } from './keccak.ts'
import { type RlpItem, rlpDecode, rlpEncode, rlpInteger, rlpListOf, toBytes, toInteger, toList } from './rlp.ts'
import { bodyItem, decodeTransaction } from './transaction.ts'

/** docs/spec/header.md: the 21 fields of a Prague header in their order. */
export function encodeHeader(header: Header): Uint8Array {
  return rlpEncode(headerItems(header))
}

export function headerHash(header: Header): Hex {
  return keccakHex(encodeHeader(header))
}

/** Reads 21 fields with their exact sizes; throws INVALID_ARGUMENT. What a header says is checked by `validateHeader`. */
export function decodeHeader(item: RlpItem): Header {
  const fields = toList(item, 'header', 21)
  const hash = (index: number, name: string, length = 32): Hex => toHex(toBytes(fields[index], name, length))
  const extraData = toBytes(fields[12], 'extraData')
  if (extraData.length > 32) throw new ZerogError('INVALID_ARGUMENT', { message: 'rlp: extraData is longer than 32 bytes' })
  return {
    parentHash: hash(0, 'parentHash'),
    ommersHash: hash(1, 'ommersHash'),
    beneficiary: hash(2, 'beneficiary', 20),
    stateRoot: hash(3, 'stateRoot'),
    transactionsRoot: hash(4, 'transactionsRoot'),
    receiptsRoot: hash(5, 'receiptsRoot'),
    logsBloom: hash(6, 'logsBloom', 256),
    difficulty: toInteger(fields[7], 'difficulty', 32),
    height: toInteger(fields[8], 'height', 8),
    gasLimit: toInteger(fields[9], 'gasLimit', 8),
    gasUsed: toInteger(fields[10], 'gasUsed', 8),
    timestampSeconds: toInteger(fields[11], 'timestamp', 8),
    extraData: toHex(extraData),
    prevRandao: hash(13, 'prevRandao'),
    nonce: hash(14, 'nonce', 8),
    baseFeePerGas: toInteger(fields[15], 'baseFeePerGas', 32),
    withdrawalsRoot: hash(16, 'withdrawalsRoot'),
    blobGasUsed: toInteger(fields[17], 'blobGasUsed', 8),
    excessBlobGas: toInteger(fields[18], 'excessBlobGas', 8),
    parentBeaconBlockRoot: hash(19, 'parentBeaconBlockRoot'),
    requestsHash: hash(20, 'requestsHash'),
  }
}

export type DecodedBlock = { readonly header: Header; readonly hash: Hex; readonly transactions: readonly Transaction[] }

/** RLP of [header, transactions, [], []]. */
export function encodeBlock(header: Header, transactions: readonly Transaction[]): Uint8Array {
  return rlpEncode([headerItems(header), transactions.map(({ raw }) => bodyItem(raw)), [], []])
}

/** Decodes an encoded block and every transaction in it; throws INVALID_ARGUMENT. Nothing is executed. */
export function decodeBlock(
  encoded: Uint8Array,
  options: { readonly chainId?: bigint /** 20 bytes per transaction, from our own store */; readonly senders?: Uint8Array } = {},
): DecodedBlock {
  const [head, body, ommers, withdrawals] = toList(rlpDecode(encoded), 'block', 4)
  if (head === undefined) throw new ZerogError('INVALID_ARGUMENT', { message: 'rlp: a block without a header' })
  toList(ommers, 'ommers', 0)
  toList(withdrawals, 'withdrawals', 0)
  const { senders } = options
  const transactions = toList(body, 'transactions').map((item, index) =>
    decodeTransaction(item instanceof Uint8Array ? item : rlpEncode(item), {
      ...(options.chainId !== undefined && { chainId: options.chainId }),
      ...(senders !== undefined && { sender: toHex(toBytes(senders.subarray(20 * index, 20 * index + 20), 'sender', 20)) }),
    }),
  )
  return { header: decodeHeader(head), hash: keccakHex(rlpEncode(head)), transactions }
}

/** The signed bytes of every transaction of an encoded block, for the recovery of their senders. Throws INVALID_ARGUMENT. */
export function blockTransactionBytes(encoded: Uint8Array): Uint8Array[] {
  const [, body] = toList(rlpDecode(encoded), 'block', 4)
  return toList(body, 'transactions').map((item) => (item instanceof Uint8Array ? item : rlpEncode(item)))
}

export function transactionsRoot(transactions: readonly Transaction[]): Hex {
  return listRoot(transactions.map(({ raw }) => raw))
}

export function receiptsRoot(receipts: readonly Receipt[]): Hex {
  return listRoot(receipts.map(encodeReceipt))
}

/** EIP-2718: type byte and RLP of [status, cumulativeGasUsed, bloom, logs]; no type byte for type 0. */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  const parts = [receipt.status === 1 ? ONE : EMPTY_STRING, rlpEncode(rlpInteger(receipt.cumulativeGasUsed)), BLOOM_HEAD]
  parts.push(receipt.logsBloom === EMPTY_BLOOM ? NO_BITS : bloomBytes(receipt), encodeLogs(receipt.logs))
  const out = rlpListOf(parts, receipt.type === 0 ? 0 : 1)
  if (receipt.type !== 0) out[0] = receipt.type
  return out
}

/** What a stored receipt needs beside its transaction: [status, gasUsed, effectiveGasPrice, contractAddress, logs] in a list. */
export function packReceipts(receipts: readonly Receipt[]): Uint8Array {
  return rlpListOf(
    receipts.map((receipt) => {
      const { contractAddress } = receipt
      const bits = receipt.logsBloom === EMPTY_BLOOM ? [EMPTY_STRING] : [BLOOM_HEAD, bloomBytes(receipt)]
      return rlpListOf([
        rlpEncode(Uint8Array.of(receipt.type, receipt.status)),
        rlpEncode(rlpInteger(receipt.gasUsed)),
        rlpEncode(rlpInteger(receipt.cumulativeGasUsed)),
        rlpEncode(rlpInteger(receipt.effectiveGasPrice)),
        contractAddress === null ? EMPTY_STRING : rlpEncode(fromHex(contractAddress)),
        ...bits,
        encodeLogs(receipt.logs),
      ])
    }),
  )
}

const NO_BITS = new Uint8Array(256)
const ONE = Uint8Array.of(1)
const EMPTY_STRING = Uint8Array.of(0x80)
const EMPTY_LIST = Uint8Array.of(0xc0)
/** Of 256 bytes. */
const BLOOM_HEAD = Uint8Array.of(0xb9, 1, 0)

/** Logs that were encoded for the receipts' root and are encoded again for the block's record. */
const logsEncoded = new WeakMap<readonly Log[], Uint8Array>()

function encodeLogs(logs: readonly Log[]): Uint8Array {
  if (logs.length === 0) return EMPTY_LIST
  const known = logsEncoded.get(logs)
  if (known !== undefined) return known
  const encoded = rlpEncode(
    logs.map(({ address, topics, data }) => [fromHex(address), topics.map((topic) => fromHex(topic)), fromHex(data)]),
  )
  logsEncoded.set(logs, encoded)
  return encoded
}

/** Reads what `packReceipts` wrote. Throws INVALID_ARGUMENT. */
export function unpackReceipts(packed: Uint8Array): Receipt[] {
  return toList(rlpDecode(packed), 'receipts').map((item) => {
    const [kind, gasUsed, cumulative, price, contract, bloom, logs] = toList(item, 'receipt', 7)
    const [type, status] = toBytes(kind, 'receipt kind', 2)
    const contractAddress = toBytes(contract, 'contractAddress')
    const bits = toBytes(bloom, 'logsBloom')
    return {
      type: type as Receipt['type'],
      status: status as Receipt['status'],
      gasUsed: toInteger(gasUsed, 'gasUsed', 8),
      cumulativeGasUsed: toInteger(cumulative, 'cumulativeGasUsed', 8),
      effectiveGasPrice: toInteger(price, 'effectiveGasPrice', 32),
      contractAddress: contractAddress.length === 0 ? null : toHex(contractAddress),
      logsBloom: bits.length === 0 ? EMPTY_BLOOM : toHex(bits),
      logs: toList(logs, 'logs').map((entry) => {
        const [address, topics, data] = toList(entry, 'log', 3)
        return {
          address: toHex(toBytes(address, 'log address', 20)),
          topics: toList(topics, 'topics').map((topic) => toHex(toBytes(topic, 'topic', 32))),
          data: toHex(toBytes(data, 'log data')),
        }
      }),
    }
  })
}

function headerItems(header: Header): RlpItem[] {
  return [
    fromHex(header.parentHash, 32),
    fromHex(header.ommersHash, 32),
    fromHex(header.beneficiary, 20),
    fromHex(header.stateRoot, 32),
    fromHex(header.transactionsRoot, 32),
    fromHex(header.receiptsRoot, 32),
    fromHex(header.logsBloom, 256),
    rlpInteger(header.difficulty),
    rlpInteger(header.height),
    rlpInteger(header.gasLimit),
    rlpInteger(header.gasUsed),
    rlpInteger(header.timestampSeconds),
    fromHex(header.extraData),
    fromHex(header.prevRandao, 32),
    fromHex(header.nonce, 8),
    rlpInteger(header.baseFeePerGas),
    fromHex(header.withdrawalsRoot, 32),
    rlpInteger(header.blobGasUsed),
    rlpInteger(header.excessBlobGas),
    fromHex(header.parentBeaconBlockRoot, 32),
    fromHex(header.requestsHash, 32),
  ]
}

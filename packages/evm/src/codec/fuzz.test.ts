import { readFileSync } from 'node:fs'
import { createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common'
import { createTxFromRLP } from '@ethereumjs/tx'
import { describe, expect, test } from '@jest/globals'
import { fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { privateKeyToAccount } from 'viem/accounts'
import { decodeAccount } from '../state/account.ts'
import { decodeNode } from '../trie/node.ts'
import { decodeBlock, decodeHeader, packReceipts, unpackReceipts } from './block.ts'
import { type RlpItem, rlpDecode, rlpEncode } from './rlp.ts'
import { decodeTransaction } from './transaction.ts'

// Random bytes seldom get past the first length. So valid encodings are taken apart and put together with one thing wrong.

const account = privateKeyToAccount('0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d')
const to = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'

async function transactions(): Promise<Uint8Array[]> {
  const common = { chainId: 31337, nonce: 7, gas: 100_000n, to, value: 5n, data: '0x1234' } as const
  const fees = { maxFeePerGas: 2n * 10n ** 9n, maxPriorityFeePerGas: 1n }
  const accessList = [{ address: to, storageKeys: [`0x${'01'.repeat(32)}`] }] as const
  const authorization = await account.signAuthorization({ chainId: 31337, nonce: 3, address: to })
  const all = await Promise.all([
    account.signTransaction({ ...common, type: 'legacy', gasPrice: 10n ** 9n }),
    account.signTransaction({ ...common, accessList, type: 'eip2930', gasPrice: 10n ** 9n }),
    account.signTransaction({ ...common, ...fees, accessList, type: 'eip1559' }),
    account.signTransaction({ ...common, ...fees, type: 'eip7702', authorizationList: [authorization] }),
  ])
  return all.map((raw) => fromHex(raw))
}

type Change = { readonly path: readonly number[]; readonly kind: number; readonly bytes: Uint8Array }

const change: fc.Arbitrary<Change> = fc.record({
  path: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
  kind: fc.nat(6),
  bytes: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(new Uint8Array(32), Uint8Array.of(0), Uint8Array.of(0, 1))),
})

/** The item at `path` (indexes are taken modulo what is there) is replaced, dropped, doubled, wrapped, emptied, cut or prolonged. */
function changed(item: RlpItem, { path, kind, bytes }: Change, depth = 0): RlpItem {
  const index = path[depth]
  if (item instanceof Uint8Array || item.length === 0 || index === undefined) {
    if (kind === 0) return bytes
    if (kind === 1) return []
    if (kind === 2) return [item]
    if (kind === 3) return new Uint8Array(0)
    if (item instanceof Uint8Array) return kind === 4 ? item.subarray(1) : Uint8Array.from([...item, ...bytes])
    return [...item, bytes]
  }
  const at = index % item.length
  if (kind === 5 && depth === path.length - 1) return item.toSpliced(at, 1)
  if (kind === 6 && depth === path.length - 1) return item.toSpliced(at, 0, item[at] as RlpItem)
  return item.with(at, changed(item[at] as RlpItem, { path, kind, bytes }, depth + 1))
}

/** What a decoder may throw. */
function refusal(work: () => unknown, reason: string): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof ZerogError && error.reason === reason) return error.message
    throw error
  }
}

describe('decoders of outside bytes', () => {
  test('a transaction with a changed field is refused, or is what @ethereumjs/tx reads too', async () => {
    const common = createCustomCommon({ chainId: 31337, name: 'fuzz' }, Mainnet, { hardfork: Hardfork.Prague })
    const samples = await transactions()
    let accepted = 0
    fc.assert(
      fc.property(fc.nat(samples.length - 1), change, (which, how) => {
        const sample = samples[which] as Uint8Array
        const typed = (sample[0] as number) < 0xc0
        const body = rlpEncode(changed(rlpDecode(typed ? sample.subarray(1) : sample), how))
        const raw = typed ? Uint8Array.from([sample[0] as number, ...body]) : body
        const problem = refusal(() => decodeTransaction(raw, { chainId: 31337n }), 'INVALID_ARGUMENT')
        if (problem !== undefined) return
        const ours = decodeTransaction(raw, { chainId: 31337n })
        const theirs = createTxFromRLP(raw, { common })
        accepted += 1
        expect(ours.hash).toBe(toHex(theirs.hash()))
        expect(ours.from).toBe(theirs.getSenderAddress().toString())
        expect([ours.nonce, ours.gasLimit, ours.value, ours.data]).toEqual([
          theirs.nonce,
          theirs.gasLimit,
          theirs.value,
          toHex(theirs.data),
        ])
      }),
      { numRuns: 3_000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  const vectors = JSON.parse(readFileSync(new URL('../../../../tests/vectors/header.json', import.meta.url), 'utf8')) as {
    readonly headers: readonly { readonly encoded: Hex }[]
    readonly block: { readonly encoded: Hex }
  }

  test('a block or header with a changed item is refused with INVALID_ARGUMENT, or has another hash', () => {
    const block = rlpDecode(fromHex(vectors.block.encoded))
    const before = decodeBlock(rlpEncode(block))
    fc.assert(
      fc.property(change, (how) => {
        const encoded = rlpEncode(changed(block, how))
        if (refusal(() => decodeBlock(encoded), 'INVALID_ARGUMENT') !== undefined) return
        const after = decodeBlock(encoded)
        const same =
          after.hash === before.hash && after.transactions.every(({ hash }, at) => hash === before.transactions[at]?.hash)
        expect(same && after.transactions.length === before.transactions.length).toBe(toHex(encoded) === vectors.block.encoded)
      }),
      { numRuns: 3_000 },
    )
    const header = rlpDecode(fromHex(vectors.headers[0]?.encoded as Hex))
    fc.assert(fc.property(change, (how) => void refusal(() => decodeHeader(changed(header, how)), 'INVALID_ARGUMENT')))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => void refusal(() => decodeBlock(bytes), 'INVALID_ARGUMENT')),
    )
  })

  test('stored receipts with a changed item are refused with INVALID_ARGUMENT or read', () => {
    const bloom: Hex = `0x${'00'.repeat(256)}`
    const log = { address: to, topics: [`0x${'07'.repeat(32)}`], data: '0x01' } as const
    const gas = { gasUsed: 21_000n, cumulativeGasUsed: 21_000n, effectiveGasPrice: 7n, logsBloom: bloom }
    const packed = packReceipts([{ type: 2, status: 1, ...gas, contractAddress: to, logs: [log] }])
    const item = rlpDecode(packed)
    fc.assert(fc.property(change, (how) => void refusal(() => unpackReceipts(rlpEncode(changed(item, how))), 'INVALID_ARGUMENT')))
  })

  test('trie nodes and accounts of any shape are refused by name or read', () => {
    const leaf: RlpItem = [
      Uint8Array.of(0x20, 1),
      rlpEncode([Uint8Array.of(1), Uint8Array.of(2), new Uint8Array(32), new Uint8Array(32)]),
    ]
    const branch: RlpItem = [...Array.from({ length: 16 }, (_, at) => new Uint8Array(at % 2 === 0 ? 32 : 0)), new Uint8Array(0)]
    fc.assert(
      fc.property(fc.constantFrom(leaf, branch), change, (node, how) => {
        refusal(() => decodeNode(rlpEncode(changed(node, how))), 'RECORD_CORRUPT')
      }),
    )
    const stored = rlpDecode(leaf[1] as Uint8Array)
    fc.assert(
      fc.property(change, (how) => void refusal(() => decodeAccount(rlpEncode(changed(stored, how))), 'INVALID_ARGUMENT')),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void refusal(() => decodeNode(bytes), 'RECORD_CORRUPT')))
  })

  test('lists in lists to any depth are refused, not followed', () => {
    const deep = new Uint8Array(100_000).fill(0xc1)
    deep[deep.length - 1] = 0xc0
    // Each list must hold exactly what follows: long heads, innermost first.
    let item: Uint8Array = Uint8Array.of(0xc0)
    for (let depth = 0; depth < 60; depth++) item = Uint8Array.from([0xc0 + Math.min(item.length, 55), ...item.subarray(0, 55)])
    for (const bytes of [deep, item]) expect(refusal(() => rlpDecode(bytes), 'INVALID_ARGUMENT')).toBeDefined()
  })
})

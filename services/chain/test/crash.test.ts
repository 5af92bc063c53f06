import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { lmdbKv, memoryKv } from '@zerog/adapters'
import { artifacts } from '@zerog/contracts'
import type { Kv, KvWrite } from '@zerog/ports'
import { fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { rebuildChain, verifyStoredChain } from '../src/adapters/maintenance.ts'
import { rpcConfig } from '../src/config.ts'
import { createChainBackend } from './support/create-chain-backend.ts'
import { account, GWEI, included, lower, transfer } from './support.ts'

/** Short, so that power cuts meet the ends of epochs. */
const EPOCH_LENGTH = 4n
const CONFIG = rpcConfig.parse({ chainOnly: true, epochLength: Number(EPOCH_LENGTH) })

/** A Kv that remembers its writes in order, so that every disk that a power cut may leave can be made: any prefix beyond the last sync. */
function recordingKv() {
  const inner = memoryKv()
  const batches: (readonly KvWrite[])[] = []
  let synced = 0
  const kv: Kv = {
    ...inner,
    write: (writes) => {
      batches.push(writes.map((write) => ({ ...write, value: write.value?.slice() ?? null })))
      inner.write(writes)
    },
    flush: async () => {
      const reached = batches.length
      await new Promise<void>((resolve) => setImmediate(resolve))
      synced = Math.max(synced, reached)
    },
  }
  return {
    kv,
    synced: () => synced,
    written: () => batches.length,
    /** What is on disk if exactly `count` writes survive. */
    survivor: (count: number): Kv => {
      const disk = memoryKv()
      for (const batch of batches.slice(0, count)) disk.write(batch)
      return disk
    },
  }
}

async function code(nonce: number): Promise<Uint8Array> {
  const data: Hex = artifacts.demoToken.bytecode
  return fromHex(
    await account(0).signTransaction({
      type: 'eip1559',
      chainId: 31337,
      nonce,
      gas: 3_000_000n,
      data,
      maxFeePerGas: 3n * GWEI,
      maxPriorityFeePerGas: GWEI,
    }),
  )
}

describe('a power cut', () => {
  test('at any moment leaves a chain that verifies and goes on, with every acknowledged transaction in it or in the pool', async () => {
    const disk = recordingKv()
    const chain = await createChainBackend({ kv: disk.kv, epochLength: EPOCH_LENGTH })
    const acknowledged: { hash: Hex; synced: number }[] = []
    const heads: { height: bigint; hash: Hex; certificate: Uint8Array | undefined; synced: number }[] = []
    chain.backend.onBlock(({ header: { height }, hash }) => {
      heads.push({ height, hash, certificate: chain.backend.finality(height)?.certificate, synced: disk.synced() })
    })
    const submit = async (raw: Uint8Array): Promise<void> => {
      const hash = await chain.backend.submit(raw)
      acknowledged.push({ hash, synced: disk.synced() })
    }
    await submit(await code(0))
    for (let nonce = 0; nonce < 6; nonce++) {
      await Promise.all([1, 2, 3].map(async (from) => submit(await transfer(from, nonce))))
      if (nonce % 2 === 0) await included(chain.backend, acknowledged.at(-1)?.hash ?? '0x')
    }
    await submit(await transfer(4, 5))
    await chain.stop()
    expect(heads.length).toBeGreaterThan(3)

    // Every length from the first moment after genesis on.
    for (let count = 4; count <= disk.written(); count++) {
      const kv = disk.survivor(count)
      const again = await createChainBackend({ kv, sealing: { kind: 'manual' }, epochLength: EPOCH_LENGTH })
      const { backend } = again
      for (const { hash, synced } of acknowledged) {
        if (synced > count) continue
        const waiting = await backend.pooled(hash)
        const done = backend.transaction(hash)
        expect({ count, hash, times: Number(waiting !== undefined) + Number(done !== undefined) }).toEqual({
          count,
          hash,
          times: 1,
        })
      }
      // Whatever left the node was signed once: the same certificate of the same block is still there.
      for (const { height, hash, certificate, synced } of heads) {
        if (synced > count) continue
        expect({ count, ...backend.finality(height) }).toMatchObject({ count, blockHash: hash, certificate })
      }
      const before = backend.head().header.height
      await backend.dev?.mine(1)
      expect(backend.head().header.height).toBe(before + 1n)
      expect((await backend.poolContent()).pending).toEqual([])
      await again.stop()
      const { problems } = await verifyStoredChain({ kv, chainId: 31337n, config: CONFIG }, { deep: true })
      expect(problems).toEqual([])
    }
  }, 300_000)

  test('on lmdb the chain and the pool are there after a restart', async () => {
    const path = await mkdtemp(join(tmpdir(), 'zerog-chain-'))
    try {
      const first = lmdbKv({ path })
      const chain = await createChainBackend({ kv: first })
      const hash = await chain.backend.submit(await transfer(1, 0))
      await included(chain.backend, hash)
      const gapped = await chain.backend.submit(await transfer(1, 5))
      const head = chain.backend.head()
      const receipt = chain.backend.transaction(hash)?.receipt
      await chain.stop()
      await first.close()
      const second = lmdbKv({ path })
      const again = await createChainBackend({ kv: second })
      expect(again.backend.head().hash).toBe(head.hash)
      expect(await again.backend.pooled(gapped)).toMatchObject({ hash: gapped, from: lower(account(1).address) })
      expect(again.backend.transaction(hash)?.receipt).toEqual(receipt)
      await again.stop()
      await second.close()
    } finally {
      await rm(path, { recursive: true, force: true })
    }
  })

  test('the data folder of another chain is refused with a sentence', async () => {
    const kv = memoryKv()
    await (await createChainBackend({ kv })).stop()
    await expect(createChainBackend({ kv, gasLimit: 31_000_000n })).rejects.toMatchObject({ reason: 'WRONG_STATE' })
  })
})

describe('damage', () => {
  async function stored() {
    const disk = recordingKv()
    const chain = await createChainBackend({ kv: disk.kv, epochLength: EPOCH_LENGTH })
    await included(chain.backend, await chain.backend.submit(await code(0)))
    for (let nonce = 0; nonce < 3; nonce++) await included(chain.backend, await chain.backend.submit(await transfer(1, nonce)))
    await chain.stop()
    return { kv: disk.survivor(disk.written()), head: chain.backend.head() }
  }

  test('every flipped byte of a state record is found, and a rebuild cures it', async () => {
    const { kv, head } = await stored()
    const records = ['trie', 'code'].flatMap((table) => [...kv.range(table)].map(([key, value]) => ({ table, key, value })))
    await fc.assert(
      fc.asyncProperty(fc.nat(records.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), async (which, where, change) => {
        const { table, key, value } = records[which] as (typeof records)[number]
        const broken = value.slice()
        broken[where % broken.length] = (broken[where % broken.length] as number) ^ change
        kv.write([{ table, key, value: broken }])
        const found = await verifyStoredChain({ kv, chainId: 31337n, config: CONFIG }, { deep: true })
        expect(found.problems).toContainEqual(expect.objectContaining({ table, key: toHex(key) }))
        expect(found.remedy).toContain('zerog chain rebuild')
        await rebuildChain({ kv, chainId: 31337n, config: CONFIG })
        expect(await verifyStoredChain({ kv, chainId: 31337n, config: CONFIG }, { deep: true })).toMatchObject({
          problems: [],
          remedy: undefined,
        })
      }),
      { numRuns: 25 },
    )
    const again = await createChainBackend({ kv, epochLength: EPOCH_LENGTH })
    expect(again.backend.head().hash).toBe(head.hash)
    await again.stop()
  }, 300_000)

  test('a missing state record stops the node with store, table, key and the command', async () => {
    const { kv, head } = await stored()
    const writes = [...kv.range('trie')].map(([key]) => ({ table: 'trie', key, value: null }))
    kv.write(writes)
    const fatal: unknown[] = []
    const again = await createChainBackend({
      kv,
      sealing: { kind: 'manual' },
      epochLength: EPOCH_LENGTH,
      fatal: (error) => fatal.push(error),
    })
    const reading = again.backend.executor.account(head.header.stateRoot, lower(account(1).address))
    // The genesis that is made at every start stays in memory, so ask for what only later blocks wrote.
    const error = await reading.catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(ZerogError)
    expect(error).toMatchObject({ reason: 'RECORD_CORRUPT', metadata: { table: 'trie', key: expect.stringMatching(/^0x/) } })
    expect((error as Error).message).toContain('zerog chain rebuild')
    expect(fatal).toEqual([error])
    await again.stop()
  })

  test('a damaged block record is found', async () => {
    const { kv } = await stored()
    const [[key, value] = [new Uint8Array(0), new Uint8Array(0)]] = [...kv.range('block', { reverse: true, limit: 1 })]
    const broken = value.slice()
    broken[40] = (broken[40] as number) ^ 1
    kv.write([{ table: 'block', key, value: broken }])
    const { problems, remedy } = await verifyStoredChain({ kv, chainId: 31337n, config: CONFIG }, { deep: true })
    expect(problems.length).toBeGreaterThan(0)
    expect(remedy).toContain('stored blocks are damaged')
  })
})

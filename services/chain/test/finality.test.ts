import { describe, expect, test } from '@jest/globals'
import { memoryKv, systemClock } from '@zerog/adapters'
import { decodeCertificate } from '@zerog/consensus'
import {
  advance,
  encodeValidatorSet,
  type FinalityProof,
  type LightClientNetwork,
  trustBlock,
  verifyFinality,
} from '@zerog/consensus/light-client'
import type { Clock, Kv } from '@zerog/ports'
import { nodeCrypto } from '../src/adapters/crypto.ts'
import { verifyStoredChain } from '../src/adapters/maintenance.ts'
import { type ChainBlock, createBlockStore } from '../src/app/block-store.ts'
import type { Finality } from '../src/app/finality.ts'
import { rpcConfig } from '../src/config.ts'
import { type ChainBackendOptions, createChainBackend } from './support/create-chain-backend.ts'
import { included, transfer } from './support.ts'

const EPOCH_LENGTH = 3n
const MANUAL: ChainBackendOptions = { sealing: { kind: 'manual' }, epochLength: EPOCH_LENGTH }
const light: LightClientNetwork = {
  chainId: 31_337n,
  epochLength: EPOCH_LENGTH,
  undelegationDelaySeconds: 2n ** 40n,
  trustingPeriodSeconds: 2n ** 39n,
  clockDriftSeconds: 30n,
}
const deps = () => ({
  multisignature: nodeCrypto.multisignature,
  nowSeconds: BigInt(Math.floor(Date.now() / 1000)),
})

type Chain = Awaited<ReturnType<typeof createChainBackend>>

function finality(chain: Chain, height: bigint): Finality {
  const found = chain.backend.finality(height)
  if (found === undefined) throw new Error(`nothing proves block ${height}`)
  return found
}

const proofOf = ({ headers, certificate }: Finality): FinalityProof => ({ headers, certificate })
const ballotOf = ({ certificate }: Finality) => decodeCertificate(certificate).certificate.ballot

describe('the certificates of the one validator', () => {
  test('let a light client walk from genesis over epochs, across restarts of the validator', async () => {
    const kv = memoryKv()
    let chain = await createChainBackend({ ...MANUAL, kv })
    const [header] = finality(chain, 0n).headers
    const validators = encodeValidatorSet(chain.network.validators)
    let trusted = trustBlock(light, { hash: finality(chain, 0n).blockHash, header: header as Uint8Array, validators })
    for (let height = 1n; height <= 11n; height++) {
      await chain.backend.dev?.mine(1)
      await chain.stop()
      chain = await createChainBackend({ ...MANUAL, kv })
      const proof = proofOf(finality(chain, height))
      expect(verifyFinality(light, trusted, proof, deps())).toMatchObject({ height, hash: chain.backend.head().hash })
      expect(ballotOf(finality(chain, height))).toMatchObject({
        kind: 'finalize',
        view: Number(((height - 1n) % EPOCH_LENGTH) + 1n),
      })
      trusted = advance(light, trusted, { header: proof.headers[0] as Uint8Array, certificate: proof.certificate }, deps())
    }
    expect(trusted.epoch).toBe(3n)
    await chain.stop()
    const config = rpcConfig.parse({ chainOnly: true, epochLength: Number(EPOCH_LENGTH) })
    expect((await verifyStoredChain({ kv, chainId: 31_337n, config }, { deep: true })).problems).toEqual([])
  })

  test('are there for every block that is shown, as soon as it is shown', async () => {
    const chain = await createChainBackend({ epochLength: EPOCH_LENGTH })
    const seen: boolean[] = []
    chain.backend.onBlock(({ hash, header }) => seen.push(ballotOf(finality(chain, header.height)).blockHash === hash))
    for (let nonce = 0; nonce < 4; nonce++) await included(chain.backend, await chain.backend.submit(await transfer(1, nonce)))
    expect(seen).toEqual([true, true, true, true])
    expect(chain.backend.finality(5n)).toBeUndefined()
    await chain.stop()
  })

  test('are of the new blocks where a development method took the old ones back', async () => {
    const chain = await createChainBackend(MANUAL)
    await chain.backend.dev?.mine(2)
    const id = await chain.backend.dev?.snapshot()
    await chain.backend.dev?.mine(3)
    const before = finality(chain, 4n)
    await chain.backend.dev?.revert(id as bigint)
    expect(chain.backend.finality(3n)).toBeUndefined()
    await chain.backend.dev?.setBalance(`0x${'77'.repeat(20)}`, 5n)
    await chain.backend.submit(await transfer(1, 0))
    await chain.backend.dev?.mine(3)
    const after = finality(chain, 4n)
    expect(after.blockHash).not.toBe(before.blockHash)
    expect(ballotOf(after)).toMatchObject({ blockHash: after.blockHash, view: 1 })
    // The header is served as it was signed, although the state of block 2 was edited.
    expect(ballotOf(finality(chain, 2n)).blockHash).toBe(finality(chain, 2n).blockHash)
    await chain.stop()
  })
})

describe('a committee of one', () => {
  test('waits for no time: a timer bounds an answer while its block is on the way, and is taken back', async () => {
    const waiting = new Set<number>()
    const fired: number[] = []
    const clock: Clock = {
      ...systemClock,
      after: (delayMs, task) => {
        waiting.add(delayMs)
        const cancel = systemClock.after(delayMs, () => {
          waiting.delete(delayMs)
          fired.push(delayMs)
          task()
        })
        return () => {
          waiting.delete(delayMs)
          cancel()
        }
      },
    }
    const chain = await createChainBackend({ clock, epochLength: EPOCH_LENGTH })
    expect([...waiting]).toEqual([])
    await included(chain.backend, await chain.backend.submit(await transfer(1, 0)))
    // The signature for the next r is made in the turn after.
    expect([...waiting, ...fired].filter((delayMs) => delayMs > 0)).toEqual([])
    await chain.stop()
  })

  test('stops when a block that it voted on did not reach the disk, whoever asked for the block', async () => {
    const memory = memoryKv()
    let broken = false
    const kv: Kv = { ...memory, flush: () => (broken ? Promise.reject(new Error('the disk is gone')) : memory.flush()) }
    const fatal: unknown[] = []
    const chain = await createChainBackend({ ...MANUAL, kv, fatal: (error) => fatal.push(error) })
    await chain.backend.dev?.mine(1)
    broken = true
    await expect(chain.backend.dev?.mine(1)).rejects.toThrow('the disk is gone')
    expect(fatal).toEqual([expect.objectContaining({ message: 'the disk is gone' })])
    expect(chain.backend.head().header.height).toBe(1n)
    await chain.stop()
  })

  test('does not go on from a head whose certificate proves nothing, and doctor finds it', async () => {
    const kv = memoryKv()
    const chain = await createChainBackend({ ...MANUAL, kv })
    await chain.backend.dev?.mine(2)
    await chain.stop()
    const head = chain.backend.head() as ChainBlock // the ledger hands out its own blocks
    const other = finality(chain, 1n).certificate
    for (const certificate of [other, new Uint8Array(0), head.payload.certificate.with(150, 1)]) {
      kv.write(createBlockStore(kv).writesOf({ ...head, payload: { ...head.payload, certificate } }))
      await expect(createChainBackend({ ...MANUAL, kv })).rejects.toMatchObject({ reason: 'RECORD_CORRUPT' })
      const config = rpcConfig.parse({ chainOnly: true, epochLength: Number(EPOCH_LENGTH) })
      const { problems } = await verifyStoredChain({ kv, chainId: 31_337n, config }, { deep: false })
      expect(problems).toEqual([expect.objectContaining({ key: '2', problem: expect.stringContaining('certificate') })])
    }
  })
})

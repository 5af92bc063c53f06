import { expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import type { Hex } from '@zerog/primitives'
import { createBlockStore, refuseOtherFormat, STORE_FORMAT, TABLES } from './block-store.ts'

const IDENTITY = { chainId: 31_337n, genesisHash: `0x${'11'.repeat(32)}` as Hex, epochLength: 28_800n }
const key = new TextEncoder().encode('identity')
const stored = async (change: (fields: Record<string, unknown>) => void) => {
  const kv = memoryKv()
  const [write] = createBlockStore(kv).identify(IDENTITY)
  const fields = JSON.parse(new TextDecoder().decode((write as { value: Uint8Array }).value))
  change(fields)
  await kv.write([{ table: TABLES.meta, key, value: new TextEncoder().encode(JSON.stringify(fields)) }])
  return kv
}

test('a store that another release wrote is named by its format, not called another chain or damaged', async () => {
  const kv = await stored((fields) => {
    fields.format = STORE_FORMAT - 1
    fields.genesis = `0x${'22'.repeat(32)}`
  })
  const message = `the chain's store has format ${STORE_FORMAT - 1}, this release reads ${STORE_FORMAT}`
  expect(() => createBlockStore(kv).identify(IDENTITY)).toThrow(message)
  expect(() => refuseOtherFormat(kv)).toThrow(message)
})

test('a store of this format is opened, and one of another chain is refused as that', async () => {
  const same = await stored(() => {})
  expect(createBlockStore(same).identify(IDENTITY)).toEqual([])
  refuseOtherFormat(same)
  const other = await stored((fields) => {
    fields.chainId = '4242'
  })
  expect(() => createBlockStore(other).identify(IDENTITY)).toThrow('the data folder holds another chain')
  refuseOtherFormat(other)
})

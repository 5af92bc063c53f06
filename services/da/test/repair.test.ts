import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { bytesOf, codedBundle, membersOf, rowsOf } from './support/members.ts'
import { collect, disperse, headerOf, type ReadingNetwork, readingNetwork, tomorrow } from './support/reading.ts'

const { committee } = membersOf([10n, 20n, 30n, 40n])
const coded = codedBundle([bytesOf(60_000, 1)], committee, tomorrow())
const MEMBER = 2

let net: ReadingNetwork
beforeEach(async () => {
  net = await readingNetwork([committee], { nodeConfig: { scrubIntervalMs: 1000, repairIntervalMs: 100 } })
})
afterEach(() => net.close())

async function eventually(ask: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 60_000
  while (!(await ask())) {
    if (performance.now() > untilMs) throw new Error('not so within a minute')
    await systemClock.sleep(50)
  }
}

const stats = (instance: number) => net.nodeAs('developer', instance).getStats({})

test('a member that lost rows finds it out and refills them from the others, byte for byte', async () => {
  await disperse(net, coded, committee)
  const disk = net.disks[MEMBER] as (typeof net.disks)[number]
  const before = new Map<string, Uint8Array>()
  for (const key of [...disk.blobs.keys()])
    before.set(Buffer.from(key).toString('hex'), (await disk.blobs.get(key)) as Uint8Array)
  for (const key of [...disk.blobs.keys(Uint8Array.of(0x70))]) await disk.blobs.delete(key)
  await eventually(async () => [...disk.blobs.keys(Uint8Array.of(0x70))].length > 0)
  await eventually(async () => (await stats(MEMBER)).damagedCount === 0n)
  for (const [key, value] of before) {
    expect(Buffer.compare((await disk.blobs.get(Buffer.from(key, 'hex'))) as Uint8Array, value)).toBe(0)
  }
})

test('also when nothing of it is left but what it signed, and a third of the stake is away', async () => {
  await disperse(net, coded, committee)
  await net.stopNode(MEMBER)
  const disk = net.disks[MEMBER] as (typeof net.disks)[number]
  for (const key of [...disk.blobs.keys()]) await disk.blobs.delete(key)
  await net.stopNode(1)
  await net.startNode(MEMBER)
  await eventually(async () => (await stats(MEMBER)).rowCount === BigInt(rowsOf(coded, committee, MEMBER).length))
  // Its rows are needed: without them 50 of 100 would not be enough for the rest below.
  await net.stopNode(0)
  const whole = { offset: 0n, length: 0n }
  const read = await collect(net.retriever.retrieve({ header: headerOf(coded.statement, 0), ...whole }))
  expect(Buffer.compare(read, bytesOf(60_000, 1))).toBe(0)
})

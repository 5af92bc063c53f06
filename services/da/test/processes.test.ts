import { PublicKey, Signature, verify } from '@chainsafe/blst'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { createWindow, windowMessage } from '@zerog/availability'
import { ZerogError } from '@zerog/primitives'
import { encodeStatement } from '../src/adapters/grpc/statement-codec.ts'
import { bytesOf, CHAIN_ID, type Coded, codedBundle, membersOf } from './support/members.ts'
import { type Processes, startProcesses } from './support/processes.ts'
import { collect, disperse, headerOf, putRequests, tomorrow } from './support/reading.ts'

const STAKES = [3n, 3n, 3n, 4n]
const { committee } = membersOf(STAKES)
const whole = { offset: 0n, length: 0n }

/** A connection to a process that came back is made anew after a while; calls with streams are not repeated by themselves. */
async function reaching<T>(call: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + 60_000
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof ZerogError) || error.status !== 'UNAVAILABLE' || performance.now() > untilMs) throw error
      await systemClock.sleep(100)
    }
  }
}

let net: Processes
beforeAll(async () => {
  net = await startProcesses(STAKES, committee)
})
afterAll(() => net.close())

test('a blob of 4 MiB goes to four processes and comes back, also while one is dead', async () => {
  const blob = bytesOf(4_000_000, 1)
  const coded = codedBundle([blob], committee, tomorrow())
  await disperse(net, coded, committee)
  const read = () => collect(net.retriever.retrieve({ header: headerOf(coded.statement, 0), ...whole }))
  expect(Buffer.compare(await read(), blob)).toBe(0)
  await net.kill(3)
  expect(Buffer.compare(await read(), blob)).toBe(0)
  await net.restart(3)
})

test('the same rows again are answered at once, without being read', async () => {
  const coded = codedBundle([bytesOf(2_000_000, 2)], committee, tomorrow())
  await reaching(() => disperse(net, coded, committee))
  const answer = await net.nodeAs('da-encoder', 0).putRows(putRequests(coded, committee, 0))
  expect(answer.storedCount).toBeGreaterThan(100)
})

test('killed between the acknowledgement of rows and the signature, a member has lost nothing that it acknowledged', async () => {
  const MEMBER = 1
  const key = PublicKey.fromBytes(committee.publicKeys[MEMBER] as Uint8Array, true)
  const acknowledged: Coded[] = []
  const rounds = process.env.ZEROG_TEST_LONG === '1' ? 50 : 4
  for (let round = 0; round < rounds; round++) {
    const bundles = Array.from({ length: 3 }, (_, index) =>
      codedBundle([bytesOf(20_000 + index, round * 10 + index)], committee, tomorrow()),
    )
    const put = async (coded: Coded) => {
      await net.nodeAs('da-encoder', MEMBER).putRows(putRequests(coded, committee, MEMBER))
      acknowledged.push(coded)
    }
    const [first, ...others] = bundles as [Coded, ...Coded[]]
    // An acknowledgement of the others, or their end, kills it while more is on its way.
    await reaching(() => put(first))
    const racing = others.map((coded) => put(coded).catch(() => {}))
    await Promise.race(racing)
    await net.kill(MEMBER)
    await Promise.all(racing)
    await net.restart(MEMBER)
    const statements = acknowledged.map(({ statement }) => statement)
    const { signature } = await net
      .nodeAs('da-disperser', MEMBER)
      .signWindow({ bundles: statements.map(encodeStatement) }, { retriesMax: 10, timeoutMs: 60_000 })
    const message = windowMessage(createWindow(statements, committee, CHAIN_ID))
    expect(verify(message, key, Signature.fromBytes(signature, true))).toBe(true)
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(rounds)
})

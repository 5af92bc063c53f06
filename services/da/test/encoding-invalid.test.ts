import { expect, test } from '@jest/globals'
import { buildBundle, type Committee } from '@zerog/availability'
import { encodePayload, layoutFor } from '@zerog/erasure'
import { createKernelEngine } from '@zerog/erasure/engines'
import type { Endpoint } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { NodeServiceDefinition, RetrieverServiceDefinition } from '@zerog/proto/da'
import { defineModule } from '@zerog/runtime'
import { testContext, testWorld } from '@zerog/runtime/testing'
import { z } from 'zod'
import { staticCommittees } from '../src/adapters/committees/static.ts'
import { encodeRow } from '../src/adapters/grpc/row-codec.ts'
import { encodeStatement, toWire } from '../src/adapters/grpc/statement-codec.ts'
import { defineDaRetriever } from '../src/module.ts'
import { bytesOf, type Coded, membersOf, rowsOf } from './support/members.ts'
import { collect, headerOf, putRequests, readingNetwork, tomorrow } from './support/reading.ts'

const { committee } = membersOf([10n, 20n, 30n, 40n, 35n])
const honest = createKernelEngine()

/** A bundle whose disperser committed to parity that is not the code's: one symbol of each row that `isCrooked` names. */
function crooked(isCrooked: (parity: number) => boolean): Coded {
  const payload = buildBundle([{ bytes: bytesOf(40_000, 6) }])
  const layout = layoutFor(payload.length, { committeeRows: committee.rows, rate: '1/4' })
  const engine: typeof honest = {
    ...honest,
    encode(data, parity, shape) {
      honest.encode(data, parity, shape)
      // The vector is extended by the same engine, in rows of one chunk: that is the reader's, who is honest.
      if (shape.rowBytes !== layout.rowBytes) return
      for (let row = 0; row < shape.n; row++)
        if (isCrooked(row)) parity[row * shape.rowBytes] = (parity[row * shape.rowBytes] as number) ^ 1
    },
  }
  const encoded = encodePayload(payload, layout, { engine })
  const { epoch, id } = committee
  const statement = {
    commitment: encoded.commitment,
    ...layout,
    payloadBytes: payload.length,
    epoch,
    committee: id,
    expiry: tomorrow(),
  }
  return { statement, encoded, payload }
}

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'taken',
    (error) => (error instanceof ZerogError ? `${error.reason} ${error.metadata.check ?? ''}`.trim() : String(error)),
  )

test('rows that are committed to, but are not the code, are refused by every member that gets one, and stay unsigned', async () => {
  const net = await readingNetwork([committee])
  try {
    const all = crooked(() => true)
    const one = crooked((row) => row === 3)
    for (const coded of [all, one]) {
      const { k } = coded.statement
      const outcomes = new Map<number, string>()
      for (const member of committee.members.keys()) {
        const has = rowsOf(coded, committee, member).some(({ index }) => (coded === all ? index >= k : index === k + 3))
        const put = await refusal(net.nodeAs('da-encoder', member).putRows(putRequests(coded, committee, member)))
        expect([member, put]).toEqual([member, has ? 'ENCODING_INVALID combination' : 'taken'])
        outcomes.set(member, put)
        const sign = net.nodeAs('da-disperser', member).signWindow({ bundles: [encodeStatement(coded.statement)] })
        expect(await refusal(sign)).toBe(has ? 'WRONG_STATE' : 'taken')
      }
      // Every member has parity; a single row has an owner.
      const refused = [...outcomes.values()].filter((outcome) => outcome !== 'taken').length
      if (coded === all) expect(refused).toBe(committee.members.length)
      else expect(refused).toBeGreaterThanOrEqual(1)
    }
  } finally {
    await net.close()
  }
}, 60_000)

test('where all members conspire to certify such a bundle, a reader says whose fault it is instead of giving bytes', async () => {
  const coded = crooked((row) => row % 2 === 0)
  const world = testWorld()
  const contexts = []
  for (const [instance] of committee.members.entries()) {
    contexts.push(await testContext({ module: conspirator(instance, coded, committee), world, instance }))
  }
  const retriever = await testContext({ module: defineDaRetriever(async () => staticCommittees([committee])), world })
  contexts.push(retriever)
  try {
    for (const context of contexts) await context.start()
    const client = world.rpcAs('developer').client(RetrieverServiceDefinition, 'da-retriever')
    const read = () => collect(client.retrieve({ header: headerOf(coded.statement, 0), offset: 0n, length: 0n }))
    expect(await refusal(read())).toMatch(/^ENCODING_INVALID/)
    expect(await refusal(read())).toMatch(/^ENCODING_INVALID/)
  } finally {
    for (const context of contexts.reverse()) await context.close()
  }
}, 60_000)

/** Shows the rows that it was dealt with their right paths, but no original one. */
function conspirator(member: number, coded: Coded, members: Committee) {
  const { methods } = NodeServiceDefinition
  const { commitment, k } = coded.statement
  const rows = rowsOf(coded, members, member).filter(({ index }) => index >= k)
  const refuse = async (): Promise<never> => {
    throw new ZerogError('NOT_FOUND', { message: 'it is not here' })
  }
  const getRows: Endpoint<typeof methods.getRows> = {
    method: methods.getRows,
    allow: ['da-retriever', 'da-node'],
    async *handle({ indexes, all }) {
      const asked = rows.filter(({ index }) => all || indexes.includes(index))
      if (asked.length > 0) yield { rows: asked.map(encodeRow) }
    },
  }
  const getNodeRlc: Endpoint<typeof methods.getNodeRlc> = {
    method: methods.getNodeRlc,
    allow: ['da-retriever', 'da-node'],
    async handle(request) {
      if (Buffer.compare(request.commitment, commitment) !== 0) return refuse()
      const { rlc, rowRoot } = coded.encoded
      return { bundle: encodeStatement(coded.statement), rlc: toWire(rlc), rowRoot: toWire(rowRoot) }
    },
  }
  return defineModule({
    target: 'da-node',
    dependsOn: [],
    config: z.strictObject({}),
    async start({ rpc }) {
      rpc.serve(NodeServiceDefinition, {
        putRows: { method: methods.putRows, allow: ['da-encoder'], handle: refuse },
        signWindow: { method: methods.signWindow, allow: ['da-disperser'], handle: refuse },
        getRows,
        getNodeRlc,
        getStats: { method: methods.getStats, allow: ['da-retriever', 'da-disperser'], handle: refuse },
      })
      return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
    },
  })
}

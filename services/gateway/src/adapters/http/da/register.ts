import { Readable } from 'node:stream'
import type { Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { DisperserServiceDefinition, RetrieverServiceDefinition } from '@zerog/proto/da'
import type { FastifyInstance } from 'fastify'
import { goneOf, registerBlobs } from './blobs.ts'
import type { DaClients } from './clients.ts'
import { DA_LIMITS } from './limits.ts'
import { bundleJson, certificateJson, committeeJson, readCommitment, readIndexes, readInteger, rowFrame } from './wire.ts'

export type DaFaces = {
  /** Path below the gateway's URL. */
  readonly path: string
  readonly status: () => Promise<{ readonly ready: boolean; readonly detail: string }>
}

const PATH = '/da/v1'

/** Registers the REST face of data availability: blobs by id, and what a light client asks for by commitment. */
export function registerDa(app: FastifyInstance, deps: { readonly rpc: Pick<Rpc, 'client'> }): DaFaces {
  const clients: DaClients = {
    disperser: deps.rpc.client(DisperserServiceDefinition, 'da-disperser'),
    retriever: deps.rpc.client(RetrieverServiceDefinition, 'da-retriever'),
  }
  registerBlobs(app, PATH, clients)
  registerBundles(app, clients)
  registerNetwork(app, clients)
  return {
    path: PATH,
    async status() {
      const { committee } = await clients.disperser.getCommittee({}, { timeoutMs: 2000, retriesMax: 0 })
      const count = committee?.members.length ?? 0
      return { ready: count > 0, detail: `epoch ${committee?.epoch ?? 0}, ${count} members` }
    },
  }
}

/** What can be asked of a bundle by its commitment; everything here is checked by whoever asked. */
function registerBundles(app: FastifyInstance, { disperser, retriever }: DaClients): void {
  const named = (request: { readonly params: unknown; readonly query: unknown }) => {
    const { commitment } = request.params as { commitment: string } // the routes have it
    const { epoch } = request.query as Record<string, unknown> // fastify parses it
    return {
      commitment: Buffer.from(readCommitment(commitment)),
      epoch: BigInt(readInteger(epoch, { what: 'epoch', absent: 0 })),
    }
  }

  app.get(`${PATH}/bundles/:commitment/certificate`, async (request, reply) => {
    const answer = await disperser.getCertificate(named(request), { signal: goneOf(reply) })
    return reply.type('application/json').send(JSON.stringify(certificateJson(answer)))
  })

  app.get(`${PATH}/bundles/:commitment/shape`, async (request, reply) => {
    const { bundle } = await retriever.getRlc(named(request), { signal: goneOf(reply) })
    if (bundle === undefined) throw new ZerogError('NOT_FOUND', { message: 'no node knows this commitment' })
    return reply.type('application/json').send(JSON.stringify(bundleJson(bundle)))
  })

  app.get(`${PATH}/bundles/:commitment/rlc`, async (request, reply) => {
    const { rlc } = await retriever.getRlc(named(request), { signal: goneOf(reply) })
    return reply.type('application/octet-stream').send(rlc)
  })

  app.get(`${PATH}/bundles/:commitment/rows`, async (request, reply) => {
    const { indexes } = request.query as Record<string, unknown> // fastify parses it
    const wanted = { ...named(request), indexes: readIndexes(indexes, DA_LIMITS.sampleRowsMax) }
    const signal = goneOf(reply)
    const frames = async function* () {
      for await (const { row, missing } of retriever.sampleRows(wanted, { signal })) {
        if (row !== undefined) yield rowFrame(row)
        for (const index of missing) yield rowFrame({ index, data: Buffer.alloc(0), path: Buffer.alloc(0) })
      }
    }
    return reply.type('application/octet-stream').send(Readable.from(frames(), { objectMode: false, highWaterMark: 1 }))
  })

  app.get(`${PATH}/bundles/:commitment/blobs/:index`, async (request, reply) => {
    const { index } = request.params as { index: string } // the route has it
    const query = request.query as Record<string, unknown> // fastify parses it
    const { commitment, epoch } = named(request)
    const committee = readInteger(query.committee, { what: 'committee', max: 0xffffffff, absent: 0 })
    const quorumId = (BigInt(readInteger(index, { what: 'the index of the blob', max: 65_535 })) << 32n) | BigInt(committee)
    const range = {
      offset: BigInt(readInteger(query.offset, { what: 'offset', absent: 0 })),
      length: BigInt(readInteger(query.length, { what: 'length', absent: 0 })),
    }
    const answers = retriever.retrieve({ header: { commitment, epoch, quorumId }, ...range }, { signal: goneOf(reply) })
    const chunks = async function* () {
      for await (const { chunk } of answers) yield chunk
    }
    return reply.type('application/octet-stream').send(Readable.from(chunks(), { objectMode: false, highWaterMark: 1 }))
  })
}

function registerNetwork(app: FastifyInstance, { disperser }: DaClients): void {
  app.get(`${PATH}/committee`, async (request, reply) => {
    const { epoch } = request.query as Record<string, unknown> // fastify parses it
    const wanted = epoch === undefined ? {} : { epoch: BigInt(readInteger(epoch, { what: 'epoch' })) }
    const { committee } = await disperser.getCommittee(wanted, { signal: goneOf(reply) })
    if (committee === undefined) throw new ZerogError('NOT_FOUND', { message: 'there is no committee of this epoch' })
    return reply.type('application/json').send(JSON.stringify(committeeJson(committee)))
  })

  app.get(`${PATH}/quote`, async (request, reply) => {
    const { sizeBytes, retentionSeconds } = request.query as Record<string, unknown> // fastify parses it
    const quote = await disperser.getQuote(
      {
        sizeBytes: BigInt(readInteger(sizeBytes, { what: 'sizeBytes' })),
        retentionSeconds: readInteger(retentionSeconds, { what: 'retentionSeconds', max: 0xffffffff, absent: 0 }),
      },
      { signal: goneOf(reply) },
    )
    return reply.type('application/json').send(JSON.stringify(quote))
  })
}

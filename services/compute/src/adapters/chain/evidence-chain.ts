import { readHeader } from '@zerog/consensus/light-client'
import type { Client, Rpc } from '@zerog/ports'
import { bytesToBigint, fromHex, isHex, ZerogError } from '@zerog/primitives'
import { ChainServiceDefinition, JsonRpcServiceDefinition } from '@zerog/proto/chain'
import type { EvidenceChain } from '../../app/broker/evidence-ports.ts'

const TIMEOUT_MS = 15_000
/** Bytes of one answer: proofs of some 200 slots stay below 1 MiB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024
/** Slots that one call may name. */
const SLOTS_MAX = 512
/** Targets that answer, the first that runs: as for following the chain. */
const TARGETS = ['chain-rpc', 'chain-validator']

type Ask = (method: string, params: readonly unknown[]) => Promise<unknown>

/** Proofs of the chain by its JSON-RPC, finality by its own service. */
export function evidenceChain(rpc: Rpc): EvidenceChain {
  const target = () => TARGETS.find((name) => rpc.instances(name) > 0) ?? 'chain-validator'
  const service = (): Client<typeof ChainServiceDefinition> => rpc.client(ChainServiceDefinition, target())
  const ask: Ask = (method, params) => askJsonRpc(rpc.client(JsonRpcServiceDefinition, target()), method, params)

  return {
    head: async () => (await service().getHead({})).height,

    async words({ address, slots, height }) {
      const answer = await ask('eth_getStorageValues', [{ [address]: slots }, quantity(height)])
      const words = fieldsOf(answer)[address]
      if (!Array.isArray(words) || words.length !== slots.length) throw malformed('eth_getStorageValues')
      return words.map((word) => bytesToBigint(bytesOf(word, 'eth_getStorageValues')))
    },

    code: async ({ address, height }) => bytesOf(await ask('eth_getCode', [address, quantity(height)]), 'eth_getCode'),

    async proof({ address, slots, height }) {
      const proofs: Uint8Array[][] = []
      for (let at = 0; at === 0 || at < slots.length; at += SLOTS_MAX) {
        const answer = fieldsOf(await ask('eth_getProof', [address, slots.slice(at, at + SLOTS_MAX), quantity(height)]))
        if (!Array.isArray(answer.storageProof)) throw malformed('eth_getProof')
        proofs.push(...[answer.accountProof, ...answer.storageProof.map((slot) => fieldsOf(slot).proof)].map(nodesOf))
      }
      return proofs
    },

    async finality(height) {
      const { headers, certificate, epochLength } = await service().getCertificate({ height })
      const last = headers.at(-1)
      if (last === undefined || certificate.length === 0) throw malformed('GetCertificate')
      // A header names who votes on the next height.
      const { validators } = await service().getCertificate({ height: readHeader(last).height - 1n })
      return { headers, certificate, validators, epochLength }
    },
  }
}

async function askJsonRpc(
  client: Client<typeof JsonRpcServiceDefinition>,
  method: string,
  params: readonly unknown[],
): Promise<unknown> {
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const { chunk } of client.execute({ body, minHeight: 0n }, { timeoutMs: TIMEOUT_MS })) {
    sizeBytes += chunk.length
    if (sizeBytes > ANSWER_BYTES_MAX) throw malformed(method)
    chunks.push(chunk)
  }
  const { result, error } = fieldsOf(parse(Buffer.concat(chunks).toString('utf8'), method))
  if (error === undefined) return result
  throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `the chain refused ${method}: ${String(fieldsOf(error).message).slice(0, 500)}`,
    metadata: { method },
  })
}

function parse(text: string, method: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed(method)
  }
}

const quantity = (height: bigint): string => `0x${height.toString(16)}`

const fieldsOf = (value: unknown) =>
  (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>

function nodesOf(value: unknown): Uint8Array[] {
  if (!Array.isArray(value)) throw malformed('eth_getProof')
  return value.map((node) => bytesOf(node, 'eth_getProof'))
}

function bytesOf(value: unknown, method: string): Uint8Array {
  if (typeof value === 'string' && isHex(value)) return fromHex(value)
  throw malformed(method)
}

function malformed(method: string): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', {
    message: `the chain answered ${method} with something else; check which release it runs`,
    metadata: { method },
  })
}

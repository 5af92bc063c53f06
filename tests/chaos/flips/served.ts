import type { DevnetEndpoints } from '@zerog/cli'
import { verifyProofResponse } from '@zerog/consensus/light-client'
import { type Hex, ZerogError } from '@zerog/primitives'
import { createZerogClient, downloadBytes, gatewayEndpoints, httpTransport } from '@zerog/sdk'
import type { Prng } from '@zerog/sim'
import { numberToHex, pad } from 'viem'
import { describe, type Verdict } from './verdict.ts'

/** What a running devnet answered to a download with proofs and to eth_getProof, byte for byte. */
export type ServedAnswers = {
  readonly root: Hex
  readonly bytes: Uint8Array
  /** Answer texts by request, e.g. `zgs_downloadSegmentWithProofByTxSeq[0,3]`. */
  readonly texts: ReadonlyMap<string, string>
  /** At one height: the devnet's own services send transactions while they run. */
  readonly account: {
    readonly height: Hex
    readonly stateRoot: Hex
    readonly address: Hex
    readonly slots: readonly Hex[]
    readonly text: string
  }
}

const SLOTS = Array.from({ length: 8 }, (_, slot) => pad(numberToHex(slot), { size: 32 }))

export async function captureAnswers(endpoints: DevnetEndpoints, root: Hex): Promise<ServedAnswers> {
  const texts = new Map<string, string>()
  const recording: typeof fetch = async (url, init) => {
    const response = await fetch(url, init)
    const text = await response.text()
    texts.set(nameOf(init), text)
    return new Response(text, { status: response.status })
  }
  const client = clientOver(recording, endpoints.gatewayUrl)
  const bytes = await downloadBytes(client, root)
  const address = endpoints.storage?.flow as Hex // a devnet with storage has a flow contract
  const call = (method: string, ...params: unknown[]) => client.transport.request('rpc', { method, params })
  const { number: height, stateRoot } = (await call('eth_getBlockByNumber', 'latest', false)) as { number: Hex; stateRoot: Hex }
  const text = JSON.stringify(await call('eth_getProof', address, SLOTS, height))
  return { root, bytes, texts, account: { height, stateRoot, address, slots: SLOTS, text } }
}

/** Flips one character of one answer: the client refuses it, or what it hands out is the same. */
export async function judgeAnswer(
  answers: ServedAnswers,
  random: Prng,
): Promise<{ readonly place: string; readonly verdict: Verdict }> {
  return random.chance(0.5) ? judgeSegment(answers, random) : judgeAccount(answers.account, random)
}

async function judgeSegment(answers: ServedAnswers, random: Prng) {
  // The root does not fix what a node says about the file beside it (its length within the padding): only segments and proofs.
  const segments = [...answers.texts.keys()].filter((name) => name.startsWith('zgs_downloadSegment'))
  const name = random.pick(segments)
  const flipped = flipCharacter(answers.texts.get(name) ?? '', random)
  const replay: typeof fetch = async (_url, init) => {
    const asked = nameOf(init)
    return new Response(asked === name ? flipped.text : answers.texts.get(asked))
  }
  const place = `${name}, ${flipped.place}`
  try {
    const bytes = await downloadBytes(clientOver(replay, 'http://replay'), answers.root)
    const same = Buffer.compare(bytes, answers.bytes) === 0
    return {
      place,
      verdict: { kind: same ? 'unchanged' : 'WRONG', detail: same ? '' : 'other bytes were handed out' } satisfies Verdict,
    }
  } catch (error) {
    return { place, verdict: refusal(error) }
  }
}

function judgeAccount({ stateRoot, address, slots, text }: ServedAnswers['account'], random: Prng) {
  const flipped = flipHexDigit(text, random)
  const place = `eth_getProof, ${flipped.place}`
  const proven = (answer: string) => show(verifyProofResponse(stateRoot, { address, slots }, JSON.parse(answer)))
  try {
    const same = proven(flipped.text) === proven(text)
    return {
      place,
      verdict: { kind: same ? 'unchanged' : 'WRONG', detail: same ? '' : 'another account was proven' } satisfies Verdict,
    }
  } catch (error) {
    return { place, verdict: refusal(error) }
  }
}

function refusal(error: unknown): Verdict {
  return error instanceof ZerogError
    ? { kind: 'refused', detail: `${error.reason}: ${error.message}` }
    : { kind: 'WRONG', detail: `no error of the registry: ${describe(error)}` }
}

function clientOver(fetching: typeof fetch, gatewayUrl: string) {
  const endpoints = gatewayEndpoints(gatewayUrl)
  return createZerogClient({ endpoints, transport: httpTransport(endpoints, { fetch: fetching }) })
}

function nameOf(init: RequestInit | undefined): string {
  const { method, params } = JSON.parse(String(init?.body)) as { method: string; params: unknown }
  return method + JSON.stringify(params)
}

function flipCharacter(text: string, random: Prng): { readonly text: string; readonly place: string } {
  const bytes = Buffer.from(text)
  const at = random.below(bytes.length)
  const mask = 1 + random.below(255)
  bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at)
  return { text: bytes.toString(), place: `byte ${at} ^ ${mask}` }
}

/** Inside of a hexadecimal text: the forms around it are the JSON parser's and the decoder's business. */
function flipHexDigit(text: string, random: Prng): { readonly text: string; readonly place: string } {
  const digits = [...text.matchAll(/0x([0-9a-f]+)/g)].flatMap(({ index, 1: hex = '' }) =>
    Array.from({ length: hex.length }, (_, offset) => index + 2 + offset),
  )
  const at = random.pick(digits)
  const digit = (Number.parseInt(text.charAt(at), 16) ^ (1 + random.below(15))).toString(16)
  return { text: text.slice(0, at) + digit + text.slice(at + 1), place: `digit ${at} to ${digit}` }
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part))
}

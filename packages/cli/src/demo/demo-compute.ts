import { writeFile } from 'node:fs/promises'
import { addresses, artifacts } from '@zerog/contracts'
import { assert, ZerogError } from '@zerog/primitives'
import type { ChatAnswer, ZerogClient } from '@zerog/sdk'
import { decodeFunctionResult, encodeFunctionData, type Hex, parseEventLogs } from 'viem'
import { type Limits, mustBe, type Timed } from './step.ts'

const { abi } = artifacts.inferenceServing
/** `SettlementStatus` of the contract. */
const SUCCESS = 0
const POLL_MS = 200

export type ComputeLimits = Limits & {
  readonly apiKey: string
  /** Where evidence of the answer is written. */
  readonly evidenceFile: string
}

/** A question is asked, its answer verified byte by byte, and its fee followed to the chain. */
export async function demoCompute(client: ZerogClient, limits: ComputeLimits, timed: Timed): Promise<void> {
  const { apiKey, signal } = limits
  const inference = addresses({ chainId: BigInt(await client.chainId()) }).inferenceServing
  const { height } = await client.chain.status()
  let answered: { readonly answer: ChatAnswer; readonly user: Hex; readonly provider: Hex; readonly fee: bigint } | undefined

  await timed(async () => {
    const [model] = await client.compute.models({ apiKey, signal })
    mustBe(model !== undefined, 'no provider runs a model')
    const question = 'How do I run the tests?'
    const request = {
      model: model?.id ?? '',
      messages: [{ role: 'user', content: question }],
      maxTokens: 48,
      temperature: 0,
    } as const
    const answer = await client.compute.chat(request, { apiKey, signal })
    const { receipt, checks } = await client.compute.verify(answer, { apiKey, signal })
    mustBe(answer.text.length > 0, 'the answer is empty')
    answered = { answer, user: receipt.user, provider: receipt.provider, fee: receipt.fee }
    return {
      layer: 'compute',
      step: 'ask, verify the receipt',
      id: answer.id,
      detail: `"${answer.text}" (${checks.join(', ')})`,
      fee: receipt.fee,
    }
  })
  assert(answered !== undefined, 'the first step sets the answer')
  const { answer, user, provider, fee } = answered

  await timed(async () => {
    const hash = await settlementOf(client, { inference, user, fromHeight: BigInt(height) + 1n, limits })
    const data = encodeFunctionData({ abi, functionName: 'settlementOf', args: [user, provider] })
    const output = await client.chain.call({ to: inference, data })
    const { claimed, paid } = decodeFunctionResult({ abi, functionName: 'settlementOf', data: output })
    mustBe(claimed === paid && paid >= fee, `${claimed} wei were claimed and ${paid} paid, the answer cost ${fee}`)
    return { layer: 'compute', step: 'watch the settlement', id: hash, detail: `${claimed} wei claimed, ${paid} paid` }
  })

  await timed(async () => {
    const file = await evidenceOf(client, answer, limits)
    return { layer: 'compute', step: 'verify the evidence', id: answer.id, ...file }
  })
}

/**
 * Every link from the bytes of an answer to the validators, with nothing but the hash of their set. A stranger takes it from a node of
 * his own; here it is the one that this network's newest certificate was verified with.
 */
async function evidenceOf(
  client: ZerogClient,
  answer: ChatAnswer,
  { apiKey, signal, timeoutMs, evidenceFile }: ComputeLimits,
): Promise<{ readonly detail: string }> {
  const [{ attachAnswer, verifyEvidence }, { blstMultisignature }, { proveBlock }] = await Promise.all([
    import('@zerog/sdk/verify'),
    import('@zerog/consensus/blst'),
    import('@zerog/sdk/light'),
  ])
  const { validatorSetHash } = await proveBlock(client, 'latest', { multisignature: blstMultisignature, signal })
  const hashes = await client.compute.evidence(answer.id, { apiKey, signal, waitMs: timeoutMs })
  const bytes = attachAnswer(hashes, { request: answer.requestBytes, response: answer.responseBytes })
  await writeFile(evidenceFile, bytes)
  const { links } = verifyEvidence(bytes, { validatorSetHash }, { multisignature: blstMultisignature })
  // An upstream names no model, and a model that costs nothing has no settlement.
  const holds = (state: string) => state === 'proven' || state === 'not-required'
  const unproven = links.filter(({ state }) => !holds(state)).map(({ name, detail }) => `${name}: ${detail}`)
  mustBe(unproven.length === 0, `evidence of the answer: ${unproven.join('; ')}`)
  const proven = links.filter(({ state }) => state === 'proven')
  return {
    detail: `${proven.length} of ${links.length} links proven, ${bytes.length} bytes: zerog verify ${evidenceFile} --trust ${validatorSetHash}`,
  }
}

/** The transaction that settled with the user. */
async function settlementOf(
  client: ZerogClient,
  wanted: { readonly inference: Hex; readonly user: Hex; readonly fromHeight: bigint; readonly limits: Limits },
): Promise<Hex> {
  const { inference, user, fromHeight, limits } = wanted
  const until = Date.now() + limits.timeoutMs
  for (;;) {
    limits.signal.throwIfAborted()
    const logs = await client.chain.logs({ address: inference, fromHeight, toHeight: 'latest' })
    const events = parseEventLogs({ abi, logs, eventName: 'TEESettlementResult' })
    const done = events.find(({ args }) => args.user.toLowerCase() === user.toLowerCase() && args.status === SUCCESS)
    if (done !== undefined) return done.transactionHash
    if (Date.now() > until) {
      throw new ZerogError('DEADLINE_EXCEEDED', {
        message: `the provider did not settle within ${limits.timeoutMs} ms; unsettled fees are kept and settled later`,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

import { artifacts } from '@zerog/contracts'
import { assert, ZerogError } from '@zerog/primitives'
import type { ZerogClient } from '@zerog/sdk'
import {
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  parseEventLogs,
  type TransactionReceipt,
} from 'viem'
import { demoCompute } from './demo-compute.ts'
import { demoDa } from './demo-da.ts'
import { repositoryFiles } from './sources.ts'
import { type DemoStep, type Limits, mustBe, type Timed } from './step.ts'
import { packTar, unpackTar } from './tar.ts'

export type DemoReport = { readonly steps: readonly DemoStep[]; readonly verified: true }

/**
 * Walks a running network on real input: a contract is deployed, called and changed, and the repository's own sources are
 * packed, stored, fetched and compared. Throws at the first thing that is not as it must be.
 */
export async function runDemo(
  client: ZerogClient,
  options: {
    readonly root: string
    readonly withStorage: boolean
    readonly withDa: boolean
    /** A DA node that may be stopped for a while: it is a process of its own, on this machine. */
    readonly daNodeProcess?: number | undefined
    /** Key of the router; absent where there is no compute layer. */
    readonly openaiKey?: string | undefined
    /** Where evidence of the demo's answer is written. */
    readonly evidenceFile: string
    readonly signal: AbortSignal
    readonly timeoutMs: number
    readonly onStep: (step: DemoStep) => void
  },
): Promise<DemoReport> {
  const steps: DemoStep[] = []
  const timed = async (work: () => Promise<Omit<DemoStep, 'ms'>>): Promise<void> => {
    options.signal.throwIfAborted()
    const startedMs = performance.now()
    const done = await work()
    const step = { ...done, ms: Math.round(performance.now() - startedMs) }
    steps.push(step)
    options.onStep(step)
  }
  await demoChain(client, options, timed)
  if (options.withStorage) await demoStorage(client, options, timed)
  if (options.withDa) await demoDa(client, options, timed)
  if (options.openaiKey !== undefined) await demoCompute(client, { ...options, apiKey: options.openaiKey }, timed)
  return { steps, verified: true }
}

async function demoChain(client: ZerogClient, limits: Limits, timed: Timed): Promise<void> {
  const { abi, bytecode } = artifacts.greeter
  let contract: Hex | undefined
  const send = async (to: Hex | undefined, data: Hex): Promise<TransactionReceipt> => {
    const { hash } = await client.chain.send({ data, ...(to === undefined ? {} : { to }), signal: limits.signal })
    return client.chain.waitForReceipt({ hash, signal: limits.signal, timeoutMs: limits.timeoutMs })
  }
  const feeOf = (receipt: TransactionReceipt): bigint => receipt.gasUsed * receipt.effectiveGasPrice

  await timed(async () => {
    const receipt = await send(undefined, encodeDeployData({ abi, bytecode: bytecode as Hex, args: ['Hello'] }))
    contract = receipt.contractAddress ?? undefined
    mustBe(contract !== undefined, 'the deployment made no contract')
    return {
      layer: 'chain',
      step: 'deploy a contract',
      id: contract ?? '',
      detail: `block ${receipt.blockNumber}`,
      fee: feeOf(receipt),
    }
  })
  const to = contract
  assert(to !== undefined, 'the deployment step sets the contract')

  await timed(async () => {
    const output = await client.chain.call({ to, data: encodeFunctionData({ abi, functionName: 'greet', args: ['world'] }) })
    const greeting = decodeFunctionResult({ abi, functionName: 'greet', data: output })
    mustBe(greeting === 'Hello, world!', `the contract answered "${greeting}"`)
    return { layer: 'chain', step: 'call it', id: to, detail: `"${greeting}"` }
  })

  await timed(async () => {
    const text = 'Good morning'
    const receipt = await send(to, encodeFunctionData({ abi, functionName: 'setGreeting', args: [text] }))
    const [event] = parseEventLogs({ abi, logs: receipt.logs, eventName: 'GreetingChanged' })
    mustBe(event?.args.greeting === text, 'the event GreetingChanged is missing or says something else')
    const logs = await client.chain.logs({ address: to, fromHeight: receipt.blockNumber, toHeight: receipt.blockNumber })
    mustBe(logs.length === 1, `eth_getLogs found ${logs.length} events instead of 1`)
    return {
      layer: 'chain',
      step: 'change it, read the event',
      id: receipt.transactionHash,
      detail: `block ${receipt.blockNumber}`,
      fee: feeOf(receipt),
    }
  })

  await timed(async () => {
    const refused = await client.chain
      .send({ to, data: encodeFunctionData({ abi, functionName: 'setGreeting', args: [''] }) })
      .catch((error: unknown) => error)
    mustBe(refused instanceof ZerogError && refused.reason === 'TRANSACTION_REFUSED', 'an empty greeting was not refused')
    return {
      layer: 'chain',
      step: 'be refused with a reason',
      id: to,
      detail: refused instanceof ZerogError ? refused.reason : '',
    }
  })
}

async function demoStorage(client: ZerogClient, limits: Limits, timed: Timed): Promise<void> {
  let archive = new Uint8Array()
  let files = 0
  let root: Hex | undefined

  await timed(async () => {
    const entries = await repositoryFiles(limits.root)
    files = entries.length
    archive = new Uint8Array(packTar(entries))
    root = await client.storage.root(archive)
    return {
      layer: 'storage',
      step: "pack the repository's sources",
      id: root,
      detail: `${files} files, ${archive.length} bytes`,
    }
  })
  const expected = root
  assert(expected !== undefined, 'the packing step sets the root')

  await timed(async () => {
    const done = await client.storage.upload(archive, { signal: limits.signal, timeoutMs: limits.timeoutMs })
    mustBe(done.root === expected, `the upload has root ${done.root}, the archive ${expected}`)
    mustBe(done.finalized, 'the upload is not final')
    const detail =
      done.txHash === undefined ? 'stored already, nothing paid' : `${done.segments.sent} segments, entry ${done.submissionIndex}`
    return {
      layer: 'storage',
      step: 'store them',
      id: done.txHash ?? done.root,
      detail,
      ...(done.txHash === undefined ? {} : { fee: done.fee }),
    }
  })

  await timed(async () => {
    const fetched = await client.storage.downloadBytes(expected, { signal: limits.signal })
    mustBe(Buffer.compare(fetched, archive) === 0, 'the bytes that came back differ from those that were stored')
    const again = await client.storage.root(fetched)
    mustBe(again === expected, `the bytes that came back have root ${again}`)
    mustBe(unpackTar(fetched).length === files, 'the archive that came back has other files')
    return {
      layer: 'storage',
      step: 'fetch and verify them',
      id: expected,
      detail: `${fetched.length} bytes equal, every segment proven`,
    }
  })

  await timed(async () => {
    const start = Math.floor(archive.length / 3)
    const end = Math.min(archive.length, start + 1_000_000)
    const part = await client.storage.downloadBytes(expected, { range: { start, end }, signal: limits.signal })
    mustBe(Buffer.compare(part, archive.subarray(start, end)) === 0, 'a byte range differs')
    return { layer: 'storage', step: 'fetch a range', id: expected, detail: `bytes ${start} to ${end - 1}` }
  })
}

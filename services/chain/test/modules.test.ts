import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { artifacts, greeterAbi } from '@zerog/contracts'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import { ChainServiceDefinition, JsonRpcServiceDefinition, ReplicationServiceDefinition } from '@zerog/proto/chain'
import { testContext, testWorld } from '@zerog/runtime/testing'
import { decodeFunctionResult, encodeDeployData, encodeFunctionData, toEventSelector } from 'viem'
import { chainRpcModule, chainValidatorModule } from '../src/module.ts'
import { account, GWEI, lower, transfer } from './support.ts'

const world = testWorld()
const developer = world.rpcAs('developer')
const validator = developer.client(ChainServiceDefinition, 'chain-validator')
const replica = developer.client(ChainServiceDefinition, 'chain-rpc')
let close: () => Promise<void>

beforeAll(async () => {
  const first = await testContext({ module: chainValidatorModule, config: { chainOnly: true }, world })
  await first.start()
  const second = await testContext({ module: chainRpcModule, config: { chainOnly: true }, world })
  await second.start()
  close = async () => {
    await second.close()
    await first.close()
    expect(first.fatalError()).toBeUndefined()
    expect(second.fatalError()).toBeUndefined()
  }
})
afterAll(() => close())

async function rpc(target: string, method: string, params: unknown[], minHeight = 0n): Promise<{ result?: any; error?: any }> {
  const client = developer.client(JsonRpcServiceDefinition, target)
  const chunks: Uint8Array[] = []
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  for await (const { chunk } of client.execute({ body, minHeight })) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}

describe('validator and replica', () => {
  test('a transaction that a replica takes is in a block that both show alike, with the receipt', async () => {
    const raw = await transfer(1, 0)
    const { result: hash } = await rpc('chain-rpc', 'eth_sendRawTransaction', [toHex(raw)])
    const { height } = await validator.getHead({}).then(async (head) => (head.height > 0n ? head : waitHeight(1n)))
    const ours = await rpc('chain-validator', 'eth_getTransactionReceipt', [hash], height)
    const theirs = await rpc('chain-rpc', 'eth_getTransactionReceipt', [hash], height)
    expect(ours.result.status).toBe('0x1')
    expect(theirs.result).toEqual(ours.result)
    const block = await rpc('chain-validator', 'eth_getBlockByNumber', ['latest', false])
    const copy = await rpc('chain-rpc', 'eth_getBlockByHash', [block.result.hash, false], height)
    expect(copy.result).toEqual(block.result)
  })

  test('geth texts of the pool reach the caller of a replica', async () => {
    const raw = await transfer(1, 0)
    const answer = await rpc('chain-rpc', 'eth_sendRawTransaction', [toHex(raw)])
    expect(answer.error).toMatchObject({ code: -32000, message: 'nonce too low: next nonce 1, tx nonce 0' })
    const { result: pending } = await rpc('chain-rpc', 'eth_getTransactionCount', [account(1).address, 'pending'])
    expect(pending).toBe('0x1')
  })

  test('submitting the same bytes again gives the same hash', async () => {
    const raw = Buffer.from(await transfer(2, 0))
    const first = await validator.submitTransaction({ raw })
    const again = await validator.submitTransaction({ raw })
    expect(again.transactionHash).toEqual(first.transactionHash)
    await expect(validator.submitTransaction({ raw: Buffer.from(await transfer(2, 0, { value: 7n })) })).rejects.toMatchObject({
      reason: expect.stringMatching(/TRANSACTION_REFUSED/),
    })
  })

  test('WatchLogs yields every block without gaps, with the matching logs only, from any height', async () => {
    const before = (await validator.getHead({})).height
    const { abi, bytecode } = artifacts.greeter
    const data = encodeDeployData({ abi, bytecode, args: ['hello'] })
    const fees = {
      type: 'eip1559',
      chainId: 31337,
      gas: 1_500_000n,
      maxFeePerGas: 3n * GWEI,
      maxPriorityFeePerGas: GWEI,
    } as const
    const deployed = await validator.submitTransaction({
      raw: signed(await account(3).signTransaction({ ...fees, nonce: 0, data })),
    })
    const receipt = await receiptOf(toHex(deployed.transactionHash))
    const greeter = receipt.contractAddress as Hex
    const call = encodeFunctionData({ abi: greeterAbi, functionName: 'setGreeting', args: ['hi'] })
    const sent = await validator.submitTransaction({
      raw: signed(await account(3).signTransaction({ ...fees, nonce: 1, to: greeter, data: call })),
    })
    const height = BigInt((await receiptOf(toHex(sent.transactionHash))).blockNumber)

    for (const client of [validator, replica]) {
      const heights: bigint[] = []
      const logs = []
      const stop = new AbortController()
      const filter = { addresses: [Buffer.from(fromHex(greeter))], topics: [] }
      for await (const block of client.watchLogs({ fromHeight: before + 1n, filter }, { signal: stop.signal })) {
        heights.push(block.height)
        logs.push(...block.logs)
        if (block.height >= height) break
      }
      expect(heights).toEqual(Array.from({ length: heights.length }, (_, index) => before + 1n + BigInt(index)))
      const last = logs.at(-1)
      expect(last?.transactionHash).toEqual(sent.transactionHash)
      expect(toHex(last?.transactionFrom as Buffer)).toBe(lower(account(3).address))
      expect(logs.every(({ address }) => toHex(address) === greeter)).toBe(true)
    }
    const event = greeterAbi.find((item) => item.type === 'event')
    expect(event === undefined ? '' : toEventSelector(event)).toMatch(/^0x/)
    const output = await replica.call({
      to: Buffer.from(fromHex(greeter)),
      data: Buffer.from(fromHex(encodeFunctionData({ abi: greeterAbi, functionName: 'greeting' }))),
      height,
    })
    expect(output.result?.$case).toBe('output')
    expect(decodeFunctionResult({ abi: greeterAbi, functionName: 'greeting', data: toHex(output.result?.value as Buffer) })).toBe(
      'hi',
    )
  })

  test('both serve the certificate that the validator made, over gRPC and JSON-RPC alike', async () => {
    const { height } = await validator.getHead({})
    const ours = await validator.getCertificate({ height })
    expect(await validator.getCertificate({})).toEqual(ours)
    for (const target of ['chain-validator', 'chain-rpc']) {
      const { result } = await rpc(target, 'zerog_getCertificate', [`0x${height.toString(16)}`], height)
      expect(await developer.client(ChainServiceDefinition, target).getCertificate({ height })).toEqual(ours)
      expect(result).toEqual({
        number: `0x${height.toString(16)}`,
        hash: toHex(ours.blockHash),
        headers: ours.headers.map((header) => toHex(header)),
        certificate: toHex(ours.certificate),
        validators: toHex(ours.validators),
        epochLength: '0x7080',
      })
      expect((await rpc(target, 'zerog_getCertificate', [`0x${(height + 9n).toString(16)}`])).result).toBeNull()
      expect((await rpc(target, 'zerog_getCertificate', ['earliest'])).result).toMatchObject({ number: '0x0', certificate: null })
    }
    await expect(validator.getCertificate({ height: height + 9n })).rejects.toMatchObject({ reason: 'NOT_FOUND' })
  })

  test('an identity that is not on the list of an RPC is refused', async () => {
    const stranger = world.rpcAs('storage-node')
    const blocks = stranger.client(ReplicationServiceDefinition, 'chain-validator').watchBlocks({ fromHeight: 0n })
    await expect(
      (async () => {
        for await (const _ of blocks) break
      })(),
    ).rejects.toMatchObject({ reason: 'IDENTITY_NOT_ALLOWED' })
    await expect(
      stranger.client(ReplicationServiceDefinition, 'chain-validator').executePending({ body: Buffer.from('{}') }),
    ).rejects.toMatchObject({ reason: 'IDENTITY_NOT_ALLOWED' })
  })
})

function signed(raw: Hex): Buffer {
  return Buffer.from(fromHex(raw))
}

async function waitHeight(height: bigint): Promise<{ height: bigint }> {
  for await (const block of validator.watchLogs({ fromHeight: height, filter: undefined })) return { height: block.height }
  throw new Error('the watch ended')
}

async function receiptOf(hash: Hex): Promise<any> {
  for await (const block of validator.watchLogs({ fromHeight: 1n, filter: undefined })) {
    const { result } = await rpc('chain-validator', 'eth_getTransactionReceipt', [hash], block.height)
    if (result !== null) return result
  }
  throw new Error('the watch ended')
}

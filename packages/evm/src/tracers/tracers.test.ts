import { describe, expect, test } from '@jest/globals'
import type { Hex } from '@zerog/primitives'
import type { ExecutedBlock } from '../executor.ts'
import { environmentOf } from '../header-rules.ts'
import { address, at, contract, signed, testChain } from '../test-chain.ts'

const WORD = (value: number): Hex => `0x${value.toString(16).padStart(64, '0')}`
const push20 = (target: Hex): string => `73${target.slice(2)}`
const ERROR_STRING = `08c379a0${'20'.padStart(64, '0')}${'4'.padStart(64, '0')}${Buffer.from('nope').toString('hex').padEnd(64, '0')}`

/** Stores `data` (hex) at memory 0 and ends with it. */
function endWith(data: string, opcode: 'f3' | 'fd'): string {
  const words = data.match(/.{1,64}/g) ?? []
  const stores = words.map((word, index) => `7f${word.padEnd(64, '0')}60${(32 * index).toString(16).padStart(2, '0')}52`)
  return `${stores.join('')}60${(data.length / 2).toString(16).padStart(2, '0')}5f${opcode}`
}

async function scene() {
  const chain = await testChain({
    // LOG1(topic 7, no data); CALL at(2) with value 1; STATICCALL at(3); DELEGATECALL at(4); SSTORE(1, 2)
    [at(1)]: contract(
      `60075f5fa1` +
        `5f5f5f5f6001${push20(at(2))}61fffff150` +
        `5f5f5f5f${push20(at(3))}61fffffa50` +
        `5f5f5f5f${push20(at(4))}61fffff450` +
        `6002600155` +
        `602a5f5260205ff3`,
      10n,
    ),
    [at(2)]: contract(`60085f5fa1${endWith(ERROR_STRING, 'fd')}`),
    [at(3)]: contract('5f5f5f5f5f60045af15000'),
    [at(4)]: contract('60095f5fa100'),
  })
  const transaction = await signed(0, { nonce: 0, to: at(1), data: '0xa9059cbb0000', gas: 300_000n })
  const { block } = await chain.mine([transaction])
  const trace = async (config: Parameters<typeof chain.executor.trace>[0]['config'], of: ExecutedBlock = block) =>
    (
      await chain.executor.trace({
        stateRoot: chain.genesis.header.stateRoot,
        environment: environmentOf(of.header),
        transactions: of.transactions,
        config,
      })
    )[0]?.result
  return { chain, block, trace, receipt: block.receipts[0] }
}

describe('callTracer', () => {
  test('prints nested frames with geth fields, texts and order', async () => {
    const { trace, receipt } = await scene()
    const frame = (await trace({ tracer: 'callTracer', withLog: true })) as any
    expect(Object.keys(frame)).toEqual(['from', 'gas', 'gasUsed', 'to', 'input', 'output', 'calls', 'logs', 'value', 'type'])
    expect(frame).toMatchObject({
      type: 'CALL',
      from: address(0),
      to: at(1),
      value: '0x0',
      gas: '0x493e0',
      gasUsed: `0x${receipt?.gasUsed.toString(16)}`,
      input: '0xa9059cbb0000',
      output: WORD(42),
      logs: [{ address: at(1), topics: [WORD(7)], data: '0x', position: '0x0', index: '0x0' }],
    })
    const [call, staticCall, delegateCall] = frame.calls
    expect(call).toMatchObject({
      type: 'CALL',
      from: at(1),
      to: at(2),
      value: '0x1',
      gas: `0x${(0xffff + 2_300).toString(16)}`,
      error: 'execution reverted',
      revertReason: 'nope',
      output: `0x${ERROR_STRING}`,
    })
    // The failed frame's log is gone, and with it its place in the count.
    expect(call.logs).toBeUndefined()
    expect(staticCall).toMatchObject({ type: 'STATICCALL', from: at(1), to: at(3), gas: '0xffff' })
    expect('value' in staticCall).toBe(false)
    expect(staticCall.calls).toEqual([
      expect.objectContaining({ type: 'CALL', to: '0x0000000000000000000000000000000000000004' }),
    ])
    expect(delegateCall).toMatchObject({ type: 'DELEGATECALL', from: at(1), to: at(4), value: '0x0' })
    expect(delegateCall.logs).toEqual([{ address: at(1), topics: [WORD(9)], data: '0x', position: '0x0', index: '0x1' }])
  })

  test('onlyTopCall prints one frame', async () => {
    const { trace } = await scene()
    expect(await trace({ tracer: 'callTracer', onlyTopCall: true })).not.toHaveProperty('calls')
  })

  test('a call without funds is a frame although it is never entered', async () => {
    const chain = await testChain({ [at(1)]: contract(`5f5f5f5f6005${push20(at(2))}61fffff15000`) })
    const result = (await chain.executor.traceCall(
      chain.genesis.header.stateRoot,
      chain.next(),
      { to: at(1) },
      { tracer: 'callTracer' },
    )) as any
    expect(result.calls).toEqual([
      {
        from: at(1),
        gas: `0x${(0xffff + 2_300).toString(16)}`,
        gasUsed: '0x0',
        to: at(2),
        input: '0x',
        error: 'insufficient balance for transfer',
        value: '0x5',
        type: 'CALL',
      },
    ])
  })

  test('creations name the new contract, failed ones do not; a destroyed contract is a frame', async () => {
    const chain = await testChain({ [at(1)]: contract(`${push20(at(9))}ff`, 6n) })
    const create = (await chain.executor.traceCall(
      chain.genesis.header.stateRoot,
      chain.next(),
      { from: address(0), data: '0x60015ff3' },
      { tracer: 'callTracer' },
    )) as any
    expect(create).toMatchObject({ type: 'CREATE', output: '0x00', to: expect.stringMatching(/^0x[0-9a-f]{40}$/) })
    const failed = (await chain.executor.traceCall(
      chain.genesis.header.stateRoot,
      chain.next(),
      { from: address(0), data: '0xfe' },
      { tracer: 'callTracer' },
    )) as any
    expect(failed).toMatchObject({ type: 'CREATE', error: 'invalid opcode: INVALID' })
    expect('to' in failed).toBe(false)
    const destroyed = (await chain.executor.traceCall(
      chain.genesis.header.stateRoot,
      chain.next(),
      { to: at(1) },
      { tracer: 'callTracer' },
    )) as any
    expect(destroyed.calls).toEqual([
      { from: at(1), gas: '0x0', gasUsed: '0x0', to: at(9), input: '0x', value: '0x6', type: 'SELFDESTRUCT' },
    ])
  })
})

describe('prestateTracer', () => {
  test('shows what was needed before, and with diffMode what changed', async () => {
    const { trace, block } = await scene()
    const pre = (await trace({ tracer: 'prestateTracer' })) as any
    expect(Object.keys(pre).sort()).toEqual([address(0), at(1), at(2), at(3), at(4)].sort())
    expect(pre[at(1)]).toMatchObject({ balance: '0xa', nonce: 1, storage: { [WORD(1)]: WORD(0) } })
    const diff = (await trace({ tracer: 'prestateTracer', diffMode: true })) as any
    expect(Object.keys(diff)).toEqual(['post', 'pre'])
    expect(diff.post[address(0)]).toMatchObject({ nonce: 1 })
    expect(diff.post[at(1)]).toEqual({ storage: { [WORD(1)]: WORD(2) } })
    expect(diff.pre[at(1)].storage).toBeUndefined()
    expect(diff.post[block.header.beneficiary]).toEqual({ balance: expect.stringMatching(/^0x/) })
    expect(diff.pre[at(2)]).toBeUndefined()
  })
})

describe('struct logger', () => {
  test('prints the steps of a published trace', async () => {
    // execution-apis tests/debug_traceTransaction/trace-contract-call.io: the same creation.
    const code = '60004381526020014681526020014181526020014881526020014481526020013281526020013481526020016000f3'
    const chain = await testChain()
    const call = { from: address(0), data: `0x600d380380600d6000396000f3${code}` as Hex, gas: 1_000_000n }
    const result = (await chain.executor.traceCall(chain.genesis.header.stateRoot, chain.next(), call, {
      tracer: 'structLogger',
      enableMemory: true,
    })) as any
    const start = result.structLogs[0].gas as number
    expect(result).toMatchObject({ failed: false, returnValue: `0x${code}` })
    const memory = [
      '0x6000438152602001468152602001418152602001488152602001448152602001',
      '0x3281526020013481526020016000f30000000000000000000000000000000000',
    ]
    const published = [
      { pc: 0, op: 'PUSH1', gas: 23644, gasCost: 3, depth: 1, stack: [] },
      { pc: 2, op: 'CODESIZE', gas: 23641, gasCost: 2, depth: 1, stack: ['0xd'] },
      { pc: 3, op: 'SUB', gas: 23639, gasCost: 3, depth: 1, stack: ['0xd', '0x3c'] },
      { pc: 4, op: 'DUP1', gas: 23636, gasCost: 3, depth: 1, stack: ['0x2f'] },
      { pc: 5, op: 'PUSH1', gas: 23633, gasCost: 3, depth: 1, stack: ['0x2f', '0x2f'] },
      { pc: 7, op: 'PUSH1', gas: 23630, gasCost: 3, depth: 1, stack: ['0x2f', '0x2f', '0xd'] },
      { pc: 9, op: 'CODECOPY', gas: 23627, gasCost: 15, depth: 1, stack: ['0x2f', '0x2f', '0xd', '0x0'] },
      { pc: 10, op: 'PUSH1', gas: 23612, gasCost: 3, depth: 1, stack: ['0x2f'], memory },
      { pc: 12, op: 'RETURN', gas: 23609, gasCost: 0, depth: 1, stack: ['0x2f', '0x0'], memory },
    ]
    const shifted = result.structLogs.map((log: { gas: number }) => ({ ...log, gas: log.gas - start + 23644 }))
    expect(shifted).toEqual(published)
  })

  test('counts the gas of a call into its cost, snapshots storage and names the fault', async () => {
    const { trace } = await scene()
    const { structLogs } = (await trace({ tracer: 'structLogger' })) as any
    const call = structLogs.find(({ op }: { op: string }) => op === 'CALL')
    // cold account 2,600 + value 9,000 + 65,535 for the callee, whose account exists
    expect(call.gasCost).toBe(2_600 + 9_000 + 0xffff)
    const store = structLogs.find(({ op }: { op: string }) => op === 'SSTORE')
    expect(store.storage).toEqual({ [WORD(1)]: WORD(2) })
    const chain = await testChain({ [at(1)]: contract('5f01') })
    const faulty = (await chain.executor.traceCall(
      chain.genesis.header.stateRoot,
      chain.next(),
      { to: at(1) },
      { tracer: 'structLogger' },
    )) as any
    expect(faulty.structLogs.at(-1)).toMatchObject({ op: 'ADD', error: 'stack underflow (1 <=> 2)' })
    expect(faulty).toMatchObject({ failed: true, returnValue: '0x' })
  })
})

test('a store shows the refund that it brings, as geth counts it', async () => {
  // SSTORE(1, 5); SSTORE(1, 0): back to what it was.
  const chain = await testChain({ [at(1)]: contract('60056001555f60015500') })
  const { structLogs } = (await chain.executor.traceCall(
    chain.genesis.header.stateRoot,
    chain.next(),
    { to: at(1) },
    { tracer: 'structLogger' },
  )) as any
  const stores = structLogs.filter(({ op }: { op: string }) => op === 'SSTORE')
  expect(stores.map(({ refund, gasCost }: { refund?: number; gasCost: number }) => [refund, gasCost])).toEqual([
    [undefined, 22_100],
    [19_900, 100],
  ])
  expect(structLogs.at(-1)).toMatchObject({ op: 'STOP', refund: 19_900 })
})

describe('small tracers', () => {
  test('4byteTracer counts selectors, noopTracer prints nothing', async () => {
    const { trace } = await scene()
    expect(await trace({ tracer: '4byteTracer' })).toEqual({ '0xa9059cbb-2': 1 })
    expect(await trace({ tracer: 'noopTracer' })).toEqual({})
  })

  test('tracing only one transaction runs those before it', async () => {
    const chain = await testChain({ [at(1)]: contract('5f5460010180805f555f5260205ff3') })
    const transactions = [await signed(0, { nonce: 0, to: at(1) }), await signed(1, { nonce: 0, to: at(1) })]
    const { block } = await chain.mine(transactions)
    const [only, ...others] = await chain.executor.trace({
      stateRoot: chain.genesis.header.stateRoot,
      environment: environmentOf(block.header),
      transactions,
      only: 1,
      config: { tracer: 'callTracer' },
    })
    expect(others).toEqual([])
    expect(only?.txHash).toBe(transactions[1]?.hash)
    expect(only?.result).toMatchObject({ output: WORD(2) })
  })
})

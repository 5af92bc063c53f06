import { describe, expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import type { EngineMessage } from '../engine/engine.ts'
import { createZerogEngine } from '../engine/zerog-engine.ts'
import { createNodeStore } from '../state/node-store.ts'
import { createWorldState, NEW_ACCOUNT, stateKey } from '../state/world-state.ts'
import { ENVIRONMENT } from '../test-chain.ts'
import { EMPTY_ROOT } from '../trie/trie.ts'
import { createCodeCache } from './code.ts'
import { Machine, type RunEnvironment } from './machine.ts'
import type { Precompiles } from './precompiles/precompile.ts'
import { precompilesOf } from './precompiles/standard.ts'
import { rulesOf } from './rules.ts'

const SENDER: Hex = `0x${'aa'.repeat(20)}`
const at = (index: number): Hex => `0x${'c0'.repeat(19)}${index.toString(16).padStart(2, '0')}`

const NOTHING = {
  from: SENDER,
  value: 0n,
  data: new Uint8Array(0),
  gas: 1_000_000n,
  gasPrice: 1n,
  baseFeePerGas: 1n,
  accessList: [],
  authorities: [],
  reportsAccesses: false,
} as const

function engineWith(codes: readonly string[], precompiles?: Precompiles) {
  const engine = createZerogEngine({
    fork: 'prague',
    chainId: 31_337n,
    store: createNodeStore(memoryKv()),
    ...(precompiles !== undefined && { precompiles }),
  })
  engine.open(EMPTY_ROOT, { ...ENVIRONMENT, height: 9n })
  engine.state.putAccount(stateKey(SENDER), { ...NEW_ACCOUNT, nonce: 1n, balance: 10n ** 18n })
  for (const [index, code] of codes.entries()) engine.state.putCode(stateKey(at(index)), fromHex(`0x${code}`))
  engine.state.checkpoint()
  return engine
}

async function run(codes: readonly string[], message: Partial<EngineMessage> = {}, precompiles?: Precompiles) {
  const { output, ...rest } = await engineWith(codes, precompiles).run({ ...NOTHING, to: at(0), ...message })
  return { ...rest, output: toHex(output) }
}

describe('outside bytes', () => {
  test('any code, any calldata and any gas end in one of the outcomes of the EVM', async () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    await fc.assert(
      fc.asyncProperty(bytes, bytes, fc.nat(2_000_000), fc.boolean(), async (code, data, gas, creates) => {
        const message = creates ? { to: null, data: code } : { data }
        const ran = await run([Buffer.from(code).toString('hex')], { ...message, gas: BigInt(gas) })
        expect(ran.gasUsed).toBeGreaterThanOrEqual(0n)
        expect(ran.gasUsed).toBeLessThanOrEqual(BigInt(gas))
        const known =
          /^(out of gas|execution reverted|invalid (opcode|jump|code).*|stack (under|limit).*|write protection|return data.*|max (code|initcode).*|contract (address|creation).*)$/
        if (ran.error !== undefined) expect(ran.error).toMatch(known)
        if (ran.error !== undefined && ran.error !== 'execution reverted') expect(ran.gasUsed).toBe(BigInt(gas))
      }),
      { numRuns: 300 },
    )
  })

  test('every precompile takes any input', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 0x11 }), fc.uint8Array({ maxLength: 600 }), async (number, data) => {
        const ran = await run([], { to: `0x${number.toString(16).padStart(40, '0')}`, data, gas: 300_000n })
        expect(ran.gasUsed).toBeLessThanOrEqual(300_000n)
        expect(typeof ran.output).toBe('string')
      }),
      { numRuns: 300 },
    )
  })
})

describe('gas', () => {
  // Blocks of operations are paid at their start; whatever the gas, the same must come out as operation by operation.
  test('less than enough fails with the same words and cost whether blocks or single operations are paid', async () => {
    const code = '5f5b60010180600314601057600156fe5b5f5260205f20805f5560205ff3'
    const enough = await run([code], { gas: 100_000n })
    expect(enough.error).toBeUndefined()
    for (let gas = enough.gasUsed - 400n; gas <= enough.gasUsed + 1n; gas++) {
      const blocks = await run([code], { gas })
      const engine = engineWith([code])
      engine.listen({ step: () => undefined })
      const { output, ...steps } = await engine.run({ ...NOTHING, to: at(0), gas })
      expect(blocks).toEqual({ ...steps, output: toHex(output) })
    }
  })

  test('GAS, SSTORE and calls see what is left to the unit', async () => {
    // GAS; GAS; both returned: the second is 2 less.
    expect((await run(['5a5a5f5260205260405ff3'], { gas: 1_000n })).output).toBe(
      toHex(Uint8Array.from([...word(996), ...word(998)])),
    )
  })
})

function word(value: number): number[] {
  return [...new Uint8Array(30), value >> 8, value & 0xff]
}

describe('frames', () => {
  test('go 1,024 deep, and further calls fail without their gas', async () => {
    // Calldata counts the depth: call self with one more; return what that returned, else the own number.
    const self = at(0).slice(2)
    const body = `5f356001015f5260205f60205f5f73${self}5af15060205ff3`
    const deep = await run([body], { gas: 1n << 50n })
    expect(deep.error).toBeUndefined()
    expect(BigInt(deep.output)).toBe(1_025n)
  })

  test('take back what they did: storage, logs, refunds, transient storage and warmth', async () => {
    // The inner contract stores 1 at 0 for good and for the transaction, logs, and reverts; the outer one returns what it then finds.
    const inner = '60015f5560015f5d5f5fa05f5ffd'
    const outer = `5f5f5f5f5f73${at(1).slice(2)}61fffff1505f545f525f5c60205260405ff3`
    const ran = await run([outer, inner])
    expect(ran).toMatchObject({ error: undefined, logs: [], refund: 0n, output: `0x${'00'.repeat(64)}` })
    // The slot of the outer contract is cold: 2,100; so is the inner account, 2,600, which keeps its warmth.
    const again = await run([outer.replace('505f54', `5073${at(1).slice(2)}31505f54`), inner])
    expect(again.gasUsed - ran.gasUsed).toBe(3n + 100n + 2n)
  })
})

test('init code that begins with 0xef00 is run, and its undefined operation takes the gas that it was given', async () => {
  // MSTORE8(0, 0xef); CREATE of two bytes; return the result and what is left.
  const ran = await run(['60ef5f5360025f5ff05f525a60205260405ff3'], { gas: 1_000_000n })
  expect(ran.output.slice(0, 66)).toBe(`0x${'00'.repeat(32)}`)
  expect(Number(`0x${ran.output.slice(66)}`)).toBeLessThan(1_000_000 / 64)
})

describe('a pause', () => {
  test('changes nothing: a run in a thousand pieces is the run in one', () => {
    const once = machineRun(Number.POSITIVE_INFINITY)
    const pieces = machineRun(0)
    expect(once.pauses).toBe(0)
    expect(pieces.pauses).toBeGreaterThan(20)
    expect(pieces.outcome).toEqual(once.outcome)
    expect(BigInt(toHex(once.outcome?.output as Uint8Array))).toBe(600_000n)
  })
})

/** Counts to 600,000 in two frames, one third of it in each call of the inner one. */
function machineRun(deadlineMs: number) {
  const state = createWorldState(createNodeStore(memoryKv()))
  state.open(EMPTY_ROOT)
  const count = '5f5b6001018062030d4011600157' // to 200,000
  state.putCode(stateKey(at(1)), fromHex(`0x${count}5f5260205ff3`))
  const call = `60205f5f5f73${at(1).slice(2)}5afa505f5101`
  state.putCode(stateKey(at(0)), fromHex(`0x5f${call}${call}${call}5f5260205ff3`))
  state.checkpoint()
  const rules = rulesOf('prague')
  const machine = new Machine({ state, rules, precompiles: precompilesOf(rules), codes: createCodeCache() })
  machine.environment = { ...machine.environment, origin: stateKey(SENDER) } satisfies RunEnvironment
  machine.substate.reset(false)
  machine.startCall({ caller: stateKey(SENDER), address: stateKey(at(0)), value: 0n, gas: 100_000_000, input: new Uint8Array(0) })
  let pauses = 0
  while (!machine.run(deadlineMs)) pauses += 1
  return { outcome: machine.outcome, pauses }
}

describe('a precompile of an installation', () => {
  const key = stateKey(at(0x77))
  const doubled: Precompiles = new Map([
    [
      key,
      {
        gas: () => 500,
        run: (input: Uint8Array) => (input.length === 0 ? 'nothing to double' : Uint8Array.from([...input, ...input])),
      },
    ],
  ])

  test('is called like a contract, costs what it says, is warm, and may refuse', async () => {
    const ran = await run([], { to: at(0x77), data: Uint8Array.of(1, 2) }, doubled)
    expect(ran).toMatchObject({ output: '0x01020102', gasUsed: 500n, error: undefined })
    expect(await run([], { to: at(0x77), gas: 499n, data: Uint8Array.of(1) }, doubled)).toMatchObject({ error: 'out of gas' })
    expect(await run([], { to: at(0x77) }, doubled)).toMatchObject({ error: 'nothing to double', gasUsed: NOTHING.gas })
    // STATICCALL: 100 for a warm account, 500, and 21 for the pushes around it.
    const caller = `5f5f60015f73${at(0x77).slice(2)}5afa00`
    expect((await run([caller], {}, doubled)).gasUsed).toBe(100n + 500n + 2n + 2n + 3n + 2n + 3n + 2n + 3n)
  })

  test('may load something first', async () => {
    let loaded = false
    const load = async (): Promise<void> => {
      await new Promise<void>((resolve) => setImmediate(resolve))
      loaded = true
    }
    const slow: Precompiles = new Map([
      [key, { gas: () => 1, run: () => (loaded ? Uint8Array.of(7) : 'not loaded'), ready: () => (loaded ? undefined : load()) }],
    ])
    const caller = `60205f5f5f5f73${at(0x77).slice(2)}5af13d5f5f3e3d5ff3`
    expect(await run([caller], {}, slow)).toMatchObject({ output: '0x07', error: undefined })
    loaded = false
    const engine = engineWith([caller], slow)
    const names: string[] = []
    engine.listen({ step: ({ name }) => void names.push(name) })
    expect(toHex((await engine.run({ ...NOTHING, to: at(0) })).output)).toBe('0x07')
    // The call that had to wait is seen once.
    expect(names.filter((name) => name === 'CALL')).toEqual(['CALL'])
  })
})

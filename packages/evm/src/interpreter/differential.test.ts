import { describe, expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import type { EngineName } from '../engine/engine.ts'
import { loadEngine } from '../engine/load-engine.ts'
import { createNodeStore } from '../state/node-store.ts'
import { NEW_ACCOUNT, stateKey } from '../state/world-state.ts'
import { ENVIRONMENT } from '../test-chain.ts'
import { EMPTY_ROOT } from '../trie/trie.ts'

const SEED = Number(process.env.ZEROG_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const CASES = process.env.ZEROG_TEST_LONG === '1' ? 20_000 : 400

/** mulberry32 */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const SENDER: Hex = `0x${'aa'.repeat(20)}`
const contractAt = (index: number): Hex => `0x${'c0'.repeat(19)}0${index}`
const CONTRACTS = 4

type Random = (below: number) => number

const hexByte = (value: number): string => value.toString(16).padStart(2, '0')

/** Words at which arithmetic turns. */
function anyWord(random: Random): string {
  switch (random(7)) {
    case 0:
      return 'ff'.repeat(1 + random(32))
    case 1:
      return `80${'00'.repeat(random(32))}`
    case 2:
      return Array.from({ length: 1 + random(32) }, () => hexByte(random(256))).join('')
    case 3:
      return `7f${'ff'.repeat(random(32))}`
    case 4:
      return `01${'00'.repeat(random(9))}`
    default:
      return hexByte(random(3) === 0 ? random(256) : random(5))
  }
}

/** What an argument may be: any word, memory offset or length (rarely huge), address, storage slot, gas, a word that is mostly zero. */
const ARGUMENTS: Readonly<Record<string, (random: Random) => string>> = {
  w: anyWord,
  o: (random) => (random(200) === 0 ? anyWord(random) : hexByte(random(100))),
  a: (random) => (random(3) === 0 ? hexByte(1 + random(0x12)) : contractAt(random(CONTRACTS)).slice(2)),
  s: (random) => hexByte(random(3)),
  g: (random) => (random(5) === 0 ? anyWord(random) : `00${hexByte(random(256))}ff`),
  v: (random) => (random(4) === 0 ? '01' : '00'),
}

/** Arguments from the top of the stack down, and the opcodes that take them. */
const ACTIONS: readonly (readonly [kinds: string, opcodes: readonly number[]])[] = [
  [
    'ww',
    [
      0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1a, 0x1b, 0x1c,
      0x1d,
    ],
  ],
  ['sw', [0x0a, 0x0b, 0x1a, 0x1b, 0x1c, 0x1d]],
  ['www', [0x08, 0x09]],
  ['w', [0x15, 0x19, 0x35, 0x40, 0x49, 0x50]],
  [
    '',
    [
      0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a, 0x3d, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x4a, 0x58, 0x59, 0x5a,
      0x5b,
    ],
  ],
  ['oo', [0x20, 0xa0]],
  ['oow', [0xa1]],
  ['oowwww', [0xa4]],
  ['a', [0x31, 0x3b, 0x3f]],
  ['aooo', [0x3c]],
  ['ooo', [0x37, 0x39, 0x5e]],
  ['o', [0x51]],
  ['ow', [0x52, 0x52, 0x53]],
  ['s', [0x54, 0x5c]],
  ['sw', [0x55, 0x55, 0x5d]],
  ['sv', [0x55, 0x5d]],
  ['gavoooo', [0xf1, 0xf1, 0xf2]],
  ['gaoooo', [0xf4, 0xf4, 0xfa]],
  ['voo', [0xf0]],
  ['voos', [0xf5]],
]

/** Code whose operations mostly have what they take; what they leave piles up. */
function code(random: Random): string {
  let out = ''
  const push = (kind: string): void => {
    const bytes = (ARGUMENTS[kind] as (random: Random) => string)(random).slice(0, 64)
    out += hexByte(0x5f + bytes.length / 2) + bytes
  }
  for (let step = 0, steps = 4 + random(40); step < steps; step++) {
    const kind = random(30)
    if (kind === 0) {
      // A jump over a byte, rarely into it, with or without a condition.
      const conditional = random(2) === 0
      if (conditional) out += `60${hexByte(random(2))}`
      const target = out.length / 2 + 4 + (random(30) === 0 ? 1 : 0)
      if (target < 256) out += `60${hexByte(target)}${conditional ? '57' : '56'}${random(2) === 0 ? 'fe' : '60'}5b`
    } else if (kind === 1) out += `5f5f${hexByte(0x80 + random(2))}${hexByte(0x90 + random(2))}`
    else if (kind === 2)
      out +=
        random(9) === 0 ? hexByte(0x80 + random(32)) : `36305860203580${hexByte(0x80 + random(5))}${hexByte(0x90 + random(5))}`
    else if (kind === 3 && random(12) === 0) out += hexByte(random(256))
    else if (kind === 4) {
      // Memory gets the code itself, for creations.
      out += '60505f5f39'
    } else if (kind === 5) out += random(20) === 0 ? '60205f5f3e' : '3d5f5f3e'
    else {
      const [kinds, opcodes] = ACTIONS[random(ACTIONS.length)] as (typeof ACTIONS)[number]
      for (const argument of [...kinds].reverse()) push(argument)
      out += hexByte(opcodes[random(opcodes.length)] as number)
    }
  }
  return out + ['00', '60205ff3', '60405ffd', '', 'fe', '60605ff3', '33ff', '30ff', '60205ff3', ''][random(10)]
}

type Scene = {
  readonly codes: readonly string[]
  readonly data: Hex
  readonly gas: bigint
  readonly to: Hex | null
  readonly value: bigint
}

function sceneOf(seed: number): Scene {
  const random = randomFrom(seed)
  const codes = Array.from({ length: CONTRACTS }, (_, index) =>
    index === 3 && random(4) === 0 ? `ef0100${contractAt(random(3)).slice(2)}` : code(random),
  )
  const creation = random(6) === 0
  return {
    codes,
    data: creation ? `0x${code(random)}` : `0x${'5b'.repeat(random(70))}`,
    gas: BigInt([700, 20_000, 100_000, 300_000, 3_000_000, 3_000_000][random(6)] as number) + BigInt(random(500)),
    to: creation ? null : contractAt(0),
    value: BigInt(random(3)),
  }
}

async function outcome(name: EngineName, { codes, data, gas, to, value }: Scene): Promise<unknown> {
  const create = await loadEngine(name)
  const engine = create({ fork: 'prague', chainId: 31_337n, store: createNodeStore(memoryKv()) })
  const { state } = engine
  engine.open(EMPTY_ROOT, { ...ENVIRONMENT, height: 300n })
  state.putAccount(stateKey(SENDER), { ...NEW_ACCOUNT, nonce: 1n, balance: 10n ** 18n })
  for (const [index, body] of codes.entries()) {
    const key = stateKey(contractAt(index))
    state.putAccount(key, { ...NEW_ACCOUNT, nonce: 1n, balance: BigInt(index) })
    if (body.length > 0) state.putCode(key, fromHex(`0x${body}`))
    state.putStorage(key, '\0'.repeat(31).concat('\x01'), Uint8Array.of(index))
  }
  state.endTransaction()
  state.checkpoint()
  const ran = await engine.run({
    from: SENDER,
    to,
    value,
    data: fromHex(data),
    gas,
    gasPrice: 1n,
    baseFeePerGas: 1n,
    accessList: [],
    authorities: [],
    reportsAccesses: false,
  })
  for (const address of ran.destroyed) state.deleteAccount(address)
  state.commit()
  state.endTransaction()
  const error = ran.error === undefined || ran.error === 'execution reverted' ? ran.error : 'failed'
  return { ...ran, output: toHex(ran.output), error, accesses: [], root: toHex(state.seal().root) }
}

describe('random code', () => {
  test(`does the same as with @ethereumjs/evm: gas, refund, output, logs, state (${CASES} cases, seed ${SEED})`, async () => {
    let failed = 0
    for (let index = 0; index < CASES; index++) {
      const scene = sceneOf(SEED + index)
      const [ours, theirs] = [await outcome('zerog', scene), await outcome('ethereumjs', scene)]
      expect({ seed: SEED + index, scene, ran: ours }).toEqual({ seed: SEED + index, scene, ran: theirs })
      if ((ours as { error?: string }).error !== undefined) failed += 1
    }
    // Code that only fails would compare nothing.
    expect(failed).toBeLessThan(0.9 * CASES)
  }, 3_600_000)

  // What a revert in a constructor carries may begin with any byte, and so may init code (EIP-3541 is about code that is deployed).
  test.each([
    ['CREATE of init code 0xef00', '61ef005f526002601e5ff05a'],
    ['CREATE2 of init code 0xef00', '61ef005f5260016002601e5ff55a'],
    ['CREATE2 of init code 0xef00 in a static call', `60205f5f5f73${contractAt(1).slice(2)}5afa5a`],
    ['a creation that reverts with 0xef', '6960ef5f5360015ffd00005f52600a60165ff05a3d5f5f3e5f51'],
    ['a creation that returns 0xef', '6960ef5f5360015ff300005f52600a60165ff05a3d5f5f3e5f51'],
  ])('%s is what it is in @ethereumjs/evm with its two corrections', async (_what, code) => {
    const inner = '61ef005f5260016002601e5ff55f5260205ff3'
    const scene = { codes: [`${code}5f5260205ff3`, inner], data: '0x', gas: 1_000_000n, to: contractAt(0), value: 0n } as const
    const [ours, theirs] = [await outcome('zerog', scene), await outcome('ethereumjs', scene)]
    expect(ours).toEqual(theirs)
    expect(ours).toMatchObject({ error: undefined })
  })
})

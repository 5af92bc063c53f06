import { readFileSync } from 'node:fs'
import { NobleBLS } from '@ethereumjs/evm'
import { describe, expect, test } from '@jest/globals'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { memoryKv } from '@zerog/adapters'
import { bigintToBytes, bytesToBigint, concatBytes, fromHex, type Hex, toHex } from '@zerog/primitives'
import { chainBls, isBlsLoaded, isBlsPrecompile, loadBls } from './engine/bls.ts'
import type { EngineName } from './engine/engine.ts'
import { loadEngine } from './engine/load-engine.ts'
import { createNodeStore } from './state/node-store.ts'
import { NEW_ACCOUNT, stateKey } from './state/world-state.ts'
import { EMPTY_ROOT } from './trie/trie.ts'

type Case = { name: string; address: Hex; input: Hex; expected?: Hex; gas?: number; error?: string }
const PATH = new URL('../../../tests/vectors/eip-2537.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(PATH, 'utf8')) as { cases: Case[] }

/** Runs a precompile as a transaction would reach it; with `code`, a contract that is called instead. */
async function run(address: Hex, input: Uint8Array, code?: Hex, name: EngineName = 'zerog') {
  const create = await loadEngine(name)
  const engine = create({ fork: 'prague', chainId: 31_337n, store: createNodeStore(memoryKv()) })
  engine.open(EMPTY_ROOT, {
    height: 1n,
    parentHash: `0x${'00'.repeat(32)}`,
    timestampSeconds: 1n,
    gasLimit: 60_000_000n,
    baseFeePerGas: 1n,
    beneficiary: `0x${'00'.repeat(20)}`,
    prevRandao: `0x${'00'.repeat(32)}`,
    extraData: '0x',
  })
  if (code !== undefined) {
    engine.state.putAccount(stateKey(address), NEW_ACCOUNT)
    engine.state.putCode(stateKey(address), fromHex(code))
  }
  engine.state.checkpoint()
  const { output, gasUsed, error } = await engine.run({
    from: `0x${'00'.repeat(20)}`,
    to: toHex(bigintToBytes(BigInt(address), 20)),
    value: 0n,
    data: input,
    gas: 10_000_000n,
    gasPrice: 0n,
    baseFeePerGas: 0n,
    accessList: [],
    authorities: [],
    reportsAccesses: false,
  })
  return { output: toHex(output), gas: Number(gasUsed), error }
}

describe('the precompiles of EIP-2537', () => {
  // The first test of this file: nothing has loaded the curve yet.
  test('load the curve when a contract reaches them first, by any kind of call', async () => {
    expect(isBlsLoaded()).toBe(false)
    const contract = `0x${'c0'.repeat(20)}` as const
    // Infinity plus infinity by the opcode; returns whether the call succeeded. CALL and CALLCODE also take a value.
    const sum = (opcode: string, value: string) => `0x60805f6101005f${value}600b620186a0${opcode}5f5260205ff3` as const
    const kinds = [sum('f4', ''), sum('fa', ''), sum('f1', '5f'), sum('f2', '5f')]
    for (const code of kinds) expect(BigInt((await run(contract, new Uint8Array(0), code)).output)).toBe(1n)
    expect(isBlsLoaded()).toBe(true)
  })

  test(`give the published outputs and gas, and refuse what must be refused (${cases.length} cases)`, async () => {
    const wrong: unknown[] = []
    for (const { name, address, input, expected, gas, error } of cases) {
      const found = await run(address, fromHex(input))
      const right =
        error === undefined
          ? found.output === expected && found.gas === gas && found.error === undefined
          : found.error !== undefined
      if (!right) wrong.push({ name, found })
    }
    expect(wrong).toEqual([])
    expect(cases.filter(({ error }) => error !== undefined).length).toBeGreaterThan(40)
    expect(new Set(cases.map(({ address }) => address)).size).toBe(7)
  })

  test('are found at their addresses and no others', () => {
    const at = (last: number, first = 0) => isBlsPrecompile(bigintToBytes((BigInt(first) << 152n) | BigInt(last), 20))
    expect(Array.from({ length: 256 }, (_, last) => last).filter((last) => at(last))).toEqual([11, 12, 13, 14, 15, 16, 17])
    expect(at(0x0b, 1)).toBe(false)
  })

  test('agree with noble on sums, products, maps and pairings of arbitrary inputs, also at infinity and outside of the subgroup', async () => {
    await loadBls()
    const noble = new NobleBLS()
    const state = { value: 7n }
    const random = (bits: bigint): bigint => {
      state.value = (state.value * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % (1n << 512n)
      return (state.value >> 7n) % (1n << bits)
    }
    const fp = (): Uint8Array => bigintToBytes(random(380n), 64)
    const g1 = (): Uint8Array => chainBls.mapFPtoG1(fp())
    const g2 = (): Uint8Array => chainBls.mapFP2toG2(concatBytes(fp(), fp()))
    const scalars = [0n, 1n, bls12_381.fields.Fr.ORDER, bls12_381.fields.Fr.ORDER - 1n, (1n << 256n) - 1n, random(256n)]
    const same = (name: 'addG1' | 'addG2' | 'msmG1' | 'msmG2' | 'pairingCheck' | 'mapFPtoG1' | 'mapFP2toG2', input: Uint8Array) =>
      expect([name, toHex(chainBls[name](input))]).toEqual([name, toHex(noble[name](input))])
    const zero1 = new Uint8Array(128)
    const zero2 = new Uint8Array(256)
    const [a, b] = [g1(), g1()]
    const [c, d] = [g2(), g2()]
    for (let round = 0; round < 3; round++) {
      same('mapFPtoG1', fp())
      same('mapFP2toG2', concatBytes(fp(), fp()))
    }
    for (const other of [a, b, zero1, negated(a, 128)]) same('addG1', concatBytes(a, other))
    for (const other of [c, d, zero2, negated(c, 256)]) same('addG2', concatBytes(c, other))
    // On the curve, but not in the subgroup: sums are defined, products and pairings are not.
    const stray = strayG1()
    same('addG1', concatBytes(stray, a))
    expect(() => chainBls.msmG1(concatBytes(stray, bigintToBytes(1n, 32)))).toThrow()
    expect(() => chainBls.pairingCheck(concatBytes(stray, c))).toThrow()
    // The library's single product and its batches take different ways.
    for (const scalar of scalars) {
      same('msmG1', concatBytes(a, bigintToBytes(scalar, 32)))
      same('msmG2', concatBytes(c, bigintToBytes(scalar, 32)))
    }
    same('msmG1', concatBytes(...scalars.flatMap((scalar, index) => [index === 2 ? zero1 : g1(), bigintToBytes(scalar, 32)])))
    same('msmG2', concatBytes(...scalars.flatMap((scalar, index) => [index === 2 ? zero2 : g2(), bigintToBytes(scalar, 32)])))
    same('msmG1', concatBytes(...Array.from({ length: 40 }, () => [g1(), bigintToBytes(random(256n), 32)]).flat()))
    same('msmG1', concatBytes(zero1, bigintToBytes(5n, 32), a, new Uint8Array(32)))
    same('pairingCheck', concatBytes(a, c, negated(a, 128), c))
    same('pairingCheck', concatBytes(a, c, b, d))
    same('pairingCheck', concatBytes(a, zero2, zero1, c))
    same('pairingCheck', concatBytes(a, c, zero1, d))
  })

  test('take more terms than mcl takes at once', async () => {
    await loadBls()
    const one = bigintToBytes(1n, 32)
    const [a, c] = [
      chainBls.mapFPtoG1(bigintToBytes(3n, 64)),
      chainBls.mapFP2toG2(concatBytes(bigintToBytes(3n, 64), bigintToBytes(4n, 64))),
    ]
    const times = (point: Uint8Array, count: number) => concatBytes(...Array.from({ length: count }, () => [point, one]).flat())
    expect(chainBls.msmG1(times(a, 300))).toEqual(chainBls.msmG1(concatBytes(a, bigintToBytes(300n, 32))))
    expect(chainBls.msmG2(times(c, 300))).toEqual(chainBls.msmG2(concatBytes(c, bigintToBytes(300n, 32))))
  })
})

const P = bls12_381.fields.Fp.ORDER

/** -P of an encoded point: every coordinate of y. */
function negated(point: Uint8Array, length: 128 | 256): Uint8Array {
  const out = point.slice()
  for (let offset = length / 2; offset < length; offset += 64) {
    const y = bytesToBigint(out.subarray(offset, offset + 64))
    out.set(bigintToBytes(y === 0n ? 0n : P - y, 64), offset)
  }
  return out
}

function strayG1(): Uint8Array {
  const { Fp } = bls12_381.fields
  for (let x = 1n; ; x++) {
    const square = Fp.add(Fp.mul(Fp.mul(x, x), x), 4n)
    if (Fp.pow(square, (P - 1n) / 2n) !== 1n) continue
    const point = bls12_381.G1.Point.fromAffine({ x, y: Fp.sqrt(square) })
    if (!point.isTorsionFree()) return concatBytes(bigintToBytes(x, 64), bigintToBytes(point.toAffine().y, 64))
  }
}

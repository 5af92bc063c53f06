import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from '@jest/globals'
import { blstMultisignature } from '@zerog/consensus/blst'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import { encodeEvidence, encodeLineage, lineageHash, type Trust, verifyBundle } from '../src/index.ts'
import { MUTATIONS } from './mutations.ts'
import { createWorld } from './world.ts'

const PATH = new URL('../../../tests/vectors/evidence.json', import.meta.url)
const lineage = {
  modelRoot: `0x${'a3'.repeat(32)}`,
  baseRoot: `0x${'00'.repeat(32)}`,
  datasetRoot: `0x${'d1'.repeat(32)}`,
  taskRoot: `0x${'d2'.repeat(32)}`,
  provider: `0x${'02'.repeat(20)}`,
  finishedAt: 1_790_000_000n,
} as const

type Vectors = {
  trust: Record<string, unknown>
  bundle: Hex
  links: { name: string; state: string }[]
  mutants: { field: string; at: number; xor: number; broken: string[] }[]
  lineage: { encoded: Hex; hash: Hex }
}

let made: Vectors
beforeAll(async () => {
  const options = {
    seed: 'vector',
    steps: 1,
    headers: 2,
    lineage: true,
    carry: true,
    receipts: 12,
    paidPercent: 60n,
    accounts: 9,
  }
  const world = await createWorld(options)
  const evidence = await world.evidence(4, true)
  const bytes = encodeEvidence(evidence)
  const verify = (input: Uint8Array) => verifyBundle(input, world.trust, { multisignature: blstMultisignature }).links
  // Mutations that change one byte of the encoding, so that another implementation can repeat them.
  const mutants = MUTATIONS.flatMap(({ field, change }) => {
    const changed = encodeEvidence(change(evidence))
    if (changed.length !== bytes.length) return []
    const places = [...bytes.keys()].filter((at) => bytes[at] !== changed[at])
    const at = places[0]
    if (places.length !== 1 || at === undefined) return []
    const broken = verify(changed).flatMap(({ ok, name }) => (ok ? [] : [name]))
    return [{ field, at, xor: (bytes[at] as number) ^ (changed[at] as number), broken }]
  })
  const encoded = encodeLineage(lineage)
  made = {
    trust: JSON.parse(JSON.stringify(world.trust, (_, value) => (typeof value === 'bigint' ? String(value) : value))),
    bundle: toHex(bytes),
    links: verify(bytes).map(({ name, state }) => ({ name, state })),
    mutants,
    lineage: { encoded: toHex(encoded), hash: lineageHash(encoded) },
  }
})

test('golden bytes are what they were (ZEROG_WRITE_VECTORS=1 writes them)', () => {
  if (process.env.ZEROG_WRITE_VECTORS === '1') writeFileSync(PATH, `${JSON.stringify(made, null, 1)}\n`)
  expect(made.mutants.length).toBeGreaterThan(25)
  expect(made).toEqual(JSON.parse(readFileSync(PATH, 'utf8')))
})

test('the published bundle verifies, and each published mutant breaks the links that are named', () => {
  const { trust: text, bundle, links, mutants } = JSON.parse(readFileSync(PATH, 'utf8')) as Vectors
  const trust = {
    ...text,
    chainId: BigInt(text.chainId as string),
    epoch: BigInt(text.epoch as string),
    epochLength: BigInt(text.epochLength as string),
  } as Trust
  const bytes = fromHex(bundle)
  const verify = (input: Uint8Array) => verifyBundle(input, trust, { multisignature: blstMultisignature }).links
  expect(verify(bytes).map(({ name, state }) => ({ name, state }))).toEqual(links)
  for (const { at, xor, broken } of mutants) {
    const names = verify(bytes.with(at, (bytes[at] as number) ^ xor)).flatMap(({ ok, name }) => (ok ? [] : [name]))
    expect(names).toEqual(broken)
  }
})

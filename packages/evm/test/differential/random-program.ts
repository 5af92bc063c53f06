import type { Prng } from '@zerog/sim'
import { precompileInput, QUICK_PRECOMPILES, SLOW_PRECOMPILES } from './precompile-inputs.ts'
import { CREATED_SLOT, type Creation, type Item } from './program.ts'
import { bytesToHex, EDGE_WORDS, push, storeBytes } from './words.ts'

/** Whom a program may call, look at or pay: addresses, hex without prefix. */
export type Pool = { readonly addresses: readonly string[]; readonly slowPrecompiles: boolean }

const STEPS_MAX = 22

/** A program that mostly does something, and now and then the wrong thing. */
export function randomProgram(prng: Prng, pool: Pool, depth = 0): Item[] {
  const steps = 1 + prng.below(depth === 0 ? STEPS_MAX : 8)
  const items: Item[] = []
  for (let step = 0; step < steps; step++) items.push(...pickStep(prng)(prng, pool, depth))
  if (prng.chance(0.7)) items.push(ending(prng, pool))
  return items
}

type Step = (prng: Prng, pool: Pool, depth: number) => Item[]

function pickStep(prng: Prng): Step {
  let draw = prng.below(TOTAL_WEIGHT)
  for (const [weight, step] of STEPS) {
    draw -= weight
    if (draw < 0) return step
  }
  return arithmetic
}

const hex2 = (value: number): string => value.toString(16).padStart(2, '0')

function operand(prng: Prng): string {
  if (prng.chance(0.35)) return push(prng.below(5))
  if (prng.chance(0.1)) return `7f${bytesToHex(prng.bytes(32))}`
  if (prng.chance(0.1)) return prng.pick(['30', '33', '34', '36', '3d', '42', '43', '58', '59', '5a'])
  if (prng.chance(0.08)) return `${push(prng.below(80))}35`
  return push(prng.pick(EDGE_WORDS))
}

/** Memory offsets and sizes: small, at word edges, seldom ruinous. */
function offset(prng: Prng): string {
  if (prng.chance(0.8)) return push(prng.pick([0, 0, 0, 1, 31, 32, 33, 64, 96, 100, 255]))
  if (prng.chance(0.6)) return push(prng.pick([1023, 1024, 4095, 10_000, 24_576]))
  return push(prng.pick(EDGE_WORDS))
}

function size(prng: Prng): string {
  if (prng.chance(0.85)) return push(prng.pick([0, 0, 1, 4, 31, 32, 32, 33, 64, 100]))
  if (prng.chance(0.6)) return push(prng.pick([1024, 2048, 24_576, 24_577, 49_152, 49_153]))
  return push(prng.pick(EDGE_WORDS))
}

/** What becomes of a result: it is kept where the state root or the logs show it. */
function keep(prng: Prng): string {
  const kind = prng.below(10)
  if (kind < 3) return `${push(prng.below(6))}55`
  if (kind < 5) return `${offset(prng)}52`
  if (kind < 7) return '50'
  if (kind < 8) return '5f5260205fa0'
  return ''
}

const UNARY = ['15', '19']
const BINARY = '01 02 03 04 05 06 07 0a 0b 10 11 12 13 14 16 17 18 1a 1b 1c 1d'.split(' ')
const TERNARY = ['08', '09']

function arithmetic(prng: Prng): Item[] {
  const kind = prng.below(10)
  const arity = kind < 2 ? 1 : kind < 8 ? 2 : 3
  const op = prng.pick(arity === 1 ? UNARY : arity === 2 ? BINARY : TERNARY)
  return [Array.from({ length: arity }, () => operand(prng)).join('') + op + keep(prng)]
}

const ENVIRONMENT = '30 32 33 34 36 38 3a 3d 41 42 43 44 45 46 47 48 4a 58 59 5a'.split(' ')

function environment(prng: Prng, pool: Pool): Item[] {
  const kind = prng.below(12)
  if (kind < 6) return [prng.pick(ENVIRONMENT) + keep(prng)]
  if (kind < 9) return [target(prng, pool) + prng.pick(['31', '3b', '3f']) + keep(prng)]
  if (kind < 10) return [operand(prng) + prng.pick(['40', '49', '35']) + keep(prng)]
  // The gas that is left: every rule of gas shows in the state.
  return [`5a${push(prng.below(6))}55`]
}

function memory(prng: Prng, pool: Pool): Item[] {
  const kind = prng.below(10)
  if (kind === 0) return [`${offset(prng)}51${keep(prng)}`]
  if (kind === 1) return [`${operand(prng) + offset(prng)}52`]
  if (kind === 2) return [`${operand(prng) + offset(prng)}53`]
  if (kind === 3) return [`${size(prng) + offset(prng) + offset(prng)}5e`]
  if (kind === 4) return [`${size(prng) + offset(prng) + offset(prng)}37`]
  if (kind === 5) return [`${size(prng) + offset(prng) + offset(prng)}39`]
  if (kind === 6) return [`${size(prng) + offset(prng) + offset(prng) + target(prng, pool)}3c`]
  if (kind === 7) return [`${(prng.chance(0.7) ? '3d' : size(prng)) + (prng.chance(0.8) ? '5f' : offset(prng)) + offset(prng)}3e`]
  return [`${size(prng) + offset(prng)}20${keep(prng)}`]
}

/** Few slots and few values, so that every path of EIP-2200 and EIP-3529 is walked. */
function storage(prng: Prng): Item[] {
  const slot = push(prng.chance(0.9) ? prng.below(6) : prng.pick(EDGE_WORDS))
  const value = prng.chance(0.85) ? push(prng.below(3)) : operand(prng)
  const kind = prng.below(10)
  if (kind < 5) return [`${value}${slot}55`]
  if (kind < 7) return [`${slot}54${keep(prng)}`]
  if (kind < 9) return [`${value}${slot}5d`]
  return [`${slot}5c${keep(prng)}`]
}

function log(prng: Prng): Item[] {
  const topics = prng.below(5)
  return [Array.from({ length: topics }, () => operand(prng)).join('') + size(prng) + offset(prng) + hex2(0xa0 + topics)]
}

function stackWork(prng: Prng): Item[] {
  const kind = prng.below(4)
  if (kind === 0) return [hex2(0x80 + prng.below(prng.chance(0.8) ? 3 : 16))]
  if (kind === 1) return [hex2(0x90 + prng.below(prng.chance(0.8) ? 2 : 16))]
  if (kind === 2) return [operand(prng)]
  return [operand(prng) + operand(prng)]
}

/** Pushes an address. */
function target(prng: Prng, pool: Pool): string {
  const kind = prng.below(20)
  if (kind === 0) return '30'
  if (kind === 1) return '33'
  if (kind <= 4) return `${push(CREATED_SLOT)}51`
  if (kind === 5) return push(1 + prng.below(0x12))
  // With dirty upper bytes, which do not count.
  if (kind === 6) return `7f${bytesToHex(prng.bytes(12))}${prng.pick(pool.addresses)}`
  return `73${prng.pick(pool.addresses)}`
}

function gasArgument(prng: Prng): string {
  const kind = prng.below(10)
  if (kind < 5) return '5a'
  if (kind < 7) return push(prng.pick([0, 1, 100, 2_299, 2_300, 2_301, 5_000, 20_000, 50_000]))
  if (kind < 8) return push(prng.pick(EDGE_WORDS))
  return push(prng.below(120_000))
}

const callValue = (prng: Prng): string => (prng.chance(0.7) ? '5f' : prng.chance(0.7) ? push(1 + prng.below(3)) : '47600101')

function call(prng: Prng, pool: Pool): Item[] {
  const op = prng.pick(['f1', 'f1', 'f1', 'f2', 'f4', 'f4', 'fa', 'fa'])
  const value = op === 'f1' || op === 'f2' ? callValue(prng) : ''
  const code = size(prng) + offset(prng) + size(prng) + offset(prng) + value + target(prng, pool) + gasArgument(prng) + op
  const after = prng.below(4)
  if (after === 0) return [`${code}50`]
  if (after === 1) return [`${code}50`, '3d5f5f3e3d5fa0']
  return [code + keep(prng)]
}

function precompile(prng: Prng, pool: Pool): Item[] {
  const slow = pool.slowPrecompiles && prng.chance(0.12)
  const address = prng.pick(slow ? SLOW_PRECOMPILES : QUICK_PRECOMPILES)
  const input = precompileInput(prng, address)
  const gas = prng.chance(0.8) ? '5a' : push(prng.pick([0, 60, 150, 375, 600, 3_000, 12_000, 50_000, 113_000]))
  const op = prng.pick(['f1', 'fa', 'f4'])
  const value = op === 'f1' ? (prng.chance(0.9) ? '5f' : '6001') : ''
  const output = `${push(prng.pick([0, 32, 64]))}610200`
  return [
    storeBytes(input, 0),
    `${output}${push(input.length / 2)}5f${value}${push(address)}${gas}${op}${keep(prng)}`,
    '610200516005553d600455',
  ]
}

function creation(prng: Prng, pool: Pool, depth: number): Item[] {
  if (depth >= 2) return arithmetic(prng)
  const init: Item[] = prng.chance(0.8) ? randomProgram(prng, pool, depth + 1).slice(0, 6) : []
  const kind = prng.below(12)
  if (kind < 6) init.push({ deploy: randomProgram(prng, pool, depth + 1) })
  else if (kind === 6) init.push({ deploy: ['00'], size: prng.pick([24_575, 24_576, 24_577]) })
  else if (kind === 7) init.push({ deploy: [`ef${bytesToHex(prng.bytes(prng.below(24)))}`] })
  else if (kind === 8) init.push(`${target(prng, pool)}ff`)
  else if (kind === 9) init.push('60205ffd')
  const create: Creation = {
    op: prng.pick(['f0', 'f5']),
    value: callValue(prng),
    salt: prng.below(3),
    init,
    ...(prng.chance(0.03) && { padding: prng.pick([49_100, 49_152]) }),
  }
  const again = prng.chance(0.15) ? [{ create }] : []
  return [{ create }, ...again, ...(prng.chance(0.6) ? call(prng, pool) : [])]
}

function jump(prng: Prng, pool: Pool, depth: number): Item[] {
  const kind = prng.below(10)
  if (kind < 4) return [{ skip: bytesToHex(prng.bytes(prng.below(8))) }]
  if (kind === 4) return [{ skip: prng.pick(['60', '61', '7f', '5b', '605b']) }]
  if (kind === 5) return [`${push(prng.below(60))}56`]
  if (kind === 6) return [`${operand(prng)}${push(prng.below(60))}57`]
  if (depth > 1) return ['5b']
  const body = Array.from({ length: 1 + prng.below(3) }, () => pickStep(prng)(prng, pool, 2)).flat()
  return [{ loop: 1 + prng.below(4), body }]
}

/** What a pool of random bytes does not end in anyway. */
function disaster(prng: Prng): Item[] {
  const kind = prng.below(5)
  if (kind === 0) return [bytesToHex(prng.bytes(1 + prng.below(6)))]
  if (kind === 1) return [{ loop: 255, body: ['3030303030'] }]
  if (kind === 2) return ['5050505050505050']
  if (kind === 3)
    return [
      hex2(prng.pick([0x0c, 0x0d, 0x1e, 0x21, 0x2f, 0x4b, 0xa5, 0xb0, 0xd0, 0xe0, 0xef, 0xf6, 0xf7, 0xf8, 0xf9, 0xfb, 0xfe])),
    ]
  return [operand(prng)]
}

function selfdestruct(prng: Prng, pool: Pool): Item[] {
  return prng.chance(0.5) ? [`${target(prng, pool)}ff`] : ['5b']
}

function ending(prng: Prng, pool: Pool): Item {
  const kind = prng.below(12)
  if (kind < 4) return `${size(prng)}${offset(prng)}f3`
  if (kind < 6) return '60405ff3'
  if (kind < 8) return `${size(prng)}${offset(prng)}fd`
  if (kind < 9) return `${target(prng, pool)}ff`
  if (kind < 10) return 'fe'
  return '00'
}

const STEPS: readonly (readonly [weight: number, step: Step])[] = [
  [24, arithmetic],
  [14, environment],
  [13, memory],
  [20, storage],
  [5, log],
  [5, stackWork],
  [20, call],
  [5, precompile],
  [8, creation],
  [6, jump],
  [2, disaster],
  [2, selfdestruct],
]
const TOTAL_WEIGHT = STEPS.reduce((sum, [weight]) => sum + weight, 0)

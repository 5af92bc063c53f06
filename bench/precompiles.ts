// What a unit of gas buys: gas per second of every precompile, and the slowest, which bounds a production gas limit (ARCHITECTURE 3a).
// node bench/precompiles.ts [--ms 300] [--rounds 3] [--only modexp]
import { createHash } from 'node:crypto'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { memoryKv } from '@zerog/adapters'
import { type BlockEnvironment, createExecutor } from '@zerog/evm'
import { bigintToBytes, concatBytes, fromHex, type Hex, toHex } from '@zerog/primitives'

const { values } = parseArgs({
  options: { ms: { type: 'string', default: '300' }, rounds: { type: 'string', default: '3' }, only: { type: 'string' } },
})

const WORD: Hex = `0x${'00'.repeat(32)}`
const GAS = 10n ** 12n
const environment: BlockEnvironment = {
  height: 1n,
  parentHash: WORD,
  timestampSeconds: 1n,
  gasLimit: GAS,
  baseFeePerGas: 0n,
  beneficiary: `0x${'00'.repeat(20)}`,
  prevRandao: WORD,
  extraData: WORD,
}
const executor = createExecutor({ kv: memoryKv(), chainId: 31_337n })
const genesis = await executor.genesis({ allocation: {}, environment: { ...environment, height: 0n } })
executor.commit(genesis)
const { stateRoot } = genesis.header

const addressOf = (number: number): Hex => `0x${number.toString(16).padStart(40, '0')}`
const word = (value: bigint | number): Uint8Array => bigintToBytes(BigInt(value), 32)
const bytes = (length: number, fill = 0xa7): Uint8Array => new Uint8Array(length).fill(fill)

/** The precompile's output, for inputs that are made of points. */
async function call(number: number, input: Uint8Array): Promise<Uint8Array> {
  const { output, error } = await executor.call(stateRoot, environment, { to: addressOf(number), data: toHex(input) })
  if (error !== undefined) throw new Error(`${addressOf(number)}: ${error}`)
  return fromHex(output)
}

const modexpInput = (base: number, exponent: number, modulus: number): Uint8Array =>
  concatBytes(word(base), word(exponent), word(modulus), bytes(base), bytes(exponent, 0xff), bytes(modulus, 0xc5))

/** EIP-197's generators. */
const BN_G1 = concatBytes(word(1), word(2))
const BN_G2 = concatBytes(
  word(0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2n),
  word(0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6edn),
  word(0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975bn),
  word(0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daan),
)
const bnPoint = await call(7, concatBytes(BN_G1, bytes(32, 0x1f)))
const blsG1 = await call(0x10, concatBytes(bytes(16, 0), bytes(48, 0x11)))
const blsG2 = await call(0x11, concatBytes(bytes(16, 0), bytes(48, 0x11), bytes(16, 0), bytes(48, 0x12)))
const repeated = (part: Uint8Array, count: number): Uint8Array => concatBytes(...Array.from({ length: count }, () => part))

/** The proof of a constant polynomial: commitment and proof are infinity, the value is zero. */
const infinity = concatBytes(Uint8Array.of(0xc0), bytes(47, 0))
const versioned = new Uint8Array(createHash('sha256').update(infinity).digest())
versioned[0] = 1
// A commitment that is not infinity costs more: tau G1 of the public setup, which commits to p(x) = x, so p(5) = 5 with proof G1.
const TAU_G1 = fromHex('0xad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42d25926fc0c97b336e9f0fb35e5a04c81')
const GENERATOR = fromHex('0x97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb')
const tauHash = new Uint8Array(createHash('sha256').update(TAU_G1).digest())
tauHash[0] = 1

const CASES: readonly (readonly [name: string, number: number, input: Uint8Array])[] = [
  [
    'ecrecover',
    1,
    // A signature of the hash below by key 1.
    concatBytes(bytes(32, 0x5a), word(28), word(0x1234567n), word(0x7654321n)),
  ],
  ['sha256 64 B', 2, bytes(64)],
  ['sha256 4 KiB', 2, bytes(4_096)],
  ['ripemd160 64 B', 3, bytes(64)],
  ['ripemd160 4 KiB', 3, bytes(4_096)],
  ['identity 4 KiB', 4, bytes(4_096)],
  ['modexp 32/32/32', 5, modexpInput(32, 32, 32)],
  ['modexp 1/32/8', 5, modexpInput(1, 32, 8)],
  ['modexp 64/64/64', 5, modexpInput(64, 64, 64)],
  ['modexp 256/3/256', 5, concatBytes(word(256), word(3), word(256), bytes(256), Uint8Array.of(1, 0, 1), bytes(256, 0xc5))],
  ['modexp 256/256/256', 5, modexpInput(256, 256, 256)],
  ['modexp 1024/32/1024', 5, modexpInput(1_024, 32, 1_024)],
  ['bn254 add', 6, concatBytes(bnPoint, BN_G1)],
  ['bn254 mul', 7, concatBytes(bnPoint, bytes(32, 0xfe))],
  ['bn254 pairing 1', 8, concatBytes(bnPoint, BN_G2)],
  ['bn254 pairing 4', 8, repeated(concatBytes(bnPoint, BN_G2), 4)],
  ['blake2f 12 rounds', 9, concatBytes(fromHex('0x0000000c'), bytes(208), Uint8Array.of(1))],
  ['blake2f 100,000', 9, concatBytes(fromHex('0x000186a0'), bytes(208), Uint8Array.of(1))],
  ['point evaluation', 10, concatBytes(tauHash, word(5), word(5), TAU_G1, GENERATOR)],
  ['BLS G1 add', 11, concatBytes(blsG1, blsG1)],
  ['BLS G1 msm 1', 12, concatBytes(blsG1, bytes(32, 0xfe))],
  ['BLS G1 msm 128', 12, repeated(concatBytes(blsG1, bytes(32, 0xfe)), 128)],
  ['BLS G2 add', 13, concatBytes(blsG2, blsG2)],
  ['BLS G2 msm 1', 14, concatBytes(blsG2, bytes(32, 0xfe))],
  ['BLS G2 msm 128', 14, repeated(concatBytes(blsG2, bytes(32, 0xfe)), 128)],
  ['BLS pairing 1', 15, concatBytes(blsG1, blsG2)],
  ['BLS pairing 4', 15, repeated(concatBytes(blsG1, blsG2), 4)],
  ['BLS map to G1', 16, concatBytes(bytes(16, 0), bytes(48, 0x11))],
  ['BLS map to G2', 17, concatBytes(bytes(16, 0), bytes(48, 0x11), bytes(16, 0), bytes(48, 0x12))],
]

const CONTRACT: Hex = `0x${'cc'.repeat(20)}`
const hex = (value: number, length: number): string => value.toString(16).padStart(2 * length, '0')

/** Copies its calldata to memory and calls the precompile with it `count` times; a failed call ends it with INVALID. */
function loopOf(number: number, length: number, count: number): Hex {
  const call = `5f5f63${hex(length, 4)}5f60${hex(number, 1)}5afa1560${'33'}57`
  // CALLDATACOPY, the count, then from byte 9: STATICCALL, out if it failed, count down
  const body = `365f5f3763${hex(count, 4)}5b${call}6001900380600957005bfe`
  const failure = body.indexOf('5bfe') / 2
  return `0x${body.replace('6033', `60${hex(failure, 1)}`)}`
}

async function gasPerSecond(number: number, input: Uint8Array): Promise<{ readonly mgas: number; readonly us: number }> {
  const run = async (count: number): Promise<{ readonly gas: number; readonly ms: number }> => {
    const before = process.cpuUsage()
    const { gasSpent, error } = await executor.call(
      stateRoot,
      environment,
      { to: CONTRACT, data: toHex(input) },
      { stateOverrides: { [CONTRACT]: { code: loopOf(number, input.length, count) } } },
    )
    const { user, system } = process.cpuUsage(before)
    if (error !== undefined) throw new Error(`${addressOf(number)} with ${input.length} bytes: ${error}`)
    return { gas: Number(gasSpent), ms: (user + system) / 1e3 }
  }
  let count = 1
  for (;;) {
    const { ms } = await run(count)
    if (ms > Number(values.ms) / 4) break
    count *= 2
  }
  // Without what the transaction itself costs.
  const fixed = await run(0xffffffff & 1)
  let best = { mgas: 0, us: 0 }
  for (let round = 0; round < Number(values.rounds); round++) {
    const { gas, ms } = await run(count * 3)
    const mgas = (gas - fixed.gas) / 1e3 / ms
    if (mgas > best.mgas) best = { mgas, us: (1e3 * ms) / (3 * count) }
  }
  return best
}

console.log(
  `machine: ${cpus().length} x ${cpus()[0]?.model}, node ${process.version}; best of ${values.rounds}, CPU time, with the call`,
)
let slowest = { name: '', mgas: Number.POSITIVE_INFINITY }
for (const [name, number, input] of CASES) {
  if (values.only !== undefined && !name.startsWith(values.only)) continue
  const { mgas, us } = await gasPerSecond(number, input)
  console.log(
    `${addressOf(number).slice(-2)} ${name.padEnd(20)} ${mgas.toFixed(1).padStart(7)} Mgas/s ${us.toFixed(1).padStart(9)} us per call`,
  )
  if (mgas < slowest.mgas) slowest = { name, mgas }
}
console.log(`slowest: ${slowest.name} with ${slowest.mgas.toFixed(1)} Mgas/s`)

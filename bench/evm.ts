// Claim: our interpreter runs a compute loop >= 8 times as fast as @ethereumjs/evm in the same process.
// node bench/evm.ts [--rounds 5] [--ms 300] [--only compute] [--check]      --check fails the process where the target is missed
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { createEVM } from '@ethereumjs/evm'
import { createAccount, createAddressFromString } from '@ethereumjs/util'
import { memoryKv } from '@zerog/adapters'
import { type BlockEnvironment, createExecutor } from '@zerog/evm'
import { fromHex, type Hex } from '@zerog/primitives'

const TARGET = { program: 'compute', ratio: 8 }

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '300' },
    only: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
})

const CALLEE: Hex = `0x${'ca'.repeat(20)}`
const CONTRACT: Hex = `0x${'cc'.repeat(20)}`

/** What a loop does with its counter on top of the stack, which it leaves there. */
const BODIES: Readonly<Record<string, { readonly does: string; readonly body: string }>> = {
  compute: {
    does: 's = (s * 31 + i) ^ (s >> 7) on 256 bits',
    body: 'DUP2 PUSH1 1f MUL DUP2 ADD SWAP2 PUSH1 07 SHR SWAP1 SWAP2 XOR SWAP1',
  },
  branches: {
    does: 'comparisons, masks and shifts of small numbers',
    body: 'DUP1 PUSH1 ff AND PUSH1 0a GT ISZERO DUP2 PUSH1 02 SHR PUSH2 ffff AND EQ POP',
  },
  memory: { does: 'MLOAD, ADD, MSTORE', body: 'DUP1 PUSH2 03e0 AND DUP1 MLOAD PUSH1 03 ADD SWAP1 MSTORE' },
  divide: {
    does: 'DIV, MOD and MULMOD by 160 bits',
    body: `DUP2 NOT PUSH20 ${'cd'.repeat(20)} DUP1 DUP3 DIV DUP2 DUP4 MOD MULMOD POP POP`,
  },
  keccak: { does: 'KECCAK256 of 64 bytes', body: 'PUSH1 40 PUSH0 KECCAK256 PUSH0 MSTORE' },
  storage: {
    does: 'two mapping slots loaded and stored, as an ERC-20 transfer does',
    body:
      'DUP1 PUSH1 0f AND PUSH0 MSTORE PUSH1 40 PUSH0 KECCAK256 DUP1 SLOAD PUSH1 01 ADD SWAP1 SSTORE ' +
      'DUP1 PUSH1 1f AND PUSH0 MSTORE PUSH1 40 PUSH0 KECCAK256 DUP1 SLOAD PUSH1 01 ADD SWAP1 SSTORE',
  },
  call: {
    does: 'STATICCALL of a contract of four operations',
    body: `PUSH0 PUSH0 PUSH0 PUSH0 PUSH20 ${CALLEE.slice(2)} PUSH2 ffff STATICCALL POP`,
  },
}

const OPCODES: Readonly<Record<string, string>> = {
  ADD: '01',
  MUL: '02',
  SUB: '03',
  DIV: '04',
  MOD: '06',
  MULMOD: '09',
  GT: '11',
  EQ: '14',
  ISZERO: '15',
  AND: '16',
  XOR: '18',
  NOT: '19',
  SHR: '1c',
  KECCAK256: '20',
  POP: '50',
  MLOAD: '51',
  MSTORE: '52',
  SLOAD: '54',
  SSTORE: '55',
  JUMPI: '57',
  JUMPDEST: '5b',
  PUSH0: '5f',
  PUSH1: '60',
  PUSH2: '61',
  PUSH4: '63',
  PUSH20: '73',
  DUP1: '80',
  DUP2: '81',
  DUP3: '82',
  DUP4: '83',
  SWAP1: '90',
  SWAP2: '91',
  STATICCALL: 'fa',
  STOP: '00',
}

/** Bytecode of mnemonics and pushed bytes. */
function assemble(text: string): Hex {
  return `0x${text
    .split(' ')
    .map((token) => OPCODES[token] ?? token)
    .join('')}`
}

/** Counts down from `count`. */
function programOf(name: string, count: number): Hex {
  const { body } = BODIES[name] as { body: string }
  const first = `PUSH1 01 PUSH4 ${count.toString(16).padStart(8, '0')}`
  return assemble(`${first} JUMPDEST ${body} PUSH1 01 SWAP1 SUB DUP1 PUSH1 07 JUMPI STOP`)
}

const GAS = 10n ** 12n
const CALLEE_CODE = assemble('PUSH1 01 PUSH0 MSTORE STOP')
const WORD: Hex = `0x${'00'.repeat(32)}`
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

type Run = (code: Hex) => Promise<bigint>

async function ours(): Promise<Run> {
  const executor = createExecutor({ kv: memoryKv(), chainId: 31_337n })
  const genesis = await executor.genesis({ allocation: {}, environment: { ...environment, height: 0n } })
  executor.commit(genesis)
  return async (code) => {
    const stateOverrides = { [CONTRACT]: { code }, [CALLEE]: { code: CALLEE_CODE } }
    const { gasUsed, gasSpent, error } = await executor.call(
      genesis.header.stateRoot,
      environment,
      { to: CONTRACT },
      { stateOverrides },
    )
    if (error !== undefined) throw new Error(`zerog: ${error}`)
    return gasSpent < gasUsed ? gasUsed : gasSpent - 21_000n
  }
}

/** As the library comes: its own state in memory. */
async function theirs(): Promise<Run> {
  return async (code) => {
    const evm = await createEVM()
    for (const [address, body] of [
      [CONTRACT, code],
      [CALLEE, CALLEE_CODE],
    ] as const) {
      const at = createAddressFromString(address)
      await evm.stateManager.putAccount(at, createAccount({ nonce: 1n }))
      await evm.stateManager.putCode(at, fromHex(body))
    }
    const { execResult } = await evm.runCall({ to: createAddressFromString(CONTRACT), gasLimit: GAS })
    if (execResult.exceptionError !== undefined) throw new Error(`@ethereumjs/evm: ${execResult.exceptionError.error}`)
    return execResult.executionGasUsed
  }
}

const peers = { zerog: await ours(), ethereumjs: await theirs() }
type Peer = keyof typeof peers

/** Iterations that take about the given time; doubled until they do. */
async function calibrated(peer: Peer, name: string): Promise<number> {
  const wanted = Number(values.ms)
  for (let count = 1_000; ; count *= 2) {
    const { ms } = await timed(() => peers[peer](programOf(name, count)))
    if (ms > wanted / 3) return Math.ceil((count * wanted) / ms)
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const { user, system } = process.cpuUsage()
  const value = await work()
  const after = process.cpuUsage()
  return { value, ms: (after.user + after.system - user - system) / 1e3 }
}

const median = (samples: readonly number[]): number => samples.toSorted((a, b) => a - b)[samples.length >> 1] as number

console.log(`machine: ${cpus().length} x ${cpus()[0]?.model}, node ${process.version}; median of ${values.rounds}, CPU time`)
let reached = true
for (const [name, { does }] of Object.entries(BODIES)) {
  if (values.only !== undefined && values.only !== name) continue
  const samples: Record<Peer, number[]> = { zerog: [], ethereumjs: [] }
  const counts = { zerog: await calibrated('zerog', name), ethereumjs: await calibrated('ethereumjs', name) }
  // The peers take turns, so that a busy moment of the machine hits both.
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const peer of ['zerog', 'ethereumjs'] as const) {
      const { value, ms } = await timed(() => peers[peer](programOf(name, counts[peer])))
      samples[peer].push(Number(value) / 1e3 / ms)
    }
  }
  // The same program must cost both the same.
  const gas = [await peers.zerog(programOf(name, 100)), await peers.ethereumjs(programOf(name, 100))]
  if (gas[0] !== gas[1]) throw new Error(`${name}: the peers disagree about gas: ${gas.join(' and ')}`)
  const [mine, peer] = [median(samples.zerog), median(samples.ethereumjs)]
  console.log(
    `${name.padEnd(9)} zerog ${mine.toFixed(1).padStart(7)} Mgas/s   @ethereumjs/evm ${peer.toFixed(1).padStart(6)} Mgas/s   ratio ${(mine / peer).toFixed(1).padStart(5)}   ${does}`,
  )
  if (name === TARGET.program && mine / peer < TARGET.ratio) reached = false
}
if (values.check && !reached) {
  console.log(`missed: ${TARGET.ratio} x @ethereumjs/evm on ${TARGET.program}`)
  process.exitCode = 1
}

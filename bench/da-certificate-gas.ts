// Claim: a certificate of data availability costs at most 260,000 gas with full attendance, 150,000 for each further one of a batch and 7,000
// per absentee, and executing it takes a few milliseconds, where the interpreter's own BLS12-381 takes ten times as long.
// node bench/da-certificate-gas.ts [--members 4,10,31,100] [--rounds 5] [--check]      --check fails the process where a target is missed
import { parseArgs } from 'node:util'
import { NobleBLS } from '@ethereumjs/evm'
import { memoryKv } from '@zerog/adapters/memory'
import { bitmapOf, type Committee, createCommittee, createWindow, type Statement, windowMessage } from '@zerog/availability'
import { nobleBls } from '@zerog/consensus/noble'
import {
  type CertifiedWindow,
  developmentAccounts,
  developmentDaMembers,
  developmentDaNode,
  encodeSubmitCertificates,
  genesisAllocation,
} from '@zerog/contracts'
import { type BlockEnvironment, createExecutor, decodeTransaction, type ExecutedBlock } from '@zerog/evm'
import { sha256 } from '@zerog/kernels'
import { bigintToBytes, bytesToBigint, fromHex, type Hex } from '@zerog/primitives'
import { privateKeyToAccount } from 'viem/accounts'

const CHAIN_ID = 31_337n
const GROUP_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n
const START_SECONDS = 1_800_000_000n

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '4,10,31,100' },
    rounds: { type: 'string', default: '5' },
    check: { type: 'boolean', default: false },
  },
})

let missed = false
console.log('members                what                                    gas      each further   ms per block')
for (const size of values.members.split(',').map(Number)) await measure(size)
comparePairings()
if (values.check && missed) process.exitCode = 1

async function measure(size: number): Promise<void> {
  const chain = await createChain(size)
  const all = Array.from({ length: size }, (_, index) => index)
  const without = (absent: number, shift = 0): number[] => all.filter((index) => (index + shift) % size >= absent)
  const window = (signers = all, bundles = 1) => chain.window(signers, bundles)
  await chain.submit([window()]) // the first of all also opens the sender's account and loads the curve
  const one = await chain.best(() => [window()])
  report(size, 'one certificate, everybody signed', one, { target: 260_000 })
  const four = await chain.best(() => [window(), window(), window(), window()])
  report(size, 'four, the same signers', four, { each: (four.gas - one.gas) / 3, target: 150_000 })
  const few = await chain.best(() => [window(without(1))])
  report(size, 'one absentee', few, { each: few.gas - one.gas, target: 7_000 })
  const third = Math.floor(size / 3)
  if (third > 1) {
    const many = await chain.best(() => [window(without(third))])
    report(size, `${third} absentees`, many, { each: (many.gas - one.gas) / third, target: 7_000 })
  }
  const others = await chain.best(() => [0, 1, 2, 3].map((shift) => window(without(1, shift))))
  report(size, 'four, each with another absentee', others, { each: (others.gas - few.gas) / 3, target: 150_000 })
  const bundles = await chain.best(() => [window(all, 16)])
  report(size, 'one over 16 bundles', bundles, { each: (bundles.gas - one.gas) / 15 })
}

type Measured = { readonly gas: number; readonly ms: number }

function report(size: number, what: string, { gas, ms }: Measured, { each, target }: { each?: number; target?: number }): void {
  const judged = each ?? gas
  const short = target !== undefined && judged > target
  missed ||= short
  const columns = [
    String(size).padStart(7),
    what.padEnd(38),
    String(gas).padStart(19),
    (each?.toFixed(0) ?? '').padStart(12),
    ms.toFixed(1).padStart(11),
  ]
  console.log(`${columns.join('  ')}${short ? `  SHORT of ${target}` : ''}`)
}

/** The development network with this committee in its genesis; one transaction per block. */
async function createChain(size: number) {
  const members = developmentDaMembers(size)
  const secretKeys = members.map((_, index) => bytesToBigint(developmentDaNode(index).blsSecretKey))
  const seed = new Uint8Array(32).fill(1)
  const committee: Committee = createCommittee({ epoch: 1n, id: 0, seed, members })
  const executor = createExecutor({ kv: memoryKv(), chainId: CHAIN_ID })
  const zero: Hex = `0x${'00'.repeat(32)}`
  const environment = (parent?: ExecutedBlock): BlockEnvironment => ({
    height: parent === undefined ? 0n : parent.header.height + 1n,
    parentHash: parent?.hash ?? zero,
    timestampSeconds: START_SECONDS,
    gasLimit: 60_000_000n,
    baseFeePerGas: 1_000_000_000n,
    beneficiary: '0x00000000000000000000000000000000000000fe',
    prevRandao: zero,
    extraData: zero,
  })
  const allocation = genesisAllocation({ chainId: CHAIN_ID, development: true, chainOnly: false, da: { members, seed } })
  let head = await executor.genesis({ allocation, environment: environment() })
  executor.commit(head)
  const [payer] = developmentAccounts()
  if (payer === undefined) throw new Error('there are development accounts')
  const account = privateKeyToAccount(payer.privateKey)
  let [nonce, made] = [13, 0]

  const statement = (): Statement => ({
    commitment: sha256(bigintToBytes(BigInt(++made), 8)),
    k: 512,
    n: 1_536,
    rowBytes: 8_192,
    payloadBytes: 4_194_299,
    epoch: 1n,
    committee: 0,
    expiry: START_SECONDS + 2_592_000n,
  })
  const submit = async (windows: readonly CertifiedWindow[]): Promise<Measured> => {
    const { to, data, gasLimit } = encodeSubmitCertificates(windows)
    const fees = { maxFeePerGas: 1_000_000_000n, maxPriorityFeePerGas: 0n }
    const raw = await account.signTransaction({
      type: 'eip1559',
      chainId: 31_337,
      nonce: nonce++,
      gas: gasLimit,
      to,
      data,
      ...fees,
    })
    const candidates = [decodeTransaction(fromHex(raw))]
    const started = performance.now()
    const { block } = await executor.build({ parent: head.header, environment: environment(head), candidates })
    const ms = performance.now() - started
    const [receipt] = block.receipts
    if (receipt?.status !== 1) throw new Error(`the certificate was refused: status ${receipt?.status}`)
    executor.commit(block)
    head = block
    return { gas: Number(receipt.gasUsed), ms }
  }
  return {
    window(signers: readonly number[], bundles: number): CertifiedWindow {
      const statements = Array.from({ length: bundles }, statement)
      const signed = createWindow(statements, committee, CHAIN_ID)
      // The sum of the secret keys gives the sum of the signatures.
      const secretKey = signers.reduce((sum, signer) => (sum + (secretKeys[signer] as bigint)) % GROUP_ORDER, 0n)
      const signature = nobleBls.sign(bigintToBytes(secretKey, 32), windowMessage(signed))
      return { certificate: { ...signed, bitmap: bitmapOf(signers, size), signature }, statements }
    },
    submit,
    /** Gas of one, time of the fastest of some rounds. */
    async best(make: () => CertifiedWindow[]): Promise<Measured> {
      let found: Measured | undefined
      for (let round = 0; round < Number(values.rounds); round++) {
        const next = await submit(make())
        if (found === undefined || next.ms < found.ms) found = next
      }
      return found as Measured // there is a round
    },
  }
}

/** The same pairing check by the interpreter's own library. */
function comparePairings(): void {
  const noble = new NobleBLS()
  const g1 = noble.mapFPtoG1(new Uint8Array(64).fill(1, 60))
  const g2 = noble.mapFP2toG2(new Uint8Array(128).fill(1, 124))
  const input = new Uint8Array([...g1, ...g2, ...g1, ...g2])
  let ms = Number.POSITIVE_INFINITY
  for (let round = 0; round < Number(values.rounds); round++) {
    const started = performance.now()
    noble.pairingCheck(input)
    ms = Math.min(ms, performance.now() - started)
  }
  console.log(`peer: two pairs by @ethereumjs/evm's own library (@noble/curves) ${ms.toFixed(1)} ms`)
}

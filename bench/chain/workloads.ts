import { readFileSync } from 'node:fs'
import { compile } from '@zerog/contracts/compile'
import { keccak256, rlpEncode, rlpInteger, signHash } from '@zerog/evm'
import { type Hex, toHex } from '@zerog/primitives'
import { type Abi, encodeDeployData, encodeFunctionData, getContractAddress } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'

export const WORKLOADS = ['transfer', 'erc20', 'swap'] as const
export type WorkloadName = (typeof WORKLOADS)[number]

export const CHAIN_ID = 31337n
export const MNEMONIC = 'test test test test test test test test test test test junk'
export const SENDERS = 100
/** Transfers go to this many addresses. */
const RECIPIENTS = 1_000
const GWEI = 10n ** 9n

export type Account = { readonly address: Hex; readonly privateKey: Uint8Array }

/** What every server is given alike. */
export type Workload = {
  readonly name: WorkloadName
  /** One after the other before the clock starts: contracts and approvals. */
  readonly setup: readonly Hex[]
  /** In the order of sending: sender after sender, nonce after nonce. */
  readonly transactions: readonly Hex[]
  /** Nonce of each sender when everything is included. */
  readonly expected: ReadonlyMap<Hex, number>
  /** A view whose answer tells that the workload did what it should, and that answer. */
  readonly proof: { readonly method: string; readonly params: readonly unknown[]; readonly accepts: (result: Hex) => boolean }
}

export function accounts(): readonly Account[] {
  return Array.from({ length: SENDERS }, (_, addressIndex) => {
    const account = mnemonicToAccount(MNEMONIC, { addressIndex })
    const { privateKey } = account.getHdKey()
    if (privateKey == null) throw new Error('an HD key of a mnemonic has a private key')
    return { address: account.address.toLowerCase() as Hex, privateKey }
  })
}

/** `count` signed transactions of one kind, the same bytes in every run. */
export function createWorkload(
  name: WorkloadName,
  count: number,
  senders: readonly Account[],
  to: (index: number) => Hex = recipient,
): Workload {
  const nonces = new Map<Hex, number>(senders.map(({ address }) => [address, 0]))
  const sign = (from: Account, call: { to: Hex | null; data: Hex; gas: number; value?: bigint }): Hex => {
    const nonce = nonces.get(from.address) ?? 0
    nonces.set(from.address, nonce + 1)
    return signed(from, { ...call, value: call.value ?? 0n, nonce })
  }
  const setup: Hex[] = []
  const kind = KINDS[name](senders, (from, call) => void setup.push(sign(from, call)), to)
  const transactions = Array.from({ length: count }, (_, index) => {
    const from = senders[index % senders.length] as Account
    return sign(from, kind.call(index))
  })
  return { name, setup, transactions, expected: nonces, proof: kind.proof(count) }
}

type Call = { readonly to: Hex | null; readonly data: Hex; readonly gas: number; readonly value?: bigint }
type Kind = { readonly call: (index: number) => Call; readonly proof: (count: number) => Workload['proof'] }
type MakeKind = (senders: readonly Account[], setUp: (from: Account, call: Call) => void, to: (index: number) => Hex) => Kind

const recipient = (index: number): Hex =>
  toHex(keccak256(new TextEncoder().encode(`recipient ${index % RECIPIENTS}`)).subarray(12))

/** How many of `count` transactions go to recipient 0. */
const shareOfFirst = (count: number): bigint => BigInt(Math.ceil(count / RECIPIENTS))

const KINDS: Readonly<Record<WorkloadName, MakeKind>> = {
  transfer: (_senders, _setUp, to) => ({
    call: (index) => ({ to: to(index), data: '0x', gas: 21_000, value: 1n }),
    proof: (count) => ({
      method: 'eth_getBalance',
      params: [recipient(0), 'latest'],
      accepts: (result) => BigInt(result) === shareOfFirst(count),
    }),
  }),
  erc20: (senders, setUp) => {
    const { BenchToken } = contracts()
    const deployer = senders[0] as Account
    const holders = senders.map(({ address }) => address)
    setUp(deployer, { to: null, data: deploy(BenchToken, [holders, 10n ** 24n]), gas: 6_000_000 })
    const token = created(deployer, 0)
    return {
      call: (index) => ({ to: token, data: encode(BenchToken, 'transfer', [recipient(index), 1n]), gas: 80_000 }),
      proof: (count) => ({
        method: 'eth_call',
        params: [{ to: token, data: encode(BenchToken, 'balanceOf', [recipient(0)]) }, 'latest'],
        accepts: (result) => BigInt(result) === shareOfFirst(count),
      }),
    }
  },
  swap: (senders, setUp) => {
    const { BenchToken, BenchPair, BenchRouter } = contracts()
    const deployer = senders[0] as Account
    const [first, second, pair, router] = [0, 1, 2, 3].map((nonce) => created(deployer, nonce)) as [Hex, Hex, Hex, Hex]
    const holders = [...senders.map(({ address }) => address), pair]
    for (const _token of [first, second])
      setUp(deployer, { to: null, data: deploy(BenchToken, [holders, 10n ** 24n]), gas: 6_000_000 })
    setUp(deployer, { to: null, data: deploy(BenchPair, [first, second]), gas: 3_000_000 })
    setUp(deployer, { to: null, data: deploy(BenchRouter, []), gas: 3_000_000 })
    setUp(deployer, { to: pair, data: encode(BenchPair, 'sync', []), gas: 300_000 })
    for (const [index, sender] of senders.entries()) {
      const data = encode(BenchToken, 'approve', [router, 2n ** 256n - 1n])
      setUp(sender, { to: index % 2 === 0 ? first : second, data, gas: 80_000 })
    }
    return {
      call: (index) => ({
        to: router,
        data: encode(BenchRouter, 'swapExact', [pair, index % 2 === 0, 10n ** 15n, 1n]),
        gas: 300_000,
      }),
      // The first sender sells the first token only: what it sold is counted to the unit.
      proof: (count) => ({
        method: 'eth_call',
        params: [{ to: first, data: encode(BenchToken, 'balanceOf', [deployer.address]) }, 'latest'],
        accepts: (result) => BigInt(result) === 10n ** 24n - BigInt(Math.ceil(count / SENDERS)) * 10n ** 15n,
      }),
    }
  },
}

type Artifact = ReturnType<typeof compile>[string]
let compiled: Readonly<Record<'BenchToken' | 'BenchPair' | 'BenchRouter', Artifact>> | undefined

function contracts() {
  compiled ??= compile({
    'contracts.sol': readFileSync(new URL('./contracts.sol', import.meta.url), 'utf8'),
  }) as typeof compiled & {}
  return compiled
}

function deploy({ abi, bytecode }: Artifact, args: readonly unknown[]): Hex {
  return encodeDeployData({ abi: abi as Abi, bytecode: bytecode as Hex, args })
}

function encode({ abi }: Artifact, functionName: string, args: readonly unknown[]): Hex {
  return encodeFunctionData({ abi: abi as Abi, functionName, args })
}

function created({ address }: Account, nonce: number): Hex {
  return getContractAddress({ from: address, nonce: BigInt(nonce) }).toLowerCase() as Hex
}

/** EIP-1559, by our own codec: ten times faster than a wallet library, and 50,000 are wanted. */
function signed(from: Account, call: Call & { readonly value: bigint; readonly nonce: number }): Hex {
  const bytes = (hex: Hex | null): Uint8Array => new Uint8Array(Buffer.from((hex ?? '0x').slice(2), 'hex'))
  const body = [
    rlpInteger(CHAIN_ID),
    rlpInteger(BigInt(call.nonce)),
    rlpInteger(GWEI),
    rlpInteger(20n * GWEI),
    rlpInteger(BigInt(call.gas)),
    bytes(call.to),
    rlpInteger(call.value),
    bytes(call.data),
    [],
  ]
  const { r, s, yParity } = signHash(keccak256(Buffer.concat([Buffer.of(2), rlpEncode(body)])), from.privateKey)
  const full = rlpEncode([...body, rlpInteger(BigInt(yParity)), rlpInteger(r), rlpInteger(s)])
  return toHex(Buffer.concat([Buffer.of(2), full]))
}

import { assert, ZerogError } from '@zerog/primitives'
import {
  type Account,
  type Address,
  createClient,
  custom,
  type EIP1193Provider,
  type Hash,
  type Hex,
  type SendTransactionParameters,
  type TransactionReceipt,
  type WalletClient,
} from 'viem'
import * as eth from 'viem/actions'
import { type Context, chainOf, providerOf, type Signer } from '../client.ts'
import { fromViemError, throwIfCancelled } from '../errors.ts'

export type SendOptions = {
  /** Absent: deploys `data` as a contract. */
  readonly to?: `0x${string}`
  readonly data?: Hex
  /** wei */
  readonly value?: bigint
  /** Gas limit; estimated when absent. */
  readonly gas?: bigint
  readonly signal?: AbortSignal
}

export type Sent = {
  readonly hash: Hash
  readonly from: `0x${string}`
  /** Upper bound of what it costs besides the value, wei. */
  readonly feeMax: bigint
}

/** The address that signs, or a sentence how to give one. */
export function addressOf(context: Context): `0x${string}` {
  const signer = context.account
  const address = signer === undefined ? undefined : isWalletClient(signer) ? signer.account?.address : signer.address
  if (address !== undefined) return address
  throw new ZerogError('UNAUTHENTICATED', {
    message: 'this needs an account to sign with; pass `account` (CLI: --account name, or ZEROG_KEY_FILE)',
  })
}

/**
 * Signs and sends one transaction; resolves when the chain has taken it (the hash is durable then). Nonces come from the
 * account's queue, so parallel calls are safe.
 */
export async function sendTransaction(context: Context, options: SendOptions): Promise<Sent> {
  const from = addressOf(context)
  const chain = await chainOf(context)
  const base = {
    to: options.to ?? null,
    data: options.data ?? '0x',
    value: options.value ?? 0n,
  } as const
  try {
    const gas = options.gas ?? (await eth.estimateGas(context.viem, { ...base, account: from }))
    const fees = await eth.estimateFeesPerGas(context.viem, { chain })
    const feeMax = gas * fees.maxFeePerGas
    await requireFunds(context, from, base.value + feeMax)
    throwIfCancelled(options.signal)
    const { send, account, isLocal } = walletOf(context)
    // Without the id viem would ask the node to fill in what is complete: a request more, which many nodes refuse.
    const whole = { ...base, ...fees, gas, account, chain, chainId: chain.id }
    const sendAs = (nonce?: number): Promise<Hash> => send(nonce === undefined ? whole : { ...whole, nonce })
    const hash = isLocal ? await context.nonces.use(from, sendAs) : await sendAs()
    return { hash, from, feeMax }
  } catch (error) {
    throw fromViemError(error)
  }
}

/** Resolves with the receipt, which is readable as soon as the block is announced. A reverted transaction throws TRANSACTION_REFUSED. */
export async function waitForReceipt(
  context: Context,
  options: { readonly hash: Hash; readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<TransactionReceipt> {
  const timeoutMs = options.timeoutMs ?? 60_000
  const startedMs = performance.now()
  for (let delayMs = 20; ; delayMs = Math.min(delayMs * 2, 500)) {
    throwIfCancelled(options.signal)
    const receipt = await eth.getTransactionReceipt(context.viem, { hash: options.hash }).catch((error: unknown) => {
      const known = fromViemError(error)
      if (known instanceof ZerogError && known.reason === 'NOT_FOUND') return undefined
      throw known
    })
    if (receipt?.status === 'success') return receipt
    if (receipt !== undefined) {
      throw new ZerogError('TRANSACTION_REFUSED', {
        message: `transaction ${options.hash} was included in block ${receipt.blockNumber} but reverted`,
        metadata: { hash: options.hash, height: String(receipt.blockNumber) },
      })
    }
    const elapsedMs = performance.now() - startedMs
    if (elapsedMs > timeoutMs) {
      throw new ZerogError('DEADLINE_EXCEEDED', {
        message: `transaction ${options.hash} is not in a block after ${Math.round(elapsedMs)} ms; it may still come: ask again with its hash`,
        metadata: { hash: options.hash },
      })
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs))
  }
}

async function requireFunds(context: Context, address: `0x${string}`, needed: bigint): Promise<void> {
  const balance = await eth.getBalance(context.viem, { address })
  if (balance >= needed) return
  throw new ZerogError('INSUFFICIENT_FUNDS', {
    message: `${address} has ${balance} wei and needs up to ${needed} wei; fund it or use another account`,
    metadata: { address, balance: String(balance), needed: String(needed) },
  })
}

type Wallet = {
  readonly send: (transaction: SendTransactionParameters) => Promise<Hash>
  readonly account: Account | Address
  /** It signs in this process, so its nonces come from the queue; a wallet outside counts its own. */
  readonly isLocal: boolean
}

function walletOf(context: Context): Wallet {
  const signer = context.account
  assert(signer !== undefined, 'addressOf ran before')
  if (isWalletClient(signer)) {
    assert(signer.account !== undefined, 'addressOf ran before')
    // Its own action: that of a smart account differs from viem's.
    return { send: (tx) => signer.sendTransaction(tx), account: signer.account, isLocal: signer.account.type === 'local' }
  }
  // Not viem's wallet client, which brings all its actions into a bundle.
  const provider = isProvider(signer) ? signer.provider : providerOf(context.transport)
  const client = createClient({ transport: custom(provider, { retryCount: 0 }) })
  const send = (tx: SendTransactionParameters) => eth.sendTransaction(client, tx)
  return isProvider(signer)
    ? { send, account: signer.address, isLocal: false }
    : { send, account: signer, isLocal: signer.type === 'local' }
}

function isWalletClient(signer: Signer): signer is WalletClient {
  return 'sendTransaction' in signer && 'transport' in signer
}

function isProvider(signer: Signer): signer is { readonly provider: EIP1193Provider; readonly address: `0x${string}` } {
  return 'provider' in signer
}

import { ZerogError } from '@zerog/primitives'
import {
  type Account,
  createWalletClient,
  custom,
  type EIP1193Provider,
  type Hash,
  type Hex,
  type TransactionReceipt,
  type WalletClient,
} from 'viem'
import { type Context, chainOf, type Signer } from '../client.ts'
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
    const gas = options.gas ?? (await context.viem.estimateGas({ ...base, account: from }))
    const fees = await context.viem.estimateFeesPerGas({ chain })
    const feeMax = gas * fees.maxFeePerGas
    await requireFunds(context, from, base.value + feeMax)
    throwIfCancelled(options.signal)
    const { signer, isLocal } = walletOf(context)
    const account = isLocal ? (context.account as Account) : from // a local account was just recognised
    const send = (nonce?: number): Promise<Hash> =>
      signer.sendTransaction({ ...base, ...fees, gas, account, chain, ...(nonce === undefined ? {} : { nonce }) })
    // A wallet outside this process counts its own nonces.
    const hash = isLocal ? await context.nonces.use(from, send) : await send()
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
    const receipt = await context.viem.getTransactionReceipt({ hash: options.hash }).catch((error: unknown) => {
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
  const balance = await context.viem.getBalance({ address })
  if (balance >= needed) return
  throw new ZerogError('INSUFFICIENT_FUNDS', {
    message: `${address} has ${balance} wei and needs up to ${needed} wei; fund it or use another account`,
    metadata: { address, balance: String(balance), needed: String(needed) },
  })
}

function walletOf(context: Context): { readonly signer: WalletClient; readonly isLocal: boolean } {
  const signer = context.account
  if (signer === undefined) throw new Error('unreachable: addressOf ran before')
  if (isWalletClient(signer)) return { signer, isLocal: false }
  if (isProvider(signer)) return { signer: createWalletClient({ transport: custom(signer.provider) }), isLocal: false }
  const request = ({ method, params }: { method: string; params?: unknown }) =>
    context.transport.request('rpc', { method, params: (params ?? []) as readonly unknown[] })
  return {
    signer: createWalletClient({ account: signer, transport: custom({ request }, { retryCount: 0 }) }),
    isLocal: signer.type === 'local',
  }
}

function isWalletClient(signer: Signer): signer is WalletClient {
  return 'sendTransaction' in signer && 'transport' in signer
}

function isProvider(signer: Signer): signer is { readonly provider: EIP1193Provider; readonly address: `0x${string}` } {
  return 'provider' in signer
}

import { type Transport, ZerogError } from '@zerog/sdk'
import { type Hex, keccak256, numberToHex, type PrivateKeyAccount, pad } from 'viem'
import { type Caller, requirePromise } from './caller.ts'

/** A transaction whose hash the devnet returned: from then on it may not be lost. */
export type AcknowledgedTransfer = { readonly hash: Hex; readonly from: Hex; readonly nonce: number }

export type TransferLane = {
  readonly address: Hex
  /** Signs and sends so many, one after the other, each until it is acknowledged. */
  readonly run: (count: number) => Promise<void>
  /** The nonce after the last one used. */
  readonly nonceNext: () => number
}

const GWEI = 1_000_000_000n

/**
 * One account that sends signed value transfers. An outage leaves it open whether a transaction arrived, so the same bytes are sent
 * again: a nonce is never signed twice.
 */
export function transferLane(
  options: { readonly account: PrivateKeyAccount; readonly lane: number; readonly chainId: number; readonly nonceFirst: number },
  deps: { readonly caller: Caller; readonly onAcknowledged: (transfer: AcknowledgedTransfer) => void },
): TransferLane {
  const { account, lane, chainId } = options
  const { caller, onAcknowledged } = deps
  const from = account.address.toLowerCase() as Hex
  let next = options.nonceFirst

  async function send(nonce: number): Promise<void> {
    const raw = await account.signTransaction({
      chainId,
      nonce,
      type: 'eip1559',
      // A fresh address now and then, so that state grows.
      to: pad(numberToHex(0xc0de_0000 + lane * 0x1000 + (nonce % 64)), { size: 20 }),
      value: BigInt(1_000 + nonce),
      gas: 21_000n,
      maxFeePerGas: 10n * GWEI,
      maxPriorityFeePerGas: GWEI,
    })
    const hash = keccak256(raw)
    let uncertain = false
    await caller.persist(`transfer ${nonce} of ${from}`, async () => {
      try {
        const answer = await caller.transport.request('rpc', { method: 'eth_sendRawTransaction', params: [raw] })
        requirePromise(answer === hash, () => `the hash of ${hash} came back as ${answer}`)
      } catch (error) {
        const text = error instanceof Error ? error.message : ''
        if (uncertain && /already known/.test(text)) return
        // An earlier try was mined although its answer was lost: then it has a receipt.
        if (uncertain && /nonce too low/.test(text)) return await requireMined(caller.transport, hash)
        uncertain = true
        throw error
      }
    })
    onAcknowledged({ hash, from, nonce })
  }

  return {
    address: from,
    nonceNext: () => next,
    async run(count) {
      for (const end = next + count; next < end; next++) await send(next)
    },
  }
}

/** The validator counts a nonce when it executes the block; readers see the block when it is announced, so it is asked for again. */
async function requireMined(transport: Transport, hash: Hex): Promise<void> {
  const receipt = await transport.request('rpc', { method: 'eth_getTransactionReceipt', params: [hash] })
  if (receipt !== null) return
  throw new ZerogError('REPLICA_BEHIND', {
    message: `nonce too low, but ${hash} is in no announced block: not yet, or its nonce was used by another transaction`,
  })
}

import { fromHex, type Hex } from '@zerog/primitives'
import type { LocatedTransaction } from '../../../app/chain-backend.ts'
import { bytes, hexOrDecimal } from '../codecs/hex.ts'
import { CODE, JsonRpcError } from '../errors.ts'
import { formatReceipt } from '../format/receipt.ts'
import { type Method, type MethodContext, method, optional, required } from '../method.ts'

/** Signed transactions in. A hash that was returned is durable in the pool. */
export const ethSendMethods: Readonly<Record<string, Method>> = {
  eth_sendRawTransaction: method([required(bytes)], ({ backend }, raw) => backend.submit(fromHex(raw))),
  // EIP-7966: the receipt in one round trip.
  eth_sendRawTransactionSync: method([required(bytes), optional(hexOrDecimal)], async (context, raw, timeoutMs) => {
    const { syncWaitMs, syncWaitMaxMs } = context.limits
    const waitMs = timeoutMs === undefined || timeoutMs === 0n ? syncWaitMs : Math.min(Number(timeoutMs), syncWaitMaxMs)
    return sendAndWait(context, fromHex(raw), waitMs)
  }),
}

async function sendAndWait(context: MethodContext, raw: Uint8Array, waitMs: number): Promise<unknown> {
  const { backend, clock, signal } = context
  const hash = await backend.submit(raw)
  const located = await new Promise<LocatedTransaction | undefined>((resolve) => {
    const finish = (found: LocatedTransaction | undefined) => {
      stopBlocks()
      stopTimer()
      signal.removeEventListener('abort', giveUp)
      resolve(found)
    }
    const giveUp = () => finish(undefined)
    const look = () => {
      const found = backend.transaction(hash)
      if (found !== undefined) finish(found)
    }
    const stopBlocks = backend.onBlock(look)
    const stopTimer = clock.after(waitMs, giveUp)
    signal.addEventListener('abort', giveUp, { once: true })
    // It may have been sealed before we listened.
    look()
  })
  if (located === undefined) throw stillPending(hash, waitMs)
  return formatReceipt(located.block, located.index, located.logIndexFirst)
}

function stillPending(hash: Hex, waitMs: number): JsonRpcError {
  const message = `The transaction was added to the transaction pool but wasn't processed in ${waitMs} ms`
  return new JsonRpcError(CODE.syncTimeout, message, hash)
}

import { type Hex, keccak256, toHex, ZerogError } from '@zerog/primitives'
import type { ProviderAccount, ProviderEvent } from '../../src/app/broker/ports.ts'
import type { Batch, SentTransaction } from '../../src/app/broker/repository.ts'
import type { TransactionRequest, TransactionSender } from '../../src/app/broker/sender.ts'
import type { SettlementDeps } from '../../src/app/broker/settlement.ts'
import { address, word } from './receipts.ts'

type Item = { readonly user: Hex; readonly requestsHash: Hex; readonly nonce: bigint; readonly sum: bigint }
type Action = { readonly kind: 'anchor'; readonly root: Hex } | { readonly kind: 'settle'; readonly items: readonly Item[] }

/**
 * The rules of InferenceServing's settlement and ReceiptAnchor that billing depends on, as a model: nonces, partial payment, one
 * anchor per root, and a pool that includes a transaction when the test says so. Its blocks are kept, so that a follower may read them again.
 */
export function servingModel() {
  const balances = new Map<Hex, bigint>()
  const last = new Map<Hex, { requestsHash: Hex; nonce: bigint; claimed: bigint; paid: bigint }>()
  const anchors = new Set<Hex>()
  const actions = new Map<Hex, Action>()
  const pool = new Map<bigint, Hex>()
  const included = new Set<Hex>()
  const blocks: ProviderEvent[][] = []
  const paid = new Map<Hex, bigint>()
  let accountNonce = 0n

  function execute(hash: Hex): void {
    const action = actions.get(hash) as Action // only known ones get into the pool
    included.add(hash)
    if (action.kind === 'anchor') {
      if (anchors.has(action.root)) return // reverts
      anchors.add(action.root)
      blocks.push([{ kind: 'anchored', batchRoot: action.root }])
      return
    }
    blocks.push(action.items.flatMap((item) => judge(item, hash)))
  }

  function judge({ user, requestsHash, nonce, sum }: Item, transactionHash: Hex): ProviderEvent[] {
    const result = (status: number, unpaid: bigint): ProviderEvent => ({ kind: 'settled', user, status, unpaid, transactionHash })
    const balance = balances.get(user)
    if (balance === undefined) return [result(5, sum)]
    if ((last.get(user)?.nonce ?? 0n) >= nonce) return [result(4, sum)]
    const pays = sum < balance ? sum : balance
    last.set(user, { requestsHash, nonce, claimed: sum, paid: pays })
    balances.set(user, balance - pays)
    paid.set(user, (paid.get(user) ?? 0n) + pays)
    const changed: ProviderEvent = { kind: 'account_changed', user }
    return [...(pays > 0n ? [changed] : []), result(pays === sum ? 0 : 1, sum - pays)]
  }

  const chain: SettlementDeps['chain'] = {
    async account(user): Promise<ProviderAccount | undefined> {
      const balance = balances.get(user)
      if (balance === undefined) return undefined
      const nonce = last.get(user)?.nonce ?? 0n
      return { balance, pendingRefund: 0n, nonce, generation: 0n, revokedBitmap: 0n, acknowledged: true }
    },
    service: async () => ({ acknowledged: true }),
    isAnchored: async (root) => anchors.has(root),
    lastSettlement: async (user) => last.get(user) ?? { requestsHash: word(0), nonce: 0n, claimed: 0n, paid: 0n },
  }

  /** A sender of its own for each run of a broker: what it knows of nonces dies with it. */
  function sender(): TransactionSender {
    let next = 0n
    let serial = 0
    return {
      async sign({ data }, replaces): Promise<SentTransaction> {
        const nonce = replaces?.nonce ?? next
        const raw = toHex(new TextEncoder().encode(`${nonce} ${replaces === undefined ? '' : serial++} ${data}`))
        const hash = toHex(keccak256(new TextEncoder().encode(raw)))
        actions.set(hash, decodeAction(data))
        return { raw, hash, nonce }
      },
      async send({ hash, nonce }) {
        if (included.has(hash)) {
          if (nonce >= next) next = nonce + 1n
          return 'sent'
        }
        if (nonce < accountNonce) {
          next = accountNonce
          return 'nonce_used'
        }
        pool.set(nonce, hash)
        if (nonce >= next) next = nonce + 1n
        return 'sent'
      },
    }
  }

  return {
    chain,
    sender,
    blocks,
    /** Includes what the pool has for the next nonces. */
    seal(): void {
      for (let hash = pool.get(accountNonce); hash !== undefined; hash = pool.get(accountNonce)) {
        pool.delete(accountNonce)
        accountNonce++
        execute(hash)
      }
    },
    /** Another transaction of the same account takes the next nonce. */
    useNonce(): void {
      pool.delete(accountNonce)
      accountNonce++
    },
    deposit(user: Hex, amount: bigint): void {
      balances.set(user, (balances.get(user) ?? 0n) + amount)
      blocks.push([{ kind: 'account_changed', user }])
    },
    close(user: Hex): void {
      balances.delete(user)
      blocks.push([{ kind: 'account_changed', user }])
    },
    paidBy: (user: Hex) => paid.get(user) ?? 0n,
  }
}

const TO = address(1)
export const modelRequests: SettlementDeps['encode'] = {
  anchor: ({ root }: Batch): TransactionRequest => encodeAction({ kind: 'anchor', root }),
  settle: ({ users }: Batch): TransactionRequest => {
    const items = users
      .filter(({ outcome }) => outcome === undefined)
      .map(({ user, requestsHash, nonce, sum }) => ({ user, requestsHash, nonce, sum }))
    return encodeAction({ kind: 'settle', items })
  },
}

function encodeAction(action: Action): TransactionRequest {
  const text = JSON.stringify(action, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
  return { to: TO, data: toHex(new TextEncoder().encode(text)), gas: 1n }
}

function decodeAction(data: Hex): Action {
  const text = Buffer.from(data.slice(2), 'hex').toString()
  return JSON.parse(text, (_, value) => (typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value))
}

/** Throws at the n-th call of any method, before or after its effect, and at every call from then on: the process is dead. */
export function crashing<Target extends object>(target: Target, fuse: { left: number; after: boolean; dead: boolean }): Target {
  return new Proxy(target, {
    get(object, name, receiver) {
      const method = Reflect.get(object, name, receiver)
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        if (fuse.dead) throw crash()
        if (fuse.left-- > 0) return method.apply(object, args)
        fuse.dead = true
        if (fuse.after) await method.apply(object, args)
        throw crash()
      }
    },
  })
}

function crash(): ZerogError {
  return new ZerogError('INTERNAL', { message: 'the process died here (test)' })
}

/**
 * Hands out transaction nonces per account, one submission at a time: parallel callers never collide, and a submission that
 * fails gives its nonce back by asking the chain again.
 */
export type NonceQueue = {
  readonly use: <T>(address: `0x${string}`, submit: (nonce: number) => Promise<T>) => Promise<T>
}

export function createNonceQueue(pendingCount: (address: `0x${string}`) => Promise<number>): NonceQueue {
  const tails = new Map<string, Promise<unknown>>()
  const nextNonces = new Map<string, number>()

  async function submitNow<T>(address: `0x${string}`, submit: (nonce: number) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      // The chain may know more than we do: another program can send from the same account.
      const nonce = Math.max(await pendingCount(address), nextNonces.get(address) ?? 0)
      try {
        const result = await submit(nonce)
        nextNonces.set(address, nonce + 1)
        return result
      } catch (error) {
        nextNonces.delete(address)
        if (attempt >= 2 || !isNonceMismatch(error)) throw error
      }
    }
  }

  return {
    use: (address, submit) => {
      const key = address.toLowerCase()
      const before = tails.get(key) ?? Promise.resolve()
      const mine = before.then(() => submitNow(address, submit))
      const settled = mine.catch(() => {})
      tails.set(key, settled)
      void settled.then(() => {
        if (tails.get(key) === settled) tails.delete(key)
      })
      return mine
    },
  }
}

/** Somebody else took the nonce first: worth another try with the next one. */
function isNonceMismatch(error: unknown): boolean {
  return /nonce too low|replacement transaction underpriced/i.test(error instanceof Error ? error.message : String(error))
}

import type { ChainClient } from '@zerog/ports'
import { type Hex, isHex, ZerogError } from '@zerog/primitives'
import { CHAIN_ANSWER_BYTES_MAX, CHAIN_TIMEOUT_MS } from '../../limits.ts'

/**
 * The registry as an Ethereum JSON-RPC endpoint shows it: for members whose operator runs no chain service of this network. What it says about
 * committees is believed, so it should be the operator's own, or one whose word he takes; it cannot make a member sign what others accept.
 */
export function httpChain(options: { readonly url: string; readonly chainId: bigint }): Pick<ChainClient, 'call'> {
  const { url, chainId } = options
  let rightChain: Promise<void> | undefined

  async function request(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<Hex> {
    const timeout = AbortSignal.timeout(CHAIN_TIMEOUT_MS)
    const answer = await post(
      url,
      { jsonrpc: '2.0', id: 1, method, params },
      signal ? AbortSignal.any([signal, timeout]) : timeout,
    )
    const { result, error } = answer as { readonly result?: unknown; readonly error?: { readonly message?: unknown } | null }
    if (error !== undefined && error !== null) {
      throw new ZerogError('TRANSACTION_REFUSED', { message: `${method}: ${String(error.message).slice(0, 500)}` })
    }
    if (typeof result === 'string' && isHex(result.length % 2 === 0 ? result : `0x0${result.slice(2)}`)) return result as Hex
    throw unavailable(url, `answers ${method} with something else than hexadecimal`)
  }

  /** Once: an endpoint of another chain has a registry too, perhaps, and other members in it. */
  async function requireChain(): Promise<void> {
    const shown = BigInt(await request('eth_chainId', []))
    if (shown === chainId) return
    throw new ZerogError('CONFIG_INVALID', {
      message: `chainRpcUrl ${url} is of chain ${shown}, and this member of chain ${chainId}`,
      metadata: { field: 'chainRpcUrl' },
    })
  }

  return {
    async call({ to, data, height, signal }) {
      rightChain ??= requireChain()
      await rightChain.catch((error: unknown) => {
        rightChain = undefined
        throw error
      })
      return request('eth_call', [{ to, data }, height === undefined ? 'latest' : `0x${height.toString(16)}`], signal)
    },
  }
}

async function post(url: string, body: unknown, signal: AbortSignal): Promise<unknown> {
  try {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal, redirect: 'error' })
    const chunks: Uint8Array[] = []
    let sizeBytes = 0
    for await (const chunk of response.body ?? []) {
      sizeBytes += chunk.length
      if (sizeBytes > CHAIN_ANSWER_BYTES_MAX) throw new Error(`more than ${CHAIN_ANSWER_BYTES_MAX} bytes`)
      chunks.push(chunk)
    }
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    const answer: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (typeof answer === 'object' && answer !== null) return answer
    throw new Error('no JSON-RPC answer')
  } catch (cause) {
    throw unavailable(url, `gives no answer: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
}

function unavailable(url: string, problem: string, cause?: unknown): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `${new URL(url).host} ${problem}`, cause })
}

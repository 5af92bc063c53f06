import { bytesToBigint, fromHex, type Hex, isHex, keccak256, toHex, ZerogError } from '@zerog/primitives'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import type { Account } from '../../app/disperser/entrance.ts'

/** One request of Ethereum's JSON-RPC. Throws TRANSACTION_REFUSED where the answer is an error that a repetition does not cure. */
export type JsonRpc = (method: string, params: readonly unknown[]) => Promise<unknown>

/** The account of a private key, on any chain that speaks JSON-RPC. */
export function keyAccount(options: { readonly privateKey: Hex; readonly chainId: number }, rpc: JsonRpc): Account {
  const signer: PrivateKeyAccount = privateKeyToAccount(options.privateKey)
  const address = signer.address.toLowerCase() as Hex // viem gives checksummed hex
  return {
    address,
    nonce: async () => Number(quantity(await rpc('eth_getTransactionCount', [address, 'latest']), 'nonce')),
    async baseFee() {
      const block = record(await rpc('eth_getBlockByNumber', ['latest', false]), 'block')
      return quantity(block.baseFeePerGas, 'base fee')
    },
    estimateGas: async ({ to, data }) => quantity(await rpc('eth_estimateGas', [{ from: address, to, data }]), 'gas'),
    async sign({ nonce, to, data, gas, feePerGas, tipPerGas }) {
      const raw = await signer.signTransaction({
        type: 'eip1559',
        chainId: options.chainId,
        nonce,
        to,
        data,
        gas,
        maxFeePerGas: feePerGas,
        maxPriorityFeePerGas: tipPerGas,
      })
      const bytes = fromHex(raw)
      return { raw: bytes, hash: keccak256(bytes) }
    },
    async send(raw) {
      try {
        await rpc('eth_sendRawTransaction', [toHex(raw)])
      } catch (error) {
        // Whoever has it already has it.
        if (!/already known|nonce too low/i.test(String(error))) throw error
      }
    },
    async receipt(hash) {
      const answer = await rpc('eth_getTransactionReceipt', [toHex(hash)])
      if (answer === null) return undefined
      const { status, gasUsed, blockNumber } = record(answer, 'receipt')
      return {
        succeeded: quantity(status, 'status') === 1n,
        gasUsed: quantity(gasUsed, 'gas'),
        height: quantity(blockNumber, 'block number'),
      }
    },
  }
}

function quantity(value: unknown, what: string): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{1,64}$/i.test(value)) throw malformed(what)
  const even = value.length % 2 === 0 ? value : `0x0${value.slice(2)}`
  if (!isHex(even)) throw malformed(what)
  return bytesToBigint(fromHex(even))
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw malformed(what)
  return value as Record<string, unknown> // each field is checked where it is read
}

function malformed(what: string): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', { message: `the chain answered without a valid ${what}` })
}

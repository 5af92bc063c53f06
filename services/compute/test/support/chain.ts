import { grpcChainClient } from '@zerog/adapters/chain-client/grpc'
import { chainValidatorModule } from '@zerog/chain'
import { addresses, developmentAccounts, inferenceServingAbi, ledgerManagerAbi } from '@zerog/contracts'
import type { ChainClient } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import { ChainServiceDefinition, JsonRpcServiceDefinition } from '@zerog/proto/chain'
import { type TestWorld, testContext } from '@zerog/runtime/testing'
import { encodeFunctionData, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export const CHAIN_ID = 31337
export const AT = addresses({ chainId: BigInt(CHAIN_ID) })

/** A real validator with the compute contracts of the devnet's genesis, in this process. */
export type DevnetChain = {
  readonly client: ChainClient
  /** Sends from a development account and waits for the receipt; throws where it failed. */
  send(account: number, transaction: { readonly to: Hex; readonly data?: Hex; readonly value?: bigint }): Promise<Receipt>
  rpc(method: string, params: readonly unknown[]): Promise<any>
  close(): Promise<void>
}

export type Receipt = {
  readonly status: Hex
  readonly gasUsed: Hex
  readonly transactionHash: Hex
  readonly logs: readonly unknown[]
}

export async function devnetChain(world: TestWorld): Promise<DevnetChain> {
  const validator = await testContext({ module: chainValidatorModule, config: { blockTimeMs: 0 }, world })
  await validator.start()
  const developer = world.rpcAs('developer')
  const execute = developer.client(JsonRpcServiceDefinition, 'chain-validator')
  const client = grpcChainClient({
    service: developer.client(ChainServiceDefinition, 'chain-validator'),
    clock: world.clock,
    random: world.random,
    logger: world.logger,
  })

  async function rpc(method: string, params: readonly unknown[]): Promise<any> {
    const chunks: Uint8Array[] = []
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
    for await (const { chunk } of execute.execute({ body, minHeight: 0n })) chunks.push(chunk)
    const { result, error } = JSON.parse(Buffer.concat(chunks).toString())
    if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`)
    return result
  }

  return {
    client,
    rpc,
    async send(index, { to, data = '0x', value = 0n }) {
      const account = accountOf(index)
      const nonce = Number(await rpc('eth_getTransactionCount', [account.address, 'pending']))
      const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, gas: 2_000_000n }
      const raw = await account.signTransaction({ type: 'eip1559', chainId: CHAIN_ID, nonce, to, data, value, ...fees })
      const hash = await client.sendRawTransaction(raw)
      for (;;) {
        const receipt = await rpc('eth_getTransactionReceipt', [hash])
        if (receipt?.status === '0x1') return receipt
        if (receipt !== null) throw new Error(`transaction ${hash} failed`)
        await world.clock.sleep(5)
      }
    },
    close: () => validator.close(),
  }
}

export function accountOf(index: number) {
  return privateKeyToAccount((developmentAccounts()[index] as { privateKey: Hex }).privateKey)
}

/** A ledger of 10 0G, of which `amount` 0G go to a sub-account with the provider. */
export async function fund(chain: DevnetChain, user: number, provider: Hex, amount = '5'): Promise<void> {
  const deposit = encodeFunctionData({ abi: ledgerManagerAbi, functionName: 'depositFund' })
  await chain.send(user, { to: AT.ledgerManager, data: deposit, value: parseEther('10') })
  await transfer(chain, user, provider, amount)
}

export async function transfer(chain: DevnetChain, user: number, provider: Hex, amount: string): Promise<void> {
  const args = [provider, 'inference-v1.0', parseEther(amount)] as const
  const data = encodeFunctionData({ abi: ledgerManagerAbi, functionName: 'transferFund', args })
  await chain.send(user, { to: AT.ledgerManager, data })
}

export { inferenceServingAbi }

import { inferenceServingAbi, ledgerManagerAbi } from '@zerog/contracts'
import type { ChainClient, Clock } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import { decodeFunctionResult, encodeFunctionData } from 'viem/utils'
import { signAndSend, type TransactionRequest, type TransactionSender } from '../../app/broker/sender.ts'
import type { ProviderService, RouterChain } from '../../app/router/ports.ts'

/** The contract gives at most so many services per call. */
const PAGE = 50n
const PROVIDERS_MAX = 1000
/** Measured use with room; what is not used costs nothing. */
const GAS = { deposit: 400_000n, transfer: 700_000n } as const
/** A transaction is final within a few blocks; the change it makes is waited for. */
const SETTLED_MS = 60_000
const POLL_MS = 100

/** AccountNotExists(address,address) of the serving contract, LedgerNotExists(address) of the ledger. */
const ABSENT = ['0x08ca03ac', '0x7d2d536b']

export function routerChain(
  at: { readonly address: Hex; readonly ledgerManager: Hex; readonly inferenceServing: Hex },
  deps: { readonly chain: Pick<ChainClient, 'call'>; readonly sender: TransactionSender; readonly clock: Clock },
): RouterChain {
  const { chain, sender, clock } = deps
  let serviceName: string | undefined

  async function account(provider: Hex) {
    const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'getAccount', args: [at.address, provider] })
    const output = await existing(chain.call({ to: at.inferenceServing, data }))
    if (output === undefined) return undefined
    const { balance, pendingRefund, generation } = decodeFunctionResult({
      abi: inferenceServingAbi,
      functionName: 'getAccount',
      data: output,
    })
    return { balance, pendingRefund, generation }
  }

  async function ledger() {
    const data = encodeFunctionData({ abi: ledgerManagerAbi, functionName: 'getLedger', args: [at.address] })
    const output = await existing(chain.call({ to: at.ledgerManager, data }))
    if (output === undefined) return undefined
    const { availableBalance, totalBalance } = decodeFunctionResult({
      abi: ledgerManagerAbi,
      functionName: 'getLedger',
      data: output,
    })
    return { available: availableBalance, total: totalBalance }
  }

  /** Contracts call the service by type and version; the ledger knows it by its address. */
  async function fullName(): Promise<string> {
    if (serviceName !== undefined) return serviceName
    const data = encodeFunctionData({ abi: ledgerManagerAbi, functionName: 'getServiceInfo', args: [at.inferenceServing] })
    const output = await chain.call({ to: at.ledgerManager, data })
    const info = decodeFunctionResult({ abi: ledgerManagerAbi, functionName: 'getServiceInfo', data: output })
    serviceName = info.fullName
    return serviceName
  }

  async function until(reached: () => Promise<boolean>, what: string): Promise<void> {
    const endMs = clock.monotonicMs() + SETTLED_MS
    while (!(await reached())) {
      if (clock.monotonicMs() > endMs) {
        throw new ZerogError('DEADLINE_EXCEEDED', { message: `${what} did not take effect within ${SETTLED_MS} ms` })
      }
      await clock.sleep(POLL_MS)
    }
  }

  async function send(request: TransactionRequest): Promise<void> {
    await signAndSend(sender, request)
  }

  return {
    address: at.address,
    async services() {
      const services: ProviderService[] = []
      for (let offset = 0n; services.length < PROVIDERS_MAX; offset += PAGE) {
        const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'getAllServices', args: [offset, PAGE] })
        const output = await chain.call({ to: at.inferenceServing, data })
        const [page] = decodeFunctionResult({ abi: inferenceServingAbi, functionName: 'getAllServices', data: output })
        for (const service of page) {
          const { url, model, inputPrice, outputPrice, verifiability, additionalInfo } = service
          services.push({
            provider: service.provider.toLowerCase() as Hex, // viem decodes addresses to 0x and 40 digits
            url,
            model,
            inputPrice,
            outputPrice,
            verifiability,
            additionalInfo,
            signer: service.teeSignerAddress.toLowerCase() as Hex, // as above
            signerAcknowledged: service.teeSignerAcknowledged,
          })
        }
        if (BigInt(page.length) < PAGE) break
      }
      return services
    },
    account,
    ledger,
    async deposit(amount) {
      const before = (await ledger())?.total ?? 0n
      const data = encodeFunctionData({ abi: ledgerManagerAbi, functionName: 'depositFund', args: [] })
      await send({ to: at.ledgerManager, data, value: amount, gas: GAS.deposit })
      await until(async () => ((await ledger())?.total ?? 0n) >= before + amount, 'the deposit')
    },
    async transfer(provider, amount) {
      const before = (await account(provider))?.balance ?? 0n
      const data = encodeFunctionData({
        abi: ledgerManagerAbi,
        functionName: 'transferFund',
        args: [provider, await fullName(), amount],
      })
      await send({ to: at.ledgerManager, data, gas: GAS.transfer })
      await until(async () => ((await account(provider))?.balance ?? 0n) > before, 'the transfer')
    },
  }
}

async function existing(call: Promise<Hex>): Promise<Hex | undefined> {
  try {
    return await call
  } catch (error) {
    const data = error instanceof ZerogError ? error.metadata.data : undefined
    if (data !== undefined && ABSENT.some((selector) => data.startsWith(selector))) return undefined
    throw error
  }
}

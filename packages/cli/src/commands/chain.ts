import { ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'
import type { Hex } from 'viem'
import type { Act } from '../action.ts'
import { table } from '../output/output.ts'
import { createProgress } from '../output/progress.ts'
import { addChainStatus } from './chain-status.ts'
import { readingClient, signingClient } from './client.ts'
import { addConformance } from './conformance.ts'
import { addValidatorKey } from './validator-key.ts'
import { formatAmount, parseAddress, parseAmount, parseBlockId, parseBytes, parseHash, parseHeight } from './values.ts'

export function addChainCommands(program: Command, act: Act): void {
  const chain = program.command('chain').description('blocks, transactions, balances, contracts')

  addChainStatus(chain, act)

  chain
    .command('block')
    .argument('[id]', 'height, block hash, or latest', 'latest')
    .description('a finalized block')
    .action(act(async (context, id: string) => ({ data: await (await readingClient(context)).chain.block(parseBlockId(id)) })))

  chain
    .command('tx')
    .argument('<hash>', 'transaction hash, 32 bytes hex')
    .description('a transaction')
    .action(
      act(async (context, hash: string) => ({
        data: await (await readingClient(context)).chain.transaction(parseHash(hash, 'transaction hash')),
      })),
    )

  chain
    .command('receipt')
    .argument('<hash>', 'transaction hash, 32 bytes hex')
    .description('what a transaction did: status, gas, logs')
    .action(
      act(async (context, hash: string) => ({
        data: await (await readingClient(context)).chain.receipt(parseHash(hash, 'transaction hash')),
      })),
    )

  chain
    .command('balance')
    .argument('<address>', '0x address, account name, or dev0 to dev9')
    .description('balance and next nonce of an account')
    .action(
      act(async (context, text: string) => {
        const address = await parseAddress(context, text)
        const client = await readingClient(context)
        const [balance, nonce] = await Promise.all([client.chain.balance(address), client.chain.nonce(address)])
        const data = { address, balance, nonce }
        return { data, text: `${formatAmount(balance)} (${balance} wei), next nonce ${nonce}` }
      }),
    )

  addCallCommands(chain, act)
  addRebuild(chain, act)
  addConformance(chain, act)
  addValidatorKey(chain, act)
}

function addCallCommands(chain: Command, act: Act): void {
  chain
    .command('call')
    .argument('<to>', 'contract address')
    .argument('[data]', 'calldata: 0x text, hex, base64 or @file', '0x')
    .description('eth_call: run a contract without a transaction; prints the returned bytes')
    .action(
      act(async (context, to: string, data: string) => {
        const client = await readingClient(context)
        const output = await client.chain.call({ to: await parseAddress(context, to), data: await parseBytes(data) })
        return { data: { output }, text: output }
      }),
    )

  chain
    .command('send')
    .argument('[to]', 'receiver; leave it out with --create')
    .option('--value <amount>', 'what to send: 1.5, 1.5ether, 20gwei, 100wei', '0')
    .option('--data <bytes>', 'calldata: 0x text, hex, base64 or @file', '0x')
    .option('--create', 'deploy --data as a contract')
    .option('--no-wait', 'return with the hash, without the receipt')
    .description('sign and send a transaction; waits until it is in a finalized block')
    .addHelpText('after', '\nExamples:\n  zerog chain send dev1 --value 1.5\n  zerog chain send --create --data @contract.bin\n')
    .action(
      act(async (context, to: string | undefined, options: SendFlags) => {
        if ((to === undefined) !== (options.create === true)) {
          throw new ZerogError('INVALID_ARGUMENT', { message: 'give a receiver, or --create to deploy a contract, but not both' })
        }
        return send(context, to, options)
      }),
    )

  chain
    .command('logs')
    .option('--address <address>', 'contract that emitted them')
    .option('--from <height>', 'first block', '0')
    .option('--to <height>', 'last block, or latest', 'latest')
    .description('event logs of finalized blocks')
    .action(
      act(async (context, options: { address?: string; from: string; to: string }) => {
        const fromHeight = parseHeight(options.from)
        const toHeight = options.to === 'latest' ? options.to : parseHeight(options.to)
        if (toHeight !== 'latest' && fromHeight > toHeight) {
          const message = `--from ${fromHeight} is above --to ${toHeight}: the first block comes first`
          throw new ZerogError('INVALID_ARGUMENT', { message })
        }
        const logs = await (await readingClient(context)).chain.logs({
          fromHeight,
          toHeight,
          ...(options.address === undefined ? {} : { address: await parseAddress(context, options.address) }),
        })
        const rows = logs.map((log) => [
          String(log.blockNumber),
          String(log.logIndex),
          log.address,
          log.topics[0] ?? '',
          log.transactionHash ?? '',
        ])
        return { data: logs, text: table(['height', 'index', 'address', 'topic', 'transaction'], rows) }
      }),
    )
}

type SendFlags = { value: string; data: string; create?: boolean; wait: boolean }

async function send(context: Parameters<Parameters<Act>[0]>[0], to: string | undefined, options: SendFlags) {
  const client = await signingClient(context)
  const value = parseAmount(options.value)
  const data = await parseBytes(options.data)
  const receiver = to === undefined ? {} : { to: await parseAddress(context, to) }
  if (context.flags.dryRun === true) {
    const { addressOf } = await import('@zerog/sdk')
    const from = addressOf(client)
    const { estimateFeesPerGas, estimateGas } = await import('viem/actions')
    const gas = await estimateGas(client.viem, { account: from, value, data, to: 'to' in receiver ? receiver.to : null })
    const fees = await estimateFeesPerGas(client.viem)
    return { data: { dryRun: true, from, ...receiver, value, data, gas, feeMax: gas * fees.maxFeePerGas } }
  }
  const sent = await client.chain.send({ ...receiver, value, data, signal: context.signal })
  if (!options.wait) return { data: sent, text: sent.hash }
  const receipt = await client.chain.waitForReceipt({
    hash: sent.hash,
    signal: context.signal,
    timeoutMs: (await context.settings()).timeoutMs,
  })
  const done = {
    hash: sent.hash,
    from: sent.from,
    ...receiver,
    height: receipt.blockNumber,
    gasUsed: receipt.gasUsed,
    fee: receipt.gasUsed * receipt.effectiveGasPrice,
    ...(receipt.contractAddress === null || receipt.contractAddress === undefined
      ? {}
      : { contract: receipt.contractAddress as Hex }),
  }
  return { data: done }
}

function addRebuild(chain: Command, act: Act): void {
  chain
    .command('rebuild')
    .description('write the state of a stopped devnet again from its stored blocks')
    .action(
      act(async (context) => {
        const { rebuildStoredChains } = await import('../devnet/maintain.ts')
        const progress = createProgress(context.output)
        const stores = await rebuildStoredChains(context, ({ store, height, headHeight }) =>
          progress.update({ phase: store, done: Number(height), total: Number(headHeight), unit: 'blocks' }),
        )
        progress.end()
        const text = stores.map(({ store, blocks }) => `${store}: ${blocks} blocks replayed`).join('\n')
        return { data: { stores }, text }
      }),
    )
}

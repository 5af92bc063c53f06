import { ZerogError } from '@zerog/primitives'
import type { ProvenBlock } from '@zerog/sdk/light'
import type { Command } from 'commander'
import type { Hex } from 'viem'
import type { Act } from '../action.ts'
import { EXIT } from '../exit-codes.ts'
import { fieldLines } from '../output/output.ts'
import { readingClient } from './client.ts'
import { parseHash } from './values.ts'

/** What the light client found about the newest block. */
type Finality =
  | ({ readonly proven: true } & Omit<ProvenBlock, 'header'>)
  | { readonly proven: false; readonly reason: string; readonly problem: string }

export function addChainStatus(chain: Command, act: Act): void {
  chain
    .command('status')
    .option('--trust <hash>', 'hash of the validator set that you believe, from somebody other than the node')
    .description('height, validators, and the newest certificate, verified here by the light client')
    .addHelpText('after', '\nExit code 9 when the certificate does not prove the block.\n')
    .action(
      act(async (context, options: { trust?: string }) => {
        const trust = options.trust === undefined ? undefined : parseHash(options.trust, 'validator set hash')
        const client = await readingClient(context)
        const { proveBlock, nobleMultisignature } = await import('@zerog/sdk/light')
        const [status, peers] = await Promise.all([client.chain.status(), peerCount(client)])
        const proven = proveBlock(client, status.height, {
          multisignature: nobleMultisignature,
          signal: context.signal,
          ...(trust !== undefined && { trust }),
        })
        const finality = await proven.then(toFinality(status.blockHash), toProblem)
        if (!finality.proven && finality.reason === 'PROOF_INVALID') context.exitWith(EXIT.verificationFailed)
        return {
          data: { ...status, peers, finality },
          text: fieldLines({ ...status, ...textOf(finality), peers: peers || 'none' }),
        }
      }),
    )
}

async function peerCount(client: Awaited<ReturnType<typeof readingClient>>): Promise<number> {
  return Number(await client.transport.request('rpc', { method: 'net_peerCount' }))
}

const toFinality =
  (blockHash: Hex) =>
  ({ header, ...rest }: ProvenBlock): Finality =>
    header.hash === blockHash
      ? { proven: true, ...rest }
      : { proven: false, reason: 'PROOF_INVALID', problem: `the certificate is of ${header.hash}, the node shows ${blockHash}` }

function toProblem(error: unknown): Finality {
  // Genesis has no certificate, and other networks have none at all: that is no failure of the command.
  if (!(error instanceof ZerogError)) throw error
  const { reason, message, metadata } = error
  const problem = metadata.code === '-32601' ? 'the node offers no certificates' : message
  if (reason === 'PROOF_INVALID' || reason === 'WRONG_STATE' || metadata.code === '-32601')
    return { proven: false, reason, problem }
  throw error
}

function textOf(finality: Finality): Readonly<Record<string, unknown>> {
  if (!finality.proven) return { finality: 'not proven', certificate: finality.problem }
  const { validatorSetHash, validatorCount, trusted, certificate } = finality
  const { epoch, view, signerCount, sizeBytes } = certificate
  return {
    finality: 'final: latest, safe and finalized are this block',
    validatorSet: `${validatorSetHash} ${trusted ? '(trusted)' : '(as the node says: name it with --trust to rely on it)'}`,
    certificate: `valid: epoch ${epoch}, view ${view}, signed by ${signerCount} of ${validatorCount}, ${sizeBytes} bytes`,
  }
}

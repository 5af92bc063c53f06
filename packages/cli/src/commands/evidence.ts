import { ZerogError } from '@zerog/primitives'
import { getEvidence } from '@zerog/sdk'
import type { Command } from 'commander'
import type { Act, ActionContext } from '../action.ts'
import { readingClient } from './client.ts'
import { credentials } from './compute.ts'
import { readInput, requireWritable, writeOutput } from './files.ts'

type Flags = { readonly out?: string; readonly request?: string; readonly response?: string; readonly wait: boolean }

export function addEvidenceCommands(program: Command, act: Act): void {
  const evidence = program.command('evidence').description('files that show how an answer came about; `zerog verify` checks them')
  evidence
    .command('get')
    .argument('<answer id>', 'as `compute chat` and `compute usage` show it')
    .option('--out <file>', 'where to write it (default: <answer id>.0gev in this folder)')
    .option('--request <file>', 'bytes of the request, put into the file')
    .option('--response <file>', 'bytes of the answer, put into the file')
    .option('--no-wait', 'do not wait until the answer is settled')
    .description('fetch evidence of an answer of this key')
    .addHelpText(
      'after',
      '\nEvidence exists once the fee is settled: --timeout limits the wait. Nobody need be trusted for the file: `zerog verify` judges it.\n' +
        '\nExample:\n  zerog evidence get chatcmpl-… --out answer.0gev && zerog verify answer.0gev --trust 0x5c1f…\n',
    )
    .action(act(async (context, id: string, flags: Flags) => fetchEvidence(context, id, flags)))
}

async function fetchEvidence(context: ActionContext, id: string, flags: Flags) {
  if ((flags.request === undefined) !== (flags.response === undefined)) {
    throw new ZerogError('INVALID_ARGUMENT', { message: 'give --request and --response together, or neither' })
  }
  const file = flags.out ?? `${id.replace(/[^\w.-]/g, '_')}.0gev`
  await requireWritable(file)
  const [client, key] = await Promise.all([readingClient(context), credentials(context)])
  const waitMs = flags.wait ? (await context.settings()).timeoutMs : 0
  const fetched = await getEvidence(client, id, { ...key, waitMs, signal: context.signal })
  const bytes = await withAnswer(fetched, flags)
  await writeOutput(file, bytes)
  return {
    data: { id, file, sizeBytes: bytes.length, mode: bytes === fetched ? 'hash' : 'full' },
    text: `${file}: ${bytes.length} bytes; zerog verify ${file} --trust <set hash> checks it`,
  }
}

async function withAnswer(bytes: Uint8Array, { request, response }: Flags): Promise<Uint8Array> {
  if (request === undefined || response === undefined) return bytes
  const { attachAnswer } = await import('@zerog/sdk/verify')
  return attachAnswer(bytes, { request: await readInput(request), response: await readInput(response) })
}

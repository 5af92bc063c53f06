import { ZerogError } from '@zerog/primitives'
import type { DaBlob } from '@zerog/sdk'
import type { Command } from 'commander'
import type { Act, ActionContext } from '../action.ts'
import { createProgress } from '../output/progress.ts'
import { readingClient } from './client.ts'
import { addDaOperatorCommands } from './da-operator.ts'
import { formatBytes, parseHash, parseInteger } from './values.ts'

const WAITS = ['queued', 'certified', 'finalized'] as const

export function addDaCommands(program: Command, act: Act): void {
  const da = program.command('da').description('data availability: disperse blobs, read them back, sample them')

  da.command('disperse')
    .alias('put')
    .argument('<file>')
    .option('--wait <state>', 'queued, certified or finalized', 'finalized')
    .option('--retention <seconds>', "how long the nodes keep it; 0 is the network's default", '0')
    .option('--key <text>', 'idempotency key: the same key with the same bytes is the same blob')
    .description('hand a file to data availability')
    .addHelpText(
      'after',
      '\nExamples:\n  zerog da disperse ./batch.bin\n  zerog da disperse ./batch.bin --wait certified --json\n',
    )
    .action(act(async (context, file: string, options: DisperseFlags) => disperseFile(context, file, options)))

  da.command('get')
    .argument('<id>', 'as disperse printed it')
    .argument('[file]', 'where to; - is stdout', '-')
    .option('--range <start-end>', 'bytes from start to before end')
    .option('--force', 'overwrite a file that exists')
    .description('read a blob back out of the nodes, checked against its hash')
    .action(act(async (context, id: string, file: string, options: GetFlags) => getFile(context, { id, file, options })))

  da.command('status')
    .argument('<id>', 'as disperse printed it')
    .description('state, parts and transactions of a blob')
    .action(
      act(async (context, id: string) => {
        const blob = await (await readingClient(context)).da.blob(id)
        return { data: blob }
      }),
    )

  da.command('certificate')
    .argument('<commitment>', 'of the bundle, 32 bytes hex')
    .requiredOption('--epoch <n>', 'epoch of the bundle')
    .description('what the committee signed for a bundle')
    .action(
      act(async (context, text: string, options: { epoch: string }) => ({
        data: await (await readingClient(context)).da.certificate(bundleOf(text, options.epoch)),
      })),
    )

  da.command('committee')
    .option('--epoch <n>', 'default: the newest')
    .description('members of a committee with their stake')
    .action(
      act(async (context, options: { epoch?: string }) => {
        const epoch = options.epoch === undefined ? {} : { epoch: parseEpoch(options.epoch) }
        return { data: await (await readingClient(context)).da.committee(epoch) }
      }),
    )

  da.command('quote')
    .argument('<bytes>', 'size of the blob')
    .option('--retention <seconds>', "how long the nodes keep it; 0 is the network's default", '0')
    .description('price of a blob and the shape of its bundle')
    .action(
      act(async (context, text: string, options: { retention: string }) => {
        const sizeBytes = parseInteger(text, { what: '<bytes>', min: 1, max: Number.MAX_SAFE_INTEGER })
        return { data: await (await readingClient(context)).da.quote({ sizeBytes, ...retentionOf(options.retention) }) }
      }),
    )

  da.command('light')
    .argument('<commitment>', 'of the bundle, 32 bytes hex')
    .requiredOption('--epoch <n>', 'epoch of the bundle')
    .option('--rows <n>', 'how many random rows are asked for', '16')
    .option('--committee-root <hash>', 'root of the committee that you trust; default: what the gateway says')
    .description('check the certificate and sample random rows, each proven against the commitment')
    .action(act(async (context, text: string, options: LightFlags) => sample(context, text, options)))

  addDaOperatorCommands(da, act)
}

type DisperseFlags = { wait: string; retention: string; key?: string }
type GetFlags = { range?: string; force?: boolean }
type LightFlags = { epoch: string; rows: string; committeeRoot?: string }

async function disperseFile(context: ActionContext, path: string, options: DisperseFlags) {
  const wait = WAITS.find((state) => state === options.wait)
  if (wait === undefined) throw new ZerogError('INVALID_ARGUMENT', { message: `--wait is one of ${WAITS.join(', ')}` })
  const client = await readingClient(context)
  if (context.flags.dryRun === true) {
    const { stat } = await import('node:fs/promises')
    const { size } = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      throw new ZerogError('NOT_FOUND', { message: `cannot read ${path}: ${cause.code ?? cause.message}`, cause })
    })
    return { data: { dryRun: true, sizeBytes: size, ...(await client.da.quote({ sizeBytes: size })) } }
  }
  const startedMs = performance.now()
  const blob = await client.da.disperse(
    { path },
    {
      wait,
      signal: context.signal,
      timeoutMs: (await context.settings()).timeoutMs,
      ...retentionOf(options.retention),
      ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
    },
  )
  const seconds = Number(((performance.now() - startedMs) / 1000).toFixed(3))
  return { data: { ...blob, seconds }, text: describe(blob, seconds) }
}

function describe(blob: DaBlob, seconds: number): string {
  const parts = blob.parts.map(({ commitment, epoch, index }) => `bundle ${commitment}, epoch ${epoch}, blob ${index}`)
  return [
    `${blob.id}`,
    `${formatBytes(blob.sizeBytes)}, ${blob.state} after ${seconds} s`,
    ...parts,
    `read it back: zerog da get ${blob.id} <file>`,
  ].join('\n')
}

async function getFile(
  context: ActionContext,
  request: { readonly id: string; readonly file: string; readonly options: GetFlags },
) {
  const { id, file, options } = request
  const { saveDownload } = await import('./storage-save.ts')
  const client = await readingClient(context)
  const progress = createProgress(context.output)
  try {
    const range = options.range === undefined ? {} : { range: parseRange(options.range) }
    const bytes = await client.da.retrieve(id, { signal: context.signal, ...range })
    const source = (async function* () {
      yield bytes
    })()
    const sizeBytes = await saveDownload(source, { to: file, force: options.force === true, out: process.stdout })
    if (file === '-') return undefined
    const verified = options.range === undefined
    return {
      data: { id, file, sizeBytes, verified },
      text: `${file}: ${formatBytes(sizeBytes)}${verified ? ', its hash is right' : ''}`,
    }
  } finally {
    progress.end()
  }
}

async function sample(context: ActionContext, text: string, options: LightFlags) {
  const { nobleMultisignature, sampleBundle } = await import('@zerog/sdk/light')
  const report = await sampleBundle(await readingClient(context), bundleOf(text, options.epoch), {
    multisignature: nobleMultisignature,
    rows: parseInteger(options.rows, { what: '--rows', min: 1, max: 512 }),
    signal: context.signal,
    ...(options.committeeRoot === undefined ? {} : { committeeRoot: parseHash(options.committeeRoot, 'committee root') }),
  })
  if (!report.available) context.exitWith(9)
  const bad = report.rows.filter(({ ok }) => !ok)
  const { signers, members, stakeShare } = report.certificate
  const lines = [
    `certificate   valid, ${signers} of ${members} members, ${(100 * stakeShare).toFixed(1)} % of the stake`,
    `rows          ${report.rows.length - bad.length} of ${report.rows.length} served and proven, ${formatBytes(report.bytesFetched)}`,
    `withholding   missed with probability ${power(report.withholdingMissProbability)} (nodes that answer everybody alike)`,
    `bad encoding  missed with probability ${power(report.encodingMissProbability)} (each signer checked 148 rows or more)`,
    ...bad.map(({ index, problem }) => `row ${index}: ${problem}`),
  ]
  return { data: report, text: lines.join('\n') }
}

function power(probability: number): string {
  return probability === 0 ? '0' : `2^${Math.log2(probability).toFixed(1)}`
}

function bundleOf(commitment: string, epoch: string) {
  return { commitment: parseHash(commitment, 'commitment'), epoch: parseEpoch(epoch) }
}

function parseEpoch(text: string): number {
  return parseInteger(text, { what: '--epoch', min: 0, max: Number.MAX_SAFE_INTEGER })
}

function retentionOf(text: string): { readonly retentionSeconds?: number } {
  const seconds = parseInteger(text, { what: '--retention', min: 0, max: 0xffffffff })
  return seconds === 0 ? {} : { retentionSeconds: seconds }
}

function parseRange(text: string): { readonly start: number; readonly end: number } {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(text)
  if (match !== null && Number(match[1]) < Number(match[2])) return { start: Number(match[1]), end: Number(match[2]) }
  throw new ZerogError('INVALID_ARGUMENT', { message: `--range: ${text} is no range; write 0-1024` })
}

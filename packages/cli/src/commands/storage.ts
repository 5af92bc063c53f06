import { ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'
import type { Act, ActionContext } from '../action.ts'
import { createProgress } from '../output/progress.ts'
import { readingClient, signingClient } from './client.ts'
import { formatAmount, formatBytes, parseBytes, parseInteger, parseRoot } from './values.ts'

const WAITS = ['submitted', 'confirmed', 'finalized'] as const

export function addStorageCommands(program: Command, act: Act): void {
  const storage = program.command('storage').description('files: store, fetch, check')

  storage
    .command('cp')
    .argument('<from>', 'a file, or zg://<root>')
    .argument('<to>', 'zg:// to store, or a file (- is stdout) to fetch into')
    .option('--transfers <n>', 'segments that travel at once', '8')
    .option('--wait <level>', 'store: submitted, confirmed or finalized', 'finalized')
    .option('--tags <bytes>', 'store: stream ids of the entry, 32 bytes each')
    .option('--range <start-end>', 'fetch: bytes from start to before end')
    .option('--force', 'fetch: overwrite a file that exists')
    .description('copy a file to storage or from it; the same command continues what was cut off')
    .addHelpText('after', '\nExamples:\n  zerog storage cp ./model.bin zg://\n  zerog storage cp zg://0x3f…/ ./model.bin\n')
    .action(
      act(async (context, from: string, to: string, options: CopyFlags) => {
        if (to.startsWith('zg://') && !from.startsWith('zg://')) return uploadFile(context, from, options)
        if (from.startsWith('zg://') && !to.startsWith('zg://')) return downloadFile(context, from, to, options)
        throw new ZerogError('INVALID_ARGUMENT', {
          message: 'one side is a file, the other zg://: `cp file zg://` stores, `cp zg://<root> file` fetches',
        })
      }),
    )

  storage
    .command('upload')
    .alias('put')
    .argument('<file>')
    .option('--transfers <n>', 'segments that travel at once', '8')
    .option('--wait <level>', 'submitted, confirmed or finalized', 'finalized')
    .option('--tags <bytes>', 'stream ids of the entry, 32 bytes each')
    .description('store a file (as cp <file> zg://)')
    .action(act(async (context, file: string, options: CopyFlags) => uploadFile(context, file, options)))

  storage
    .command('download')
    .alias('get')
    .argument('<root>', 'zg://<root> or the root, 32 bytes hex')
    .argument('[file]', 'where to; - is stdout', '-')
    .option('--transfers <n>', 'segments that travel at once', '8')
    .option('--range <start-end>', 'bytes from start to before end')
    .option('--force', 'overwrite a file that exists')
    .description('fetch a file, every segment proven against the root')
    .action(act(async (context, root: string, file: string, options: CopyFlags) => downloadFile(context, root, file, options)))

  addInspection(storage, act)
}

function addInspection(storage: Command, act: Act): void {
  storage
    .command('ls')
    .option('--from <n>', 'first submission index', '0')
    .option('--limit <n>', 'how many at most', '50')
    .description('entries of the flow contract, oldest first')
    .action(
      act(async (context, options: { from: string; limit: string }) => {
        const { listFiles } = await import('./storage-list.ts')
        return listFiles(context, {
          from: parseInteger(options.from, { what: '--from', min: 0, max: Number.MAX_SAFE_INTEGER }),
          limit: parseInteger(options.limit, { what: '--limit', min: 1, max: 1_000 }),
        })
      }),
    )

  storage
    .command('stat')
    .argument('<root>', 'zg://<root> or the root, 32 bytes hex')
    .description('size, submission, whether enough nodes hold it')
    .action(act(async (context, root: string) => ({ data: await (await readingClient(context)).storage.stat(parseRoot(root)) })))

  storage
    .command('check')
    .argument('<root>', 'zg://<root> or the root, 32 bytes hex')
    .argument('[file]', 'a local file that must be the same')
    .description('fetch every segment and prove it against the root; with a file, compare its root too')
    .action(
      act(async (context, text: string, file: string | undefined) => {
        const root = parseRoot(text)
        const client = await readingClient(context)
        const progress = createProgress(context.output)
        let sizeBytes = 0
        const segments = client.storage.download(root, {
          signal: context.signal,
          onProgress: ({ done, total }) => progress.update({ phase: 'check', done, total, unit: 'bytes' }),
        })
        for await (const part of segments) sizeBytes += part.length
        progress.end()
        const local = file === undefined ? undefined : await client.storage.root({ path: file })
        if (local !== undefined && local !== root) {
          throw new ZerogError('VERIFICATION_FAILED', {
            message: `${file} has root ${local}, not ${root}`,
            metadata: { root, local },
          })
        }
        const data = { root, sizeBytes, verified: true, ...(file === undefined ? {} : { file }) }
        return { data, text: `${root} is whole: ${formatBytes(sizeBytes)}, every segment proven` }
      }),
    )

  storage
    .command('root')
    .argument('<file>')
    .description('the root of a file, computed here without a network')
    .action(
      act(async (_context, file: string) => {
        const { fileRoot } = await import('@zerog/sdk')
        const root = await fileRoot({ path: file })
        return { data: { root, file }, text: root }
      }),
    )
}

type CopyFlags = { transfers: string; wait?: string; tags?: string; range?: string; force?: boolean }

async function uploadFile(context: ActionContext, path: string, options: CopyFlags) {
  const wait = WAITS.find((level) => level === (options.wait ?? 'finalized'))
  if (wait === undefined) throw new ZerogError('INVALID_ARGUMENT', { message: `--wait is one of ${WAITS.join(', ')}` })
  const parallel = parseInteger(options.transfers, { what: '--transfers', min: 1, max: 256 })
  if (context.flags.dryRun === true) {
    const estimate = await (await readingClient(context)).storage.estimate({ path })
    return { data: { dryRun: true, ...estimate } }
  }
  const client = await signingClient(context)
  const progress = createProgress(context.output)
  const startedMs = performance.now()
  try {
    const done = await client.storage.upload(
      { path },
      {
        wait,
        parallel,
        signal: context.signal,
        timeoutMs: (await context.settings()).timeoutMs,
        ...(options.tags === undefined ? {} : { tags: await parseBytes(options.tags) }),
        onProgress: ({ phase, done, total }) =>
          progress.update({ phase, done, total, unit: phase === 'hash' ? 'bytes' : phase === 'upload' ? 'segments' : 'steps' }),
      },
    )
    const data = { ...done, seconds: Number(((performance.now() - startedMs) / 1000).toFixed(3)) }
    const cost = done.txHash === undefined ? 'it was stored already' : `fee ${formatAmount(done.fee)}, transaction ${done.txHash}`
    return {
      data,
      text: `${done.root}\n${formatBytes(done.sizeBytes)}, ${cost}\nread it back: zerog storage cp zg://${done.root} <file>`,
    }
  } finally {
    progress.end()
  }
}

async function downloadFile(context: ActionContext, from: string, to: string, options: CopyFlags) {
  const { saveDownload } = await import('./storage-save.ts')
  const root = parseRoot(from)
  const client = await readingClient(context)
  const progress = createProgress(context.output)
  try {
    const bytes = client.storage.download(root, {
      signal: context.signal,
      parallel: parseInteger(options.transfers, { what: '--transfers', min: 1, max: 256 }),
      onProgress: ({ done, total }) => progress.update({ phase: 'download', done, total, unit: 'bytes' }),
      ...(options.range === undefined ? {} : { range: parseRange(options.range) }),
    })
    const sizeBytes = await saveDownload(bytes, { to, force: options.force === true, out: process.stdout })
    if (to === '-') return undefined
    return { data: { root, file: to, sizeBytes, verified: true }, text: `${to}: ${formatBytes(sizeBytes)}, every segment proven` }
  } finally {
    progress.end()
  }
}

function parseRange(text: string): { readonly start: number; readonly end?: number } {
  const match = /^(\d{1,15})-(\d{1,15})?$/.exec(text)
  if (match === null) throw new ZerogError('INVALID_ARGUMENT', { message: `--range: ${text} is no range; write 0-1024 or 1024-` })
  return { start: Number(match[1]), ...(match[2] === undefined ? {} : { end: Number(match[2]) }) }
}

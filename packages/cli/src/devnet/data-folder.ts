import { mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFolder } from '@zerog/adapters'
import { ZerogError } from '@zerog/primitives'
import { z } from 'zod'

/**
 * Raised when data of an older release cannot be read any more; migrations inside a format do not touch it. 2: records carry a checksum of
 * their key, and genesis holds another Flow contract.
 */
export const DATA_FORMAT = 2
const FREE_BYTES_MIN = 512 * 1024 * 1024

export const LAUNCHER_LOG = 'launcher.log'

/** What --reset deletes: everything this launcher and its targets write, and nothing else that may lie in the folder. */
const OWN_ENTRIES = ['format.json', 'endpoints.json', 'launcher.json', 'postgres', 'targets', 'tls', 'logs']

/** What the genesis of a devnet was made of: a later start must say the same. */
export type Genesis = {
  readonly chainOnly: boolean
  readonly baseFee: 'constant' | 'eip1559'
  readonly accounts: number
  readonly daNodes: number
}

const genesisSchema = z.object({
  chainOnly: z.boolean(),
  baseFee: z.enum(['constant', 'eip1559']),
  accounts: z.number().int().min(1),
  daNodes: z.number().int().min(0),
})
const formatSchema = z.object({ format: z.number().int().min(0), genesis: genesisSchema.optional() })

export type DataFolder = { readonly path: string; readonly isNew: boolean; readonly release: () => void }

/**
 * Takes the data folder of a devnet for this process: one devnet per folder, enough space, a format that this release reads.
 * A lock of a process that was killed is healed.
 */
export async function openDataFolder(
  path: string,
  options: { readonly reset: boolean; readonly genesis: Genesis },
): Promise<DataFolder> {
  const release = takeLock(path)
  try {
    await requireSpace(path)
    if (options.reset) await reset(path)
    const isNew = await checkFormat(path, options.genesis)
    for (const name of ['targets', 'logs']) await mkdir(join(path, name), { recursive: true, mode: 0o700 })
    return { path, isNew, release }
  } catch (error) {
    release()
    throw error
  }
}

function takeLock(path: string): () => void {
  try {
    return lockFolder(path)
  } catch (error) {
    if (!(error instanceof ZerogError) || error.reason !== 'DATA_FOLDER_IN_USE') throw error
    throw new ZerogError('DATA_FOLDER_IN_USE', {
      message: `another devnet (process ${error.metadata.pid}) runs in ${path}; stop it with npm run down, or start a second one: zerog up --data-dir .zerog/second --port-offset 100`,
      metadata: error.metadata,
      cause: error,
    })
  }
}

async function requireSpace(path: string): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  const freeBytes = bavail * bsize
  if (freeBytes >= FREE_BYTES_MIN) return
  throw new ZerogError('DISK_FULL', {
    message: `the disk of ${path} has ${Math.floor(freeBytes / 1024 / 1024)} MiB left and a devnet needs ${FREE_BYTES_MIN / 1024 / 1024}; free space or choose another --data-dir`,
    metadata: { path, freeBytes: String(freeBytes) },
  })
}

async function reset(path: string): Promise<void> {
  // The format goes last: a reset that is cut off is seen as damaged, not as an empty devnet with old pieces.
  for (const name of OWN_ENTRIES.filter((entry) => entry !== 'format.json' && entry !== 'logs'))
    await rm(join(path, name), { recursive: true, force: true })
  // A detached launcher writes this one already, and who started it reads it.
  const logs = await readdir(join(path, 'logs')).catch(() => [])
  for (const name of logs.filter((entry) => entry !== LAUNCHER_LOG)) await rm(join(path, 'logs', name), { recursive: true })
  await rm(join(path, 'format.json'), { force: true })
}

/** What the devnet in a folder was made of; undefined where there is none. */
export async function readGenesis(path: string): Promise<Genesis | undefined> {
  const text = await readFormat(path)
  return text === undefined ? undefined : parseFormat(text)?.genesis
}

/** True for a folder without a devnet. */
async function checkFormat(path: string, genesis: Genesis): Promise<boolean> {
  const text = await readFormat(path)
  if (text === undefined) {
    const leftovers = (await readdir(path)).filter((name) => ['postgres', 'targets'].includes(name))
    if (leftovers.length > 0) throw damaged(path, `it has ${leftovers.join(' and ')} but no format.json`)
    const file = join(path, 'format.json')
    await writeFile(`${file}.new`, `${JSON.stringify({ format: DATA_FORMAT, genesis })}\n`, { mode: 0o600, flush: true })
    await rename(`${file}.new`, file)
    return true
  }
  const found = parseFormat(text)
  if (found === undefined) throw damaged(path, 'format.json cannot be read')
  if (found.format < DATA_FORMAT) {
    throw new ZerogError('WRONG_STATE', {
      message: `the data in ${path} has format ${found.format}, too old for this release (format ${DATA_FORMAT}); start again with zerog up --reset, or use the release that wrote it`,
    })
  }
  if (found.format > DATA_FORMAT) {
    throw new ZerogError('WRONG_STATE', {
      message: `the data in ${path} has format ${found.format}, written by a newer release (this one reads ${DATA_FORMAT}); update zerog, or start again with zerog up --reset`,
    })
  }
  if (found.genesis !== undefined) requireSameGenesis(path, found.genesis, genesis)
  return false
}

/** Another genesis would be another chain: it is named before a target trips over it. */
function requireSameGenesis(path: string, made: Genesis, wanted: Genesis): void {
  if (JSON.stringify(made) === JSON.stringify(wanted)) return
  const flags = [
    made.chainOnly ? '--chain-only' : '',
    made.baseFee === 'constant' ? '' : `--base-fee ${made.baseFee}`,
    made.accounts === 10 ? '' : `--accounts ${made.accounts}`,
    made.daNodes === 4 ? '' : `--da-nodes ${made.daNodes}`,
  ].filter((flag) => flag !== '')
  throw new ZerogError('WRONG_STATE', {
    message: `the devnet in ${path} was made ${flags.length === 0 ? 'without --chain-only, --base-fee, --accounts and --da-nodes' : `with ${flags.join(' ')}`}; start it the same way, or make a new one with --reset`,
    metadata: { path },
  })
}

async function readFormat(path: string): Promise<string | undefined> {
  return readFile(join(path, 'format.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}

function parseFormat(text: string): z.output<typeof formatSchema> | undefined {
  try {
    return formatSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function damaged(path: string, problem: string): ZerogError {
  return new ZerogError('DATA_FOLDER_DAMAGED', {
    message: `the data folder ${path} is damaged: ${problem}; restore it from a backup, or start again with zerog up --reset`,
    metadata: { path },
  })
}

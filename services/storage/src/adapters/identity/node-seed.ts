import { chmod, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

const FILE = 'node.seed'
const SEED_BYTES = 32

/**
 * The secret that makes this data folder one storage node. Made once; a folder that lost it is another node, because what the old one
 * promised may be gone with it.
 */
export async function nodeSeed(options: { readonly dataDir: string; readonly random: Random }): Promise<Uint8Array> {
  const path = join(options.dataDir, FILE)
  const present = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (present === undefined) return create(path, options)
  if (present.length === SEED_BYTES) return new Uint8Array(present)
  throw new ZerogError('DATA_FOLDER_DAMAGED', {
    message: `${path} should have ${SEED_BYTES} bytes; restore it, or empty the data folder and let the node start anew`,
    metadata: { path },
  })
}

/** Durable before the first signature: file, then its name. */
async function create(path: string, { dataDir, random }: { dataDir: string; random: Random }): Promise<Uint8Array> {
  const seed = random.bytes(SEED_BYTES)
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(seed)
    await file.sync()
  } finally {
    await file.close()
  }
  await chmod(temporary, 0o600)
  await rename(temporary, path)
  const folder = await open(dataDir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
  return seed
}

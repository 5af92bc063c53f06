import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { createSecretFile } from '@zerog/runtime'

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
  if (present === undefined) {
    const seed = options.random.bytes(SEED_BYTES)
    await createSecretFile(path, seed)
    return seed
  }
  if (present.length === SEED_BYTES) return new Uint8Array(present)
  throw new ZerogError('DATA_FOLDER_DAMAGED', {
    message: `${path} should have ${SEED_BYTES} bytes; restore it, or empty the data folder and let the node start anew`,
    metadata: { path },
  })
}

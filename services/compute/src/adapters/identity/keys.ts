import { chmod, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { developmentAccounts } from '@zerog/contracts'
import type { Random } from '@zerog/ports'
import { fromHex, type Hex, isHex, toHex, ZerogError } from '@zerog/primitives'

/** The provider's key: as configured, or, on the development network only, the last of its public accounts (the next one per broker). */
export function providerKey(of: {
  readonly configured: string | null
  readonly development: boolean
  readonly instance: number
}): Hex {
  if (of.configured !== null) return of.configured as Hex // the schema checked its form
  const account = of.development ? developmentAccounts().at(-1 - of.instance) : undefined
  if (account !== undefined) return account.privateKey
  throw new ZerogError('CONFIG_INVALID', {
    message:
      'providerKey is not set: give the key of the account that owns the service by ZEROG_COMPUTE_BROKER_PROVIDER_KEY_FILE',
    metadata: { field: 'providerKey' },
  })
}

const FILE = 'signer.key'

/** The signer's key: as configured, or made once in the data folder. A folder that lost it is another signer, to be acknowledged anew. */
export async function signerKey(of: {
  readonly configured: string | null
  readonly dataDir: string
  readonly random: Random
}): Promise<Uint8Array> {
  if (of.configured !== null) return fromHex(of.configured as Hex, 32) // as above
  const path = join(of.dataDir, FILE)
  const present = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  const text = present?.trim() ?? (await create(path, of))
  if (isHex(text, 32)) return fromHex(text, 32)
  throw new ZerogError('DATA_FOLDER_DAMAGED', {
    message: `${path} should hold 0x and 64 hexadecimal digits; restore it, or remove it and let a new signer be registered`,
    metadata: { path },
  })
}

/** Durable before the first signature: file, then its name. */
async function create(path: string, { dataDir, random }: { readonly dataDir: string; readonly random: Random }): Promise<string> {
  const text = toHex(random.bytes(32))
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(`${text}\n`)
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
  return text
}

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { developmentAccounts } from '@zerog/contracts'
import type { Random } from '@zerog/ports'
import { fromHex, type Hex, isHex, toHex, ZerogError } from '@zerog/primitives'
import { createSecretFile } from '@zerog/runtime'

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
  if (present === undefined) {
    const key = of.random.bytes(32)
    await createSecretFile(path, `${toHex(key)}\n`)
    return key
  }
  const text = present.trim()
  if (isHex(text, 32)) return fromHex(text, 32)
  throw new ZerogError('DATA_FOLDER_DAMAGED', {
    message: `${path} should hold 0x and 64 hexadecimal digits; restore it, or remove it and let a new signer be registered`,
    metadata: { path },
  })
}

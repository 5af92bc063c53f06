import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SecretKey } from '@chainsafe/blst'
import { developmentDaNode } from '@zerog/contracts'
import type { Random } from '@zerog/ports'
import { fromHex, isHex, ZerogError } from '@zerog/primitives'
import { createSecretFile } from '@zerog/runtime'

const FILE = 'node.key'

/**
 * The BLS secret key of this member, 32 bytes big-endian: from the operator's file (64 hexadecimal digits), in the development network
 * out of its public mnemonic, else made once in the data folder.
 */
export async function nodeKey(options: {
  readonly keyFile: string | null
  readonly dataDir: string
  readonly random: Random
  readonly development: boolean
  readonly instance: number
}): Promise<Uint8Array> {
  if (options.keyFile !== null) return readKey(options.keyFile)
  if (options.development) return developmentDaNode(options.instance).blsSecretKey
  const path = join(options.dataDir, FILE)
  try {
    return await readKey(path)
  } catch (error) {
    if (!(error instanceof ZerogError) || error.metadata.code !== 'ENOENT') throw error
    const key = SecretKey.fromKeygen(options.random.bytes(32)).toBytes()
    await createSecretFile(path, Buffer.from(key).toString('hex'))
    return key
  }
}

async function readKey(path: string): Promise<Uint8Array> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const metadata = { path, code: error.code ?? '' }
    throw new ZerogError('CONFIG_INVALID', { message: `the BLS key file ${path} cannot be read`, metadata, cause: error })
  })
  const hex = `0x${text.trim().replace(/^0x/, '')}`
  try {
    if (!isHex(hex)) throw new RangeError('not hexadecimal')
    const key = fromHex(hex, 32)
    SecretKey.fromBytes(key)
    return key
  } catch {
    // Without the cause: it might show the key.
    throw new ZerogError('CONFIG_INVALID', {
      message: `${path} holds no BLS12-381 secret key; expected 64 hexadecimal digits below the order of the group`,
      metadata: { path },
    })
  }
}

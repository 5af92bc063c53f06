import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'
import type { Act } from '../action.ts'

export function addValidatorKey(chain: Command, act: Act): void {
  chain
    .command('validator-key')
    .argument('<file>', 'file of the secret key, readable by its owner only; made when it is not there')
    .description('BLS key of a validator: makes one where there is none, prints the public key for validatorPublicKeys')
    .addHelpText(
      'after',
      '\nExample:\n  zerog chain validator-key keys/validator.bls\n  ZEROG_CHAIN_VALIDATOR_VALIDATOR_KEY_FILE=keys/validator.bls zerog run --target=chain-validator …\n',
    )
    .action(
      act(async (_context, file: string) => {
        const { newValidatorKey, validatorPublicKey } = await import('@zerog/chain')
        const path = resolve(file)
        const made = newValidatorKey(randomBytes(32))
        const created = await writeNew(path, `${made}\n`)
        const secretKey = created ? made : (await readFile(path, 'utf8')).trim()
        try {
          return { data: { file: path, created, publicKey: validatorPublicKey(secretKey as Hex) } }
        } catch (cause) {
          const message = `${path} holds no BLS secret key: expected 0x and 64 hexadecimal digits; name another file to get a new key`
          throw new ZerogError('INVALID_ARGUMENT', { message, cause })
        }
      }),
    )
}

/** False when something is there already: a key is never written over. */
async function writeNew(path: string, text: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

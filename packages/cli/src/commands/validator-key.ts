import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'
import type { Act } from '../action.ts'
import { writeSecret } from './files.ts'

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
        const created = await writeSecret(path, `${made}\n`)
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

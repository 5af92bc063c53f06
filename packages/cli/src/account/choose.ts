import { readFile } from 'node:fs/promises'
import { ZerogError } from '@zerog/primitives'
import type { PrivateKeyAccount } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { Output } from '../output/output.ts'
import type { Settings } from '../settings/settings.ts'
import { decryptKey, parseKey, readAccount } from './keystore.ts'
import { readPassword } from './password.ts'

/** The account that signs. On a running devnet `dev0` to `dev9` are its funded accounts, and `dev0` signs when none is named. */
export async function chooseAccount(settings: Settings, output: Output, env: NodeJS.ProcessEnv): Promise<PrivateKeyAccount> {
  const choice = settings.account
  if (choice.from === 'key') return privateKeyToAccount(parseKey(choice.key, choice.name))
  if (choice.from === 'key-file') return privateKeyToAccount(await readKeyFile(choice.path, env))
  const name = choice.from === 'name' ? choice.name : 'dev0'
  const development = developmentKey(settings, name)
  if (development !== undefined) {
    const account = privateKeyToAccount(development)
    if (choice.from === 'default') output.note(output.colors.dim(`signing with development account ${name} (${account.address})`))
    return account
  }
  if (choice.from === 'default') {
    throw new ZerogError('UNAUTHENTICATED', {
      message: 'this needs an account to sign with: --account <name> (zerog account new), --key-file, or ZEROG_KEY_FILE',
    })
  }
  const keystore = await readAccount(settings.configDir, name)
  if (keystore === undefined) {
    throw new ZerogError('NOT_FOUND', { message: `there is no account ${name}; zerog account list shows those that exist` })
  }
  return privateKeyToAccount(await decryptKey(keystore, await readPassword(`password of account ${name}`, env)))
}

function developmentKey(settings: Settings, name: string) {
  const index = /^dev(\d+)$/.exec(name)?.[1]
  const account = index === undefined ? undefined : settings.devnet?.accounts[Number(index)]
  return account === undefined ? undefined : parseKey(account.privateKey, 'endpoints.json')
}

async function readKeyFile(path: string, env: NodeJS.ProcessEnv) {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new ZerogError('CONFIG_INVALID', { message: `cannot read the key file ${path}: ${cause.code ?? cause.message}`, cause })
  })
  if (text.trimStart().startsWith('{')) return decryptKey(text, await readPassword(`password of ${path}`, env))
  return parseKey(text, path)
}

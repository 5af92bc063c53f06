import type { Command } from 'commander'
import type { Act } from '../action.ts'
import { table } from '../output/output.ts'

export function addAccountCommands(program: Command, act: Act): void {
  const account = program.command('account').description('keys of this user, encrypted (keystore version 3)')

  account
    .command('list')
    .description('names and addresses; with a running devnet its funded accounts too')
    .action(
      act(async (context) => {
        const { listAccounts } = await import('../account/keystore.ts')
        const settings = await context.settings()
        const stored = await listAccounts(settings.configDir)
        const development = (settings.devnet?.accounts ?? []).map(({ address }, index) => ({
          name: `dev${index}`,
          address,
          development: true,
        }))
        const all = [...stored.map((entry) => ({ ...entry, development: false })), ...development]
        const rows = all.map((entry) => [entry.name, entry.address, entry.development ? 'public development key' : ''])
        return {
          data: all,
          text: rows.length === 0 ? 'no accounts; zerog account new <name> makes one' : table(['name', 'address', ''], rows),
        }
      }),
    )

  account
    .command('new')
    .argument('<name>', 'letters, digits, dot, dash, underscore')
    .description('make a key and store it encrypted (password: terminal, ZEROG_PASSWORD_FILE or ZEROG_PASSWORD)')
    .action(
      act(async (context, name: string) => {
        const { generatePrivateKey } = await import('viem/accounts')
        return store(context, name, generatePrivateKey())
      }),
    )

  account
    .command('import')
    .argument('<name>', 'letters, digits, dot, dash, underscore')
    .description('store an existing key: --key-file, ZEROG_PRIVATE_KEY, or one line on stdin')
    .action(
      act(async (context, name: string) => {
        const { parseKey } = await import('../account/keystore.ts')
        const { readFileSync } = await import('node:fs')
        const { keyFile } = context.flags
        const fromEnv = context.env.ZEROG_PRIVATE_KEY
        if (keyFile !== undefined) return store(context, name, parseKey(readFileSync(keyFile, 'utf8'), keyFile))
        if (fromEnv !== undefined) return store(context, name, parseKey(fromEnv, 'ZEROG_PRIVATE_KEY'))
        return store(context, name, parseKey(readFileSync(0, 'utf8'), 'stdin'))
      }),
    )
}

async function store(context: Parameters<Parameters<Act>[0]>[0], name: string, key: `0x${string}`) {
  const { storeAccount } = await import('../account/keystore.ts')
  const { readPassword } = await import('../account/password.ts')
  const { configDir } = await context.settings()
  const password = await readPassword(`password for account ${name}`, context.env)
  const stored = await storeAccount(configDir, { name, key, password })
  return {
    data: { name, ...stored },
    text: `${name}  ${stored.address}\nstored in ${stored.path}; without the password it cannot be opened`,
  }
}

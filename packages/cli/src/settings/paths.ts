import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** The checkout that this command belongs to. */
export const REPOSITORY_ROOT = resolve(import.meta.dirname, '../../../..')

/** Where the devnet keeps its data unless --data-dir or ZEROG_DATA_DIR says otherwise. */
export function devnetDir(env: NodeJS.ProcessEnv, flag?: string): string {
  return resolve(flag ?? env.ZEROG_DATA_DIR ?? join(REPOSITORY_ROOT, '.zerog', 'devnet'))
}

/** Profiles and accounts of the user. */
export function configDir(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CONFIG_HOME ?? join(env.HOME ?? homedir(), '.config'), 'zerog')
}

import { readFileSync } from 'node:fs'

/** Version of this installation, out of the package manifest. */
export const ZEROG_VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from './paths.ts'

/** Version of this checkout, from the manifest of the repository. */
export function ownVersion(): string {
  return String(JSON.parse(readFileSync(join(REPOSITORY_ROOT, 'package.json'), 'utf8')).version)
}

import { zerog } from '../../e2e/devnet.ts'
import { requirePromise } from './caller.ts'

/** Every stored record and segment of a stopped devnet, and its chains block by block. */
export async function requireHealthy(dataDir: string): Promise<void> {
  const doctor = await zerog(['doctor', '--deep', '--json', '--data-dir', dataDir])
  const checks = doctor.json().data.checks as { name: string; state: string; detail: string }[]
  const failed = checks.filter(({ name, state }) => state === 'failed' && !LIVE_CHECKS.has(name))
  requirePromise(
    failed.length === 0,
    () => `the doctor found: ${failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ')}`,
  )
  requirePromise(
    checks.some(({ name }) => name.endsWith('as a chain')),
    () => 'the doctor looked at no chain',
  )
}

/** After a SIGKILL the files of a running devnet are still there; that is what these two tell. */
const LIVE_CHECKS: ReadonlySet<string> = new Set(['devnet processes', 'gateway'])

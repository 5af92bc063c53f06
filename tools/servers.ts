import { findProgram, installCommand, obtainProgram, PROGRAMS, type ProgramKind } from '../packages/adapters/test/servers.ts'

/**
 * `node tools/servers.ts [--check]`: obtains the servers, the browser and promtool that the tests need, before several test processes
 * want them at once. They are found on the PATH, else installed with apt-get as root or with CI=true; --check only looks.
 * Exit code 1 when one is missing.
 */
const checkOnly = process.argv.includes('--check')
let missing = 0
for (const kind of Object.keys(PROGRAMS) as ProgramKind[]) {
  const path = checkOnly ? findProgram(kind) : obtainProgram(kind)
  if (path === undefined) missing++
  process.stdout.write(`${kind}: ${path ?? `missing; install it with: ${installCommand(kind)}`}\n`)
}
process.exitCode = missing > 0 ? 1 : 0

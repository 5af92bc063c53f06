import { findServer, installCommand, obtainServer, SERVERS, type ServerKind } from '../packages/adapters/test/servers.ts'

/**
 * `node tools/servers.ts [--check]`: obtains the servers that the integration tests run against, before several test processes
 * want them at once. They are found on the PATH, else installed with apt-get as root or with CI=true; --check only looks.
 * Exit code 1 when one is missing.
 */
const checkOnly = process.argv.includes('--check')
let missing = 0
for (const kind of Object.keys(SERVERS) as ServerKind[]) {
  const path = checkOnly ? findServer(kind) : obtainServer(kind)
  if (path === undefined) missing++
  process.stdout.write(`${kind}: ${path ?? `missing; install it with: ${installCommand(kind)}`}\n`)
}
process.exitCode = missing > 0 ? 1 : 0

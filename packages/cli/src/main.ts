#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { join, resolve } from 'node:path'

// Stripped and compiled once, not at every start; NODE_COMPILE_CACHE names another folder, NODE_DISABLE_COMPILE_CACHE none. By the environment
// threads and children use the same.
process.env.NODE_COMPILE_CACHE ??= join(resolve(import.meta.dirname, '../../..'), '.zerog', 'cache', 'node')
enableCompileCache(process.env.NODE_COMPILE_CACHE)

const args = process.argv.slice(2)
const code = args[0] === 'run' ? await runTarget() : await runCommand()
// Written out before the end, whatever may still hold the loop.
process.stdout.write('', () => process.exit(code))

/** A target starts without the code of the other commands: half of its start, and a third of its memory. */
async function runTarget(): Promise<number> {
  const { runServer } = await import('./run-server.ts')
  return (await runServer(args.slice(1))) ?? runCommand()
}

async function runCommand(): Promise<number> {
  const { runCli } = await import('./run-cli.ts')
  return runCli(args)
}

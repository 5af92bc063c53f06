#!/usr/bin/env node
import { runCli } from './run-cli.ts'

const code = await runCli(process.argv.slice(2))
// Written out before the end, whatever may still hold the loop.
process.stdout.write('', () => process.exit(code))

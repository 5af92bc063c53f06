import { Command } from 'commander'
import type { Act, ActionContext } from './action.ts'
import { addAccountCommands } from './commands/account.ts'
import { addChainCommands } from './commands/chain.ts'
import { addComputeCommands } from './commands/compute.ts'
import { addConfigCommands } from './commands/config.ts'
import { addDaCommands } from './commands/da.ts'
import { addDevnetCommands } from './commands/devnet.ts'
import { addEvidenceCommands } from './commands/evidence.ts'
import { addHelpCommands } from './commands/help.ts'
import { addLineageCommand } from './commands/lineage.ts'
import { addStorageCommands } from './commands/storage.ts'
import { addVerifyCommand } from './commands/verify.ts'
import { type CliHost, colorWanted } from './host.ts'
import type { Output, OutputOptions } from './output/output.ts'
import { ownVersion } from './settings/own-version.ts'
import { type GlobalFlags, resolveSettings } from './settings/settings.ts'

export type ProgramHost = {
  readonly host: CliHost
  readonly signal: AbortSignal
  readonly outputFor: (options: OutputOptions) => Output
}

export function createProgram(deps: ProgramHost): { readonly command: Command; readonly exitCode: () => number } {
  let exitCode = 0
  const act: Act =
    (work) =>
    async (...args) => {
      // commander passes the arguments, then the options, then the command itself.
      const command = args.at(-1) as Command
      const flags = command.optsWithGlobals<GlobalFlags>()
      const output = deps.outputFor({
        json: flags.json === true,
        quiet: flags.quiet === true,
        verbose: flags.verbose === true,
        color: colorWanted(flags.color !== false, deps.host),
      })
      const context: ActionContext = {
        output,
        env: deps.host.env,
        flags,
        signal: deps.signal,
        settings: () => resolveSettings(flags, deps.host.env),
        exitWith: (code) => {
          exitCode = code
        },
      }
      const result = await work(context, ...(args.slice(0, -1) as any))
      if (result !== undefined) output.result(result)
    }
  const program = rootCommand(deps.host)
  addDevnetCommands(program, act)
  addChainCommands(program, act)
  addStorageCommands(program, act)
  addComputeCommands(program, act)
  addDaCommands(program, act)
  addEvidenceCommands(program, act)
  addVerifyCommand(program, act)
  addLineageCommand(program, act)
  addAccountCommands(program, act)
  addConfigCommands(program, act)
  addHelpCommands(program, act)
  quietErrors(program, deps.host)
  return { command: program, exitCode: () => exitCode }
}

function rootCommand(host: CliHost): Command {
  return new Command('zerog')
    .description('chain, data availability, storage, compute and the devnet of zerog in one command')
    .version(ownVersion(), '-V, --version', 'print the version; `zerog version` says more')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({ writeOut: (text) => host.streams.out.write(text), writeErr: (text) => host.streams.err.write(text) })
    .option('--network <name>', 'network to talk to (env ZEROG_NETWORK; default devnet)')
    .option('--profile <name>', 'profile of the config file (env ZEROG_PROFILE)')
    .option('--account <name>', 'who signs: a name of `zerog account list`, or dev0 to dev9 on a devnet')
    .option('--key-file <path>', 'file with the private key, hex or keystore (env ZEROG_KEY_FILE); keys are never flags')
    .option('--rpc-url <url>', 'Ethereum JSON-RPC (env ZEROG_RPC_URL, ETH_RPC_URL)')
    .option('--gateway-url <url>', 'gateway with all faces (env ZEROG_GATEWAY_URL)')
    .option('--config <path>', 'config file (default ~/.config/zerog/config.toml)')
    .option('--data-dir <path>', 'folder of the devnet (env ZEROG_DATA_DIR; default .zerog/devnet)')
    .option('--timeout <duration>', 'limit for waiting: 500ms, 30s, 2m, 1h (default 60s)')
    .option('--json', 'print one JSON document {"v":1,"ok":true,"data":…} on stdout')
    .option('--quiet', 'no progress and notes')
    .option('--verbose', 'say more, with stack traces of failures')
    .option('--no-color', 'no colours (env NO_COLOR)')
    .option('--yes', 'answer every question with yes; without a terminal nothing is ever asked')
    .option('--dry-run', 'show fee and transaction, send nothing')
    .addHelpText(
      'after',
      `\nExamples:\n  zerog up\n  zerog chain balance dev0\n  zerog storage cp ./file.bin zg://\n  zerog explain PORT_IN_USE\n`,
    )
    .showHelpAfterError('(--help shows what there is)')
}

/** Every command throws instead of exiting, and writes where the host says. */
function quietErrors(command: Command, host: CliHost): void {
  command.exitOverride()
  command.configureOutput({ writeOut: (text) => host.streams.out.write(text), writeErr: (text) => host.streams.err.write(text) })
  for (const child of command.commands) quietErrors(child, host)
}

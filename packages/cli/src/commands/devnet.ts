import { join } from 'node:path'
import { ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'
import type { Act, ActionContext } from '../action.ts'
import { type DevnetEndpoints, readEndpoints } from '../devnet/endpoints.ts'
import { parseUpOptions } from '../devnet/options.ts'
import { EXIT } from '../exit-codes.ts'
import { table } from '../output/output.ts'
import { devnetDir, REPOSITORY_ROOT } from '../settings/paths.ts'
import { signingClient } from './client.ts'
import { formatAmount } from './values.ts'

export function addDevnetCommands(program: Command, act: Act): void {
  addUp(program, act)

  program
    .command('down')
    .description('stop the devnet of the data folder; leaves no process; fine when nothing runs')
    .action(
      act(async (context) => {
        const { stopDevnet } = await import('../devnet/down.ts')
        const report = await stopDevnet(devnetDir(context.env, context.flags.dataDir))
        const text = report.stopped
          ? `stopped (${report.processes} processes${report.killed > 0 ? `, ${report.killed} killed` : ''})`
          : 'nothing was running'
        return { data: report, text }
      }),
    )

  program
    .command('demo')
    .description('walk the running network on real input: a contract, and the sources of this repository in storage')
    .action(act(demo))

  program
    .command('run')
    .requiredOption('--target <name>', 'a target (chain-validator, gateway, …), several with commas, or all')
    .option('--instance <n>', 'which replica of the target this is', '0')
    .option('--config-file <path>', 'YAML with the fields of the target')
    .option('--die-with-parent', 'stop when stdin closes (children of the launcher)')
    .description('run targets in the foreground, configured by file and ZEROG_<TARGET>_<FIELD>; what pods run')
    .action(
      act(async (context, options: { target: string; instance: string; configFile?: string; dieWithParent?: boolean }) => {
        const { runTargets } = await import('../devnet/run-targets.ts')
        context.exitWith(await runTargets(context, options))
        return undefined
      }),
    )

  program.command('status').description('what runs: layers, heights, health').action(act(status))

  program
    .command('doctor')
    .option('--deep', 'with the devnet stopped: read and verify every stored block, state record and segment')
    .option('--write', 'write a little through every layer and read it back; costs a little')
    .description('check endpoints, chain id, clock, balance, contracts, versions, disk; says how to fix what is wrong')
    .action(
      act(async (context, options: { deep?: boolean; write?: boolean }) => {
        const { diagnose } = await import('../doctor/doctor.ts')
        const checks = await diagnose(context, { deep: options.deep === true, write: options.write === true })
        const failed = checks.filter((check) => check.state === 'failed')
        if (failed.length > 0) context.exitWith(EXIT.refused)
        const { green, red, yellow } = context.output.colors
        const mark = { ok: green('ok'), failed: red('FAILED'), skipped: yellow('skipped') }
        const lines = checks.flatMap(({ name, state, detail, remedy }) => [
          `${mark[state].padEnd(8)} ${name}: ${detail}`,
          ...(remedy === undefined ? [] : [`         ${remedy}`]),
        ])
        return { data: { healthy: failed.length === 0, checks }, text: lines.join('\n') }
      }),
    )
}

function addUp(program: Command, act: Act): void {
  program
    .command('up')
    .option('--processes', 'one process per target instead of one for all')
    .option('--detach', 'return when it is ready and leave it running (npm run down stops it)')
    .option('--reset', 'delete the data of this devnet first')
    .option('--port <n>', 'port of the gateway; 0 takes free ports everywhere (default 8545)')
    .option('--port-offset <n>', 'added to every default port, for a second devnet')
    .option('--chain-only', 'only the chain, with development methods (evm_revert, time travel)')
    .option('--block-time <seconds>', 'a block each so many seconds, instead of one when there is something to put in')
    .option('--base-fee <rule>', 'constant (1 gwei) or eip1559')
    .option('--verify-with <engine>', 'ethereumjs: execute every block a second time with @ethereumjs/vm; a difference stops it')
    .option('--storage-nodes <n>', 'storage nodes (default 1)')
    .option('--da-nodes <n>', 'members of the DA committee (default 4)')
    .option('--rpc-replicas <n>', 'chain-rpc replicas (default 1)')
    .option('--compute-workers <n>', 'compute workers (default 1)')
    .option('--accounts <n>', 'funded accounts (default 10)')
    .description('start the devnet: chain, storage and gateway, offline, in the foreground')
    .addHelpText(
      'after',
      '\nExamples:\n  zerog up\n  zerog up --processes --storage-nodes 3\n  zerog up --data-dir .zerog/second --port-offset 100\n',
    )
    .action(
      act(async (context, flags: Record<string, unknown>) => {
        const options = parseUpOptions(flags)
        const { up } = await import('../devnet/up.ts')
        return up(context, options)
      }),
    )
}

async function demo(context: ActionContext) {
  const { runDemo } = await import('../demo/demo.ts')
  const settings = await context.settings()
  const client = await signingClient(context)
  const withStorage = settings.devnet === undefined || settings.devnet.storage !== undefined
  if (!withStorage) context.output.note('this devnet has no storage layer (--chain-only); showing the chain')
  const report = await runDemo(client, {
    root: REPOSITORY_ROOT,
    withStorage,
    withDa: settings.devnet?.da !== undefined,
    daNodeProcess: separateProcess(settings.devnet, 'da-node-1'),
    openaiKey: settings.devnet?.compute?.openaiKey,
    evidenceFile: join(settings.dataDir, 'demo.0gev'),
    signal: context.signal,
    timeoutMs: settings.timeoutMs,
    onStep: (step) => context.output.note(`${step.layer}: ${step.step} (${step.ms} ms)`),
  })
  const rows = report.steps.map((step) => [
    step.layer,
    step.step,
    step.id,
    `${step.ms} ms`,
    step.fee === undefined ? '-' : formatAmount(step.fee),
    step.detail,
  ])
  return { data: report, text: `\n${table(['layer', 'step', 'id', 'time', 'fee', 'detail'], rows)}\n\nall steps verified` }
}

/** The process of an instance where it has one of its own. */
function separateProcess(devnet: DevnetEndpoints | undefined, name: string): number | undefined {
  const pid = devnet?.services[name]?.pid
  return pid === devnet?.services.gateway?.pid ? undefined : pid
}

async function status(context: ActionContext) {
  const settings = await context.settings()
  const url = `${settings.endpoints.gatewayUrl}/status`
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch((cause) => {
    throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
      message: `nothing answers at ${settings.endpoints.gatewayUrl}; start a devnet with zerog up, or give --gateway-url`,
      cause,
    })
  })
  const report = await response.json().catch(() => undefined)
  if (report?.name !== 'zerog') {
    throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `${url} answers, but it is no zerog gateway` })
  }
  const running = await readEndpoints(settings.dataDir)
  const services = running === undefined || settings.network !== 'devnet' ? {} : { services: running.services }
  const rows = Object.entries(report.layers).flatMap(([layer, state]: [string, any]) =>
    state.instances.map((one: any) => [
      layer,
      `${one.target}/${one.instance}`,
      one.ok ? 'ok' : 'down',
      one.height ?? '-',
      one.problem ?? (one.ok ? '' : state.detail),
    ]),
  )
  const lacking = Object.entries(report.layers).flatMap(([layer, state]: [string, any]) => (state.ready ? [] : [layer]))
  const ready = lacking.length === 0 ? 'ready' : `NOT READY: ${lacking.join(', ')}`
  const head = `chain ${report.chainId}, height ${report.height}, version ${report.version}, ${ready}`
  const text = `${head}\n${table(['layer', 'instance', 'state', 'height', ''], rows)}`
  if (lacking.length > 0) context.exitWith(EXIT.temporary)
  return { data: { ...report, ...services, endpointsFile: join(settings.dataDir, 'endpoints.json') }, text }
}

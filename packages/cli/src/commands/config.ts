import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Act } from '../action.ts'
import { table } from '../output/output.ts'
import { addCertsKubernetes } from './certs-kubernetes.ts'

export function addConfigCommands(program: Command, act: Act): void {
  const config = program.command('config').description('configuration of targets')

  config
    .command('print')
    .option('--target <name>', 'a target; all without it')
    .option('--config-file <path>', 'YAML with the fields of the target')
    .description('every field: value in effect, variable, default, meaning; secrets are not shown')
    .action(
      act(async (context, options: { target?: string; configFile?: string }) => {
        const { printConfig } = await import('../devnet/describe.ts')
        const fields = await printConfig({ ...options, env: context.env })
        const rows = fields.map((field) => [field.env, field.value, field.description])
        return { data: fields, text: table(['variable', 'value', 'meaning'], rows) }
      }),
    )

  config
    .command('verify')
    .option('--target <name>', 'a target; all without it')
    .option('--config-file <path>', 'YAML with the fields of the target')
    .description('check file and environment without starting anything; names field, problem and accepted form')
    .action(
      act(async (context, options: { target?: string; configFile?: string }) => {
        const { verifyConfig } = await import('../devnet/describe.ts')
        const targets = await verifyConfig({ ...options, env: context.env })
        return { data: { valid: true, targets }, text: `valid: ${targets.join(', ')}` }
      }),
    )

  const certs = program.command('certs').description('certificates of an installation (mutual TLS between services)')

  certs
    .command('init')
    .option('--dir <path>', 'folder of the authority', 'certs')
    .option('--name <network>', 'name of the network in every identity', 'devnet')
    .description('make the certificate authority; an existing one is left as it is')
    .action(
      act(async (_context, options: { dir: string; name: string }) => {
        const { initAuthority } = await import('@zerog/runtime/certs')
        return { data: await initAuthority(resolve(options.dir), options.name) }
      }),
    )

  certs
    .command('issue')
    .argument('<target>', 'identity: a target, or developer for people and tools')
    .option('--dir <path>', 'folder of the authority', 'certs')
    .option('--out <path>', 'folder for the identity (default: --dir)')
    .option('--name <network>', 'name of the network in every identity', 'devnet')
    .option('--dns <names>', 'DNS names, comma separated')
    .option('--ip <addresses>', 'IP addresses, comma separated')
    .option('--force', 'issue even if the present certificate is far from its end')
    .description('issue the certificate spiffe://<network>/<target>')
    .action(
      act(async (_context, target: string, options: IssueFlags) => {
        const { issueIdentity } = await import('@zerog/runtime/certs')
        const list = (text: string | undefined): string[] =>
          text === undefined ? [] : text.split(',').map((item) => item.trim())
        const issued = await issueIdentity({
          dir: resolve(options.dir),
          network: options.name,
          target,
          dnsNames: list(options.dns),
          ips: list(options.ip),
          ...(options.out === undefined ? {} : { outDir: resolve(options.out) }),
          ...(options.force === true ? { force: true } : {}),
        })
        return { data: issued }
      }),
    )

  addCertsKubernetes(certs, act)
}

type IssueFlags = { dir: string; out?: string; name: string; dns?: string; ip?: string; force?: boolean }

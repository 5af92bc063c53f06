import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { REASONS, type Reason, ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'
import type { Act } from '../action.ts'
import { ownVersion } from '../settings/own-version.ts'
import { REPOSITORY_ROOT } from '../settings/paths.ts'

export function addHelpCommands(program: Command, act: Act): void {
  program
    .command('explain')
    .argument('<what>', 'the reason of an error (PORT_IN_USE) or a config field (gateway.port)')
    .description('cause and fix of an error; meaning, default and variable of a config field')
    .action(act(async (_context, what: string) => (what.includes('.') ? explainField(what) : explainReason(what))))

  program
    .command('completion')
    .argument('<shell>', 'bash, zsh, fish or pwsh')
    .description('script for tab completion; e.g. source <(zerog completion bash)')
    .action(
      act(async (_context, shell: string) => {
        const { completionScript } = await import('../completion/completion.ts')
        const script = completionScript(program, shell)
        return { data: { shell, script }, text: script.trimEnd() }
      }),
    )

  program
    .command('version')
    .description('versions of zerog and Node')
    .action(
      act(async () => {
        const data = {
          zerog: ownVersion(),
          node: process.versions.node,
          platform: `${process.platform}-${process.arch}`,
        }
        return { data, text: `zerog ${data.zerog}, node ${data.node}, ${data.platform}` }
      }),
    )
}

async function explainReason(text: string) {
  const reason = text.toUpperCase()
  if (!(reason in REASONS)) {
    const near = Object.keys(REASONS).filter((known) => known.split('_').some((word) => reason.includes(word)))
    throw new ZerogError('NOT_FOUND', {
      message: `there is no reason ${text}; ${near.length === 0 ? `there are ${Object.keys(REASONS).join(', ')}` : `did you mean ${near.slice(0, 3).join(', ')}?`}`,
    })
  }
  const page = await readFile(join(REPOSITORY_ROOT, 'docs', 'errors', `${reason}.md`), 'utf8')
  return { data: { reason, status: REASONS[reason as Reason].status, page }, text: page.trimEnd() }
}

async function explainField(path: string) {
  const { describeTarget } = await import('../devnet/describe.ts')
  const [target = '', ...rest] = path.split('.')
  const field = (await describeTarget(target)).find((known) => known.name === rest.join('.'))
  if (field === undefined) {
    throw new ZerogError('NOT_FOUND', {
      message: `target ${target} has no field ${rest.join('.')}; zerog config print --target=${target} lists them`,
    })
  }
  return { data: { target, ...field } }
}

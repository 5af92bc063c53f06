import { getLineage, type LineageEdge } from '@zerog/sdk'
import type { Command } from 'commander'
import type { Act, ActionContext } from '../action.ts'
import { table } from '../output/output.ts'
import { readingClient } from './client.ts'
import { credentials } from './compute.ts'

export function addLineageCommand(program: Command, act: Act): void {
  program
    .command('lineage')
    .argument('<root>', 'root of a model, file, dataset, batch or blob, or id of an answer')
    .description('what made it, and what it made')
    .addHelpText(
      'after',
      '\nContracts, storage and providers are asked; answers are those of the key in ZEROG_COMPUTE_KEY. Each line names whose word it is.\n' +
        '\nExample:\n  zerog lineage chatcmpl-…\n',
    )
    .action(act(async (context, name: string) => show(context, name)))
}

async function show(context: ActionContext, name: string) {
  const key = await credentials(context).catch(() => ({}))
  const lineage = await getLineage(await readingClient(context), name, { ...key, signal: context.signal })
  const { subjects, madeFrom, made, notes } = lineage
  const section = (title: string, edges: readonly LineageEdge[]) => [
    title,
    edges.length === 0 ? '  nothing is known' : table(['from', '', 'to', 'by the word of'], edges.map(row)),
    '',
  ]
  const text = [
    `${name}: ${subjects.map(({ kind }) => kind).join(', ')}`,
    '',
    ...section('made from', madeFrom),
    ...section('made', made),
    ...notes.map((note) => `note: ${note}`),
  ]
  return { data: lineage, text: text.join('\n').trimEnd() }
}

function row({ from, to, how, source }: LineageEdge): string[] {
  return [`${from.kind} ${from.id}`, how, `${to.kind} ${to.id}`, source]
}

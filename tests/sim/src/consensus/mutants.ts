import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Bounds } from './model/universe.ts'
import type { Consensus } from './node.ts'
import { runHostile } from './scenario.ts'

/** A planted bug; `model`: the bounds within which exhaustive search must find it, where it can. */
export type Mutant = {
  readonly name: string
  readonly file: string
  readonly from: string
  readonly to: string
  readonly model?: Bounds
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'majority_is_a_quorum',
    file: 'committee.ts',
    from: '3n * stake > 2n * committee.totalStake',
    to: '2n * stake > committee.totalStake',
  },
  {
    name: 'aggregates_are_not_verified',
    file: 'committee.ts',
    from: 'return aggregate && multisignature.verify(keys, message, aggregate) ? aggregate : undefined',
    to: 'return aggregate',
  },
  {
    name: 'certificates_are_not_verified',
    file: 'receive.ts',
    from: 'if (!verifyCertificate(state.config.committee, certificate)) {',
    to: 'if (false) {',
    model: { views: 1, leaders: 'b' },
  },
  {
    name: 'votes_of_others_are_taken',
    file: 'receive.ts',
    from: 'if (vote.signer !== from || state.config',
    to: 'if (state.config',
  },
  { name: 'votes_of_any_view_are_held', file: 'receive.ts', from: ' && view <= state.view + VIEWS_AHEAD_MAX', to: '' },
  {
    name: 'votes_are_not_logged',
    file: 'rules.ts',
    from: "  effects.push({ type: 'persist', record: { type: 'vote', ballot } })",
    to: '',
    model: { views: 1, leaders: 'b', restarts: 1 },
  },
  {
    name: 'the_log_is_not_replayed',
    file: 'voter.ts',
    from: '    entry.said[kind] = record.ballot',
    to: '',
    model: { views: 1, leaders: 'b', restarts: 1 },
  },
  {
    name: 'finalizes_after_nullify',
    file: 'rules.ts',
    from: 'if (entry.said.finalize || entry.said.nullify || entry.equivocated || finalized || nullify) return',
    to: 'if (entry.said.finalize || entry.equivocated || finalized || nullify) return',
    model: { views: 1, leaders: 'b' },
  },
  {
    name: 'skipped_views_need_no_nullification',
    file: 'rules.ts',
    from: 'view < state.view; view++) if (!isNullified(state, view)) return',
    to: 'view < state.view; view++) continue',
    model: { views: 2, leaders: '0b' },
  },
  {
    name: 'execution_is_not_asked',
    file: 'rules.ts',
    from: "entry.execution = valid ? 'valid' : 'invalid'",
    to: "entry.execution = 'valid'",
    model: { views: 2, leaders: 'bb', flawed: true, heightLast: 1 },
  },
  {
    name: 'nothing_is_said_again',
    file: 'rules.ts',
    from: 'if (nowMs < state.retryAtMs) return\n  state.retryAtMs',
    to: 'if (nowMs >= 0) return\n  state.retryAtMs',
  },
  {
    name: 'blocks_are_never_forgotten',
    file: 'state.ts',
    from: 'if (!kept.has(hash)) state.blocks.delete(hash)',
    to: 'if (false) state.blocks.delete(hash)',
  },
  {
    name: 'nothing_missing_is_asked_for',
    file: 'catch-up.ts',
    from: 'if (views.length === 0 && blocks.length === 0 && !isBehind) {',
    to: 'if (views.length >= 0) {',
  },
  {
    name: 'epochs_have_no_last_block',
    file: 'rules.ts',
    from: 'if (parent.block.height >= config.heightLast) return onBuilt',
    to: 'if (false) return onBuilt',
    model: { views: 2, leaders: '00', heightLast: 1 },
  },
  {
    name: 'a_second_notarize_is_cast',
    file: 'rules.ts',
    from: 'if (state.config.self === undefined || !proposal || entry.said.notarize || ',
    to: 'if (state.config.self === undefined || !proposal || ',
    model: { views: 1, leaders: 'b' },
  },
  {
    name: 'different_blocks_count_together',
    file: 'receive.ts',
    from: 'a.parentView === b.parentView && a.blockHash === b.blockHash',
    to: 'a.parentView === b.parentView',
  },
  {
    name: 'finalizes_without_execution',
    file: 'rules.ts',
    from: "!notarized || entry.execution !== 'valid') return",
    to: '!notarized) return',
    model: { views: 2, leaders: 'bb', flawed: true, heightLast: 1 },
  },
  {
    name: 'blocks_are_not_stored_before_the_vote',
    file: 'rules.ts',
    from: "  effects.push({ type: 'store', block: proposal.block })\n",
    to: '',
  },
  {
    name: 'certificates_are_not_logged',
    file: 'receive.ts',
    from: "  effects.push({ type: 'persist', record: { type: 'certificate', certificate } })\n",
    to: '',
  },
]

const source = fileURLToPath(new URL('../../../../packages/consensus/src', import.meta.url))
const workshop = fileURLToPath(new URL('../../../../.zerog/mutants', import.meta.url))

export async function plant({
  file,
  from,
  to,
  name,
}: Mutant): Promise<{ readonly consensus: Consensus; readonly remove: () => void }> {
  mkdirSync(workshop, { recursive: true })
  const folder = mkdtempSync(join(workshop, `${name}-`))
  cpSync(source, join(folder, 'src'), { recursive: true, filter: (path) => !path.endsWith('.test.ts') })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  symlinkSync(join(source, '../node_modules'), join(folder, 'node_modules'))
  const path = join(folder, 'src/simplex', file)
  const text = readFileSync(path, 'utf8')
  if (text.split(from).length !== 2)
    throw new Error(`${name}: the line to mutate stands ${text.split(from).length - 1} times in ${file}`)
  writeFileSync(path, text.replace(from, to))
  const consensus = (await import(pathToFileURL(join(folder, 'src/index.ts')).href)) as Consensus
  return { consensus, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export function firstFailure(
  consensus: Consensus,
  seeds: number,
): { readonly seed: number; readonly message: string } | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      runHostile(consensus, BigInt(seed), seed % 3 === 0 ? 7 : 4)
    } catch (error) {
      return { seed, message: (error as Error).message }
    }
  }
  return undefined
}

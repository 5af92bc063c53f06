import { assert } from '@zerog/primitives'

/**
 * Who runs the other ref, as names of targets or of single instances. Each split runs both ways; together they cut every call that the charts
 * know (tests/deploy/skew.test.ts), and members of DA are of both refs.
 */
export const SPLITS: readonly (readonly string[])[] = [
  [
    'chain-validator',
    'storage-gateway',
    'storage-node',
    'da-disperser',
    'da-encoder',
    'da-retriever',
    'da-node-1',
    'da-node-3',
    'compute-worker',
    'compute-router',
  ],
  ['chain-validator', 'storage-gateway', 'da-disperser', 'da-node', 'compute-broker', 'gateway'],
]

/** Folders by instance or target, `*` for all others: what the launcher reads as ZEROG_DEVNET_TREES. */
export type Trees = Readonly<Record<string, string>>

/** The targets of `split` run from one folder, the rest from the other. */
export function treesOf(split: readonly string[], folders: { readonly split: string; readonly rest: string }): Trees {
  return { '*': folders.rest, ...Object.fromEntries(split.map((name) => [name, folders.split])) }
}

/** The folder an instance has to run from: its own name counts before its target's. */
export function folderOf(instance: string, trees: Trees): string {
  const folder = trees[instance] ?? trees[instance.replace(/-\d+$/, '')] ?? trees['*']
  assert(folder !== undefined, 'trees name a folder for all others')
  return folder
}

/** Instances whose command line is not of the folder they have to run from: a run that mixes nothing must not pass. */
export function misplaced(commandLines: Readonly<Record<string, readonly string[]>>, trees: Trees): readonly string[] {
  return Object.entries(commandLines)
    .filter(([instance, words]) => !words.includes(`${folderOf(instance, trees)}/packages/cli/src/main.ts`))
    .map(([instance]) => instance)
}

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ZerogError } from '@zerog/primitives'
import type { EngineName } from '../engine/engine.ts'
import type { Fork } from '../interpreter/rules.ts'
import { formOf } from './forms.ts'
import { DamagedFile, jsonEntries } from './json-entries.ts'
import { runRlpCase } from './rlp-tests.ts'
import { runStateCase } from './state-tests.ts'
import { runTransactionCase, TRANSACTION_FORKS } from './transaction-tests.ts'
import { runNextPrevCase, runTrieCase } from './trie-tests.ts'
import { type Json, list, object } from './values.ts'

export type ConformanceCase = {
  readonly file: string
  readonly name: string
  readonly kind: 'state' | 'trie' | 'rlp' | 'transaction' | 'other'
  /** Which code it ran on. */
  readonly engine: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it failed or was skipped. */
  readonly reason?: string
}

export type ConformanceOptions = {
  readonly engine: EngineName
  readonly signal?: AbortSignal
  /** Only each n-th file, for a look. */
  readonly every?: number
}

/**
 * Runs every test of a file or folder in the forms of ethereum/tests and execution-spec-tests. Yields each case as it ends; memory is
 * bounded by the largest single test. Throws NOT_FOUND if there is no such path.
 */
export async function* runConformance(path: string, options: ConformanceOptions): AsyncGenerator<ConformanceCase> {
  let index = 0
  for await (const file of filesOf(path)) {
    if (index++ % (options.every ?? 1) !== 0) continue
    yield* runFile(file, options)
  }
}

async function* runFile(file: string, options: ConformanceOptions): AsyncGenerator<ConformanceCase> {
  const other = { file, kind: 'other', engine: 'none' } as const
  if (!file.endsWith('.json')) {
    yield { ...other, name: '', outcome: 'skipped', reason: 'not a JSON file' }
    return
  }
  try {
    for await (const [name, value] of jsonEntries(file)) {
      options.signal?.throwIfAborted()
      yield* runEntry({ file, name, value }, options)
    }
  } catch (error) {
    options.signal?.throwIfAborted()
    // What began as a file of tests and breaks off must not look as if all of it had passed.
    if (error instanceof DamagedFile)
      yield { ...other, name: '', outcome: 'failed', reason: `the file is damaged: ${error.message}` }
    else yield { ...other, name: '', outcome: 'skipped', reason: `unknown form: ${messageOf(error)}` }
  }
}

type Entry = { readonly file: string; readonly name: string; readonly value: unknown }

async function* runEntry({ file, name, value }: Entry, options: ConformanceOptions): AsyncGenerator<ConformanceCase> {
  const form = formOf(value)
  if (form.kind === 'foreign' || form.kind === 'unknown') {
    // Comments of the file, not a test.
    if (name.startsWith('_') || name.startsWith('//')) return
    const reason = form.kind === 'foreign' ? form.reason : 'unknown form: no test that this command knows'
    yield { file, name, kind: 'other', engine: 'none', outcome: 'skipped', reason }
  } else if (form.kind === 'state') yield* runStateTest({ file, name, test: form.test }, options.engine)
  else if (form.kind === 'transaction') yield* runTransactionTest({ file, name, test: form.test })
  else {
    const { test, kind } = form
    const work =
      kind === 'rlp' ? () => runRlpCase(test) : kind === 'trie' ? () => runTrieCase(test, file) : () => runNextPrevCase(test)
    const common = {
      file,
      name,
      kind: kind === 'rlp' ? 'rlp' : 'trie',
      engine: kind === 'rlp' ? 'zerog rlp' : 'zerog trie',
    } as const
    yield { ...common, ...(await judge(work)) }
  }
}

const FORKS: Readonly<Record<string, Fork>> = { Cancun: 'cancun', Prague: 'prague' }

type Test = { readonly file: string; readonly name: string; readonly test: Json }

async function* runStateTest({ file, name, test }: Test, engine: EngineName): AsyncGenerator<ConformanceCase> {
  for (const [forkName, posts] of Object.entries(object(test.post, 'post'))) {
    const fork = FORKS[forkName]
    const entries = Array.isArray(posts) ? list(posts, 'post') : [posts]
    for (const [index, post] of entries.entries()) {
      const common = { file, name: `${name} ${forkName} ${index}`, kind: 'state', engine } as const
      if (fork === undefined)
        yield { ...common, engine: 'none', outcome: 'skipped', reason: `fork ${forkName}: not one of Cancun, Prague` }
      else yield { ...common, ...(await judge(() => runStateCase({ test, post: object(post, 'post'), fork, engine }))) }
    }
  }
}

async function* runTransactionTest({ file, name, test }: Test): AsyncGenerator<ConformanceCase> {
  for (const [forkName, wanted] of Object.entries(object(test.result, 'result'))) {
    const rules = TRANSACTION_FORKS[forkName]
    const common = { file, name: `${name} ${forkName}`, kind: 'transaction', engine: 'zerog codec' } as const
    if (rules === undefined)
      yield {
        ...common,
        engine: 'none',
        outcome: 'skipped',
        reason: `fork ${forkName}: not one of ${Object.keys(TRANSACTION_FORKS).join(', ')}`,
      }
    else yield { ...common, ...(await judge(() => runTransactionCase(test, object(wanted, 'result'), rules))) }
  }
}

/** A test that cannot be read is a test that failed: nobody shall take it for passed. */
async function judge(
  work: () => string | undefined | Promise<string | undefined>,
): Promise<Pick<ConformanceCase, 'outcome' | 'reason'>> {
  try {
    const problem = await work()
    return problem === undefined ? { outcome: 'passed' } : { outcome: 'failed', reason: problem }
  } catch (error) {
    return { outcome: 'failed', reason: messageOf(error) }
  }
}

/** In the order of their names, without following links. */
async function* filesOf(path: string): AsyncGenerator<string> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ZerogError('NOT_FOUND', { message: `cannot read ${path}: ${cause.code ?? cause.message}`, cause })
  })
  if (!found.isDirectory()) {
    yield path
    return
  }
  const entries = await readdir(path, { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    if (entry.isDirectory()) yield* filesOf(join(path, entry.name))
    else if (entry.isFile()) yield join(path, entry.name)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

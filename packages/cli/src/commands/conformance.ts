import type { ConformanceCase } from '@zerog/evm/conformance'
import { ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'
import type { Act, ActionContext } from '../action.ts'
import { EXIT } from '../exit-codes.ts'

type Flags = { readonly engine: string; readonly cases?: boolean }

const ENGINES = ['zerog', 'ethereumjs'] as const

export function addConformance(chain: Command, act: Act): void {
  chain
    .command('conformance')
    .argument('<path...>', 'folders or files with state, trie, RLP or transaction tests')
    .option('--engine <name>', `interpreter that runs state tests: ${ENGINES.join(' or ')}`, ENGINES[0])
    .option('--cases', 'a line for every case, with the engine that it ran on')
    .description("run published tests of Ethereum on this chain's own code, offline")
    .addHelpText(
      'after',
      '\nReads the forms of ethereum/tests and execution-spec-tests. Exit code 1 when a case failed.\n' +
        '\nExample:\n  zerog chain conformance ./tests/GeneralStateTests --cases\n',
    )
    .action(act(async (context, paths: readonly string[], flags: Flags) => runTests(context, paths, flags)))
}

type Tally = { passed: number; failed: number; skipped: number }

async function runTests(context: ActionContext, paths: readonly string[], flags: Flags) {
  const engine = ENGINES.find((name) => name === flags.engine)
  if (engine === undefined) {
    throw new ZerogError('INVALID_ARGUMENT', { message: `--engine ${flags.engine}: must be ${ENGINES.join(' or ')}` })
  }
  const { runConformance } = await import('@zerog/evm/conformance')
  const total: Tally = { passed: 0, failed: 0, skipped: 0 }
  const byEngine = new Map<string, Tally>()
  const skips = new Map<string, number>()
  const failures: ConformanceCase[] = []
  // Lines go out as cases end: a folder may hold a million of them.
  const print = (text: string): void => {
    if (!context.output.options.json) context.output.streams.out.write(`${text}\n`)
  }
  for (const path of paths) {
    for await (const found of runConformance(path, { engine, signal: context.signal })) {
      total[found.outcome] += 1
      if (found.outcome !== 'skipped') tallyOf(byEngine, `${found.kind} on ${found.engine}`)[found.outcome] += 1
      else skips.set(found.reason ?? '', (skips.get(found.reason ?? '') ?? 0) + 1)
      if (found.outcome === 'failed' && failures.length < FAILURES_KEPT_MAX) failures.push(found)
      const named = found.outcome === 'failed' || flags.cases === true || found.reason?.startsWith('unknown form') === true
      if (named) print(lineOf(found))
    }
  }
  if (total.failed > 0) context.exitWith(EXIT.unexpected)
  return {
    data: { ...total, engines: Object.fromEntries(byEngine), skips: Object.fromEntries(skips), failures },
    text: [
      ...[...byEngine].map(([name, { passed, failed }]) => `${name}: ${passed} passed, ${failed} failed`),
      ...[...skips].map(([reason, cases]) => `skipped ${cases}: ${reason}`),
      `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`,
    ].join('\n'),
  }
}

/** Failures in the JSON result; every one is a line of the text. */
const FAILURES_KEPT_MAX = 1_000

function tallyOf(byEngine: Map<string, Tally>, name: string): Tally {
  const known = byEngine.get(name)
  if (known !== undefined) return known
  const fresh: Tally = { passed: 0, failed: 0, skipped: 0 }
  byEngine.set(name, fresh)
  return fresh
}

function lineOf({ outcome, kind, engine, file, name, reason }: ConformanceCase): string {
  const what = kind === 'other' ? '' : ` ${kind} on ${engine}`
  return `${outcome}${what} ${file}${name === '' ? '' : ` ${name}`}${reason === undefined ? '' : `: ${reason}`}`
}

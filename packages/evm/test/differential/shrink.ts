import type { Hex } from '@zerog/primitives'
import type { Creation, Item } from './program.ts'
import type { Scenario, ScenarioAccount, ScenarioBlock, ScenarioTransaction } from './scenario.ts'

/**
 * The smallest scenario found for which `fails` still holds: drops blocks, transactions, accounts, list entries and steps of
 * programs until nothing more can go. `fails` is asked at most `attemptsMax` times.
 */
export async function shrink(
  scenario: Scenario,
  fails: (candidate: Scenario) => Promise<boolean>,
  attemptsMax = 3_000,
): Promise<Scenario> {
  let best = scenario
  let attempts = 0
  for (let progress = true; progress && attempts < attemptsMax; ) {
    progress = false
    for (const candidate of smaller(best)) {
      if (++attempts > attemptsMax) break
      if (!(await fails(candidate))) continue
      best = candidate
      progress = true
      break
    }
  }
  return best
}

/** Candidates with something missing, the largest cuts first. */
function* smaller(scenario: Scenario): Generator<Scenario> {
  const { blocks, accounts } = scenario
  for (const fewer of without(blocks)) yield { ...scenario, blocks: fewer }
  for (const [index, block] of blocks.entries()) {
    for (const transactions of without(block.transactions)) yield withBlock(scenario, index, { ...block, transactions })
  }
  const names = Object.keys(accounts) as Hex[]
  for (const fewer of without(names)) {
    yield { ...scenario, accounts: Object.fromEntries(fewer.map((name) => [name, accounts[name] as ScenarioAccount])) }
  }
  for (const name of names) {
    for (const account of smallerAccounts(accounts[name] as ScenarioAccount)) {
      yield { ...scenario, accounts: { ...accounts, [name]: account } }
    }
  }
  for (const [index, block] of blocks.entries()) {
    for (const [at, transaction] of block.transactions.entries()) {
      for (const next of smallerTransactions(transaction)) {
        yield withBlock(scenario, index, { ...block, transactions: block.transactions.with(at, next) })
      }
    }
  }
}

function withBlock(scenario: Scenario, index: number, block: ScenarioBlock): Scenario {
  return { ...scenario, blocks: scenario.blocks.with(index, block) }
}

function* smallerAccounts(account: ScenarioAccount): Generator<ScenarioAccount> {
  const { program, storage, ...rest } = account
  if (storage !== undefined) yield { ...rest, ...(program && { program }) }
  for (const next of smallerPrograms(program ?? [])) yield { ...account, program: next }
}

function* smallerTransactions(transaction: ScenarioTransaction): Generator<ScenarioTransaction> {
  for (const accessList of without(transaction.accessList)) yield { ...transaction, accessList }
  if (transaction.authorizations.length > 1) {
    for (const authorizations of without(transaction.authorizations)) {
      if (authorizations.length > 0) yield { ...transaction, authorizations }
    }
  }
  if (transaction.data !== undefined) {
    const { data: _, ...rest } = transaction
    yield rest
  }
  if (transaction.value !== '0') yield { ...transaction, value: '0' }
  for (const program of smallerPrograms(transaction.program ?? [])) yield { ...transaction, program }
}

/** Fewer steps, or the same with a smaller one. */
function* smallerPrograms(items: readonly Item[]): Generator<readonly Item[]> {
  yield* without(items)
  for (const [index, item] of items.entries()) for (const next of smallerItems(item)) yield items.with(index, next)
}

function* smallerItems(item: Item): Generator<Item> {
  if (typeof item === 'string') return
  if ('loop' in item) {
    if (item.loop > 1) yield { ...item, loop: 1 }
    for (const body of smallerPrograms(item.body)) yield { ...item, body }
  } else if ('create' in item) {
    const { padding: _, ...create }: Creation = item.create
    if (item.create.padding !== undefined) yield { create }
    for (const init of smallerPrograms(item.create.init)) yield { create: { ...item.create, init } }
  } else if ('deploy' in item) {
    for (const deploy of smallerPrograms(item.deploy)) yield { ...item, deploy }
  } else if (item.skip !== '') yield { skip: '' }
}

/** The list without one of its halves, quarters, ... single entries. */
function* without<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < list.length; from += size) {
      if (size < list.length || list.length === 1) yield [...list.slice(0, from), ...list.slice(from + size)]
    }
  }
}

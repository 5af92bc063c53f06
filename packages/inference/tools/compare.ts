import type { Backend, Row } from '../src/backend.ts'
import { createInterpreter } from '../src/interpreter.ts'
import type { Model } from '../src/types.ts'
import { createWasmBackend } from '../src/wasm-backend.ts'

/**
 * Logits of all positions of the token lists, by four ways through two implementations that must agree: one position at a time and
 * whole prompts at once, alone and in mixed batches. Returns the number of positions; throws at the first difference.
 */
export function compareImplementations(model: Model, lists: readonly (readonly number[])[], random: () => number): number {
  const expected = lists.map((tokens) => oneByOne(createInterpreter(model, { slots: 1, rowsMax: 1 }), tokens))
  const positions = expected.flat().length
  for (const [index, tokens] of lists.entries()) {
    const truth = expected[index] as Int32Array[]
    check('wasm, one by one', oneByOne(createWasmBackend(model, { slots: 1, rowsMax: 1 }), tokens), truth)
    const backend = createWasmBackend(model, { slots: 1, rowsMax: tokens.length })
    check('wasm, prefill', copies(backend.run(rowsOf(tokens, 0))), truth)
  }
  for (const create of [createWasmBackend, createInterpreter]) {
    const backend = create(model, { slots: lists.length, rowsMax: 7 })
    for (const [index, logits] of mixed(backend, lists, random).entries())
      check('mixed batches', logits, expected[index] as Int32Array[])
  }
  return positions
}

/** Rows of a list from position `start` on, all with logits. */
function rowsOf(tokens: readonly number[], slot: number): Row[] {
  return tokens.map((token, position) => ({ slot, position, token, wantsLogits: true }))
}

function oneByOne(backend: Backend, tokens: readonly number[]): Int32Array[] {
  return rowsOf(tokens, 0).flatMap((row) => copies(backend.run([row])))
}

/** All lists at once, in batches whose rows are drawn from the lists at random. */
function mixed(backend: Backend, lists: readonly (readonly number[])[], random: () => number): Int32Array[][] {
  const queues = lists.map((tokens, slot) => rowsOf(tokens, slot))
  const results: Int32Array[][] = lists.map(() => [])
  while (queues.some((queue) => queue.length > 0)) {
    const rows: Row[] = []
    for (let size = 1 + Math.floor(random() * backend.rowsMax); size > 0; size--) {
      const row = queues[Math.floor(random() * queues.length)]?.shift()
      if (row !== undefined) rows.push(row)
    }
    for (const [i, logits] of copies(backend.run(rows)).entries()) results[rows[i]?.slot as number]?.push(logits) // one per row
  }
  return results
}

function copies(logits: readonly Int32Array[]): Int32Array[] {
  return logits.map((values) => values.slice())
}

function check(way: string, found: readonly Int32Array[], expected: readonly Int32Array[]): void {
  if (found.length !== expected.length) throw new Error(`${way}: ${found.length} results instead of ${expected.length}`)
  for (const [position, logits] of found.entries()) {
    const truth = expected[position] as Int32Array // of the same length
    const at = logits.findIndex((value, token) => value !== truth[token])
    if (at >= 0 || logits.length !== truth.length) {
      throw new Error(`${way}: position ${position}, token ${at}: ${logits[at]} instead of ${truth[at]}`)
    }
  }
}

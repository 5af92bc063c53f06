import { toHex } from '@zerog/primitives'
import { keccak256 } from '../codec/keccak.ts'
import { memoryNodes } from '../trie/memory-nodes.ts'
import { EMPTY_ROOT, type TrieUpdate, trieEntries, trieUpdate } from '../trie/trie.ts'
import { hexText, isObject, type Json, list } from './values.ts'

/**
 * Entries in the order of the test, in one batch and one by one, must give the root. Keys of a secure trie are hashed: the file's
 * name says which it is. A test without an order is given in both directions.
 */
export function runTrieCase(test: Json, file: string): string | undefined {
  const secure = /secure/i.test(file)
  const pairs = Array.isArray(test.in) ? test.in.map(toPair) : isObject(test.in) ? Object.entries(test.in) : undefined
  if (pairs === undefined) throw new SyntaxError('in is neither a list nor an object')
  const updates = pairs.map(([key, value]): TrieUpdate => {
    const name = toBytes(key)
    const content = value === null ? null : toBytes(value)
    return { key: secure ? keccak256(name) : name, value: content?.length === 0 ? null : content }
  })
  const wanted = hexText(test.root, 'root')
  const orders = Array.isArray(test.in) ? [updates] : [updates, updates.toReversed()]
  for (const order of orders) {
    const batch = memoryTrie()
    const root = toHex(batch.update(EMPTY_ROOT, order))
    if (root !== wanted) return `root of the batch ${root}, wanted ${wanted}`
    const steps = memoryTrie()
    const stepwise = toHex(order.reduce((at, update) => steps.update(at, [update]), EMPTY_ROOT))
    if (stepwise !== wanted) return `root one by one ${stepwise}, wanted ${wanted}`
  }
  return undefined
}

/** The neighbours of a key among the entries of the trie: [key, before, after], empty where there is none. */
export function runNextPrevCase(test: Json): string | undefined {
  const { update, source } = memoryTrie()
  const keys = list(test.in, 'in').map(toBytes)
  const root = update(
    EMPTY_ROOT,
    keys.map((key) => ({ key, value: key })),
  )
  const stored = [...trieEntries(root, source)].map(([, value]) => Buffer.from(value))
  for (const given of list(test.tests, 'tests')) {
    const [key, before, after] = list(given, 'test').map((text) => Buffer.from(toBytes(text)))
    if (key === undefined || before === undefined || after === undefined) throw new SyntaxError('a test is [key, before, after]')
    const previous = stored.findLast((entry) => entry.compare(key) < 0) ?? NOTHING
    const next = stored.find((entry) => entry.compare(key) > 0) ?? NOTHING
    if (!previous.equals(before)) return `before ${key}: ${previous}, wanted ${before}`
    if (!next.equals(after)) return `after ${key}: ${next}, wanted ${after}`
  }
  return undefined
}

const NOTHING = Buffer.alloc(0)

function toPair(entry: unknown): [unknown, unknown] {
  const [key, value = null] = list(entry, 'entry')
  return [key, value]
}

/** Text after `0x` is hexadecimal, all other text is itself. */
function toBytes(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw new SyntaxError('a key or value is not text')
  return new Uint8Array(/^0x/i.test(value) ? Buffer.from(hexText(value, 'entry').slice(2), 'hex') : Buffer.from(value))
}

function memoryTrie() {
  const { source, sink } = memoryNodes()
  return { source, update: (root: Uint8Array, updates: readonly TrieUpdate[]) => trieUpdate(root, updates, source, sink) }
}

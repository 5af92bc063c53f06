import { isObject, type Json } from './values.ts'

/** What a member of a test file is. */
export type Form =
  | { readonly kind: 'state' | 'trie' | 'trie-order' | 'rlp' | 'transaction'; readonly test: Json }
  /** Known, and not for this chain. */
  | { readonly kind: 'foreign'; readonly reason: string }
  | { readonly kind: 'unknown' }

/** Told by the fields, since folders are named differently everywhere. */
export function formOf(value: unknown): Form {
  if (!isObject(value)) return { kind: 'unknown' }
  const has = (...names: readonly string[]): boolean => names.every((name) => name in value)
  if (has('post', 'pre', 'transaction', 'env') && isObject(value.post)) return { kind: 'state', test: value }
  if (has('txbytes', 'result')) return { kind: 'transaction', test: value }
  if (has('in', 'root')) return { kind: 'trie', test: value }
  if (has('in', 'tests')) return { kind: 'trie-order', test: value }
  if (has('in', 'out')) return { kind: 'rlp', test: value }
  for (const [names, reason] of FOREIGN) if (has(...names)) return { kind: 'foreign', reason }
  const inner = Object.values(value).find(isObject)
  if (inner !== undefined && 'currentDifficulty' in inner) return { kind: 'foreign', reason: DIFFICULTY }
  if (inner !== undefined && isObject(inner)) {
    const deeper = Object.values(inner).find(isObject)
    if (deeper !== undefined && 'currentDifficulty' in deeper) return { kind: 'foreign', reason: DIFFICULTY }
  }
  return { kind: 'unknown' }
}

const DIFFICULTY = 'difficulty test: this chain has no proof of work'

const FOREIGN: readonly (readonly [fields: readonly string[], reason: string])[] = [
  [['engineNewPayloads'], 'engine test: payloads of another consensus layer'],
  [['syncPayload'], 'engine test: payloads of another consensus layer'],
  [['genesisBlockHeader', 'blocks'], 'blockchain test: headers and consensus of another chain'],
  [['genesisBlockHeader'], 'blockchain test: headers and consensus of another chain'],
  [['expect', 'pre'], 'filler: the source of a test, without its results'],
  [['blocks', 'pre'], 'filler: the source of a test, without its results'],
  [['transaction', 'expectException'], 'filler: the source of a test, without its results'],
  [['exec'], 'VM test of the old form: without a transaction'],
  [['vectors'], 'EOF test: the chain does not know that container'],
  [['currentDifficulty'], DIFFICULTY],
  [['args', 'types'], 'ABI test: contracts and clients encode arguments here'],
  [['genesis_rlp_hex'], 'genesis test: headers of another chain'],
  [['header_hash', 'seed'], 'proof of work test: this chain has none'],
  [['crypto'], 'key store test: the command keeps keys'],
  [['json', 'password'], 'key store test: the command keeps keys'],
]

import { BYTES_FIRST, chunksOf, MERGES_FIRST, type Merges, pairKey } from '../src/tokenizer.ts'

/** Byte-pair merges of the most frequent pairs; of equal ones that with the smaller ids. */
export function learnMerges(texts: Iterable<string>, vocabularySize: number): Merges {
  const counts = new Map<string, number>()
  const encoder = new TextEncoder()
  for (const text of texts) {
    for (const chunk of chunksOf(encoder.encode(text))) {
      const key = chunk.join(',')
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  const words = [...counts].map(([key, count]) => ({ tokens: key.split(',').map((byte) => BYTES_FIRST + Number(byte)), count }))
  const merges: [number, number][] = []
  while (MERGES_FIRST + merges.length < vocabularySize) {
    const pairs = new Map<number, number>()
    for (const { tokens, count } of words) {
      for (let i = 0; i + 1 < tokens.length; i++) {
        const key = pairKey(tokens[i] as number, tokens[i + 1] as number)
        pairs.set(key, (pairs.get(key) ?? 0) + count)
      }
    }
    let best = -1
    let most = 0
    for (const [key, count] of pairs) {
      if (count > most || (count === most && key < best)) {
        best = key
        most = count
      }
    }
    if (most < 2) throw new Error(`the texts have only ${merges.length} pairs that occur twice`)
    const [left, right] = [Math.floor(best / 65_536), best % 65_536]
    for (const word of words) join(word.tokens, left, right, MERGES_FIRST + merges.length)
    merges.push([left, right])
  }
  return merges
}

function join(tokens: number[], left: number, right: number, joined: number): void {
  for (let i = 0; i + 1 < tokens.length; i++) if (tokens[i] === left && tokens[i + 1] === right) tokens.splice(i, 2, joined)
}

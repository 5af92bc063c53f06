/**
 * The `id` members of a request or a batch as they stand in the text: one per item, undefined where there is none. A number
 * such as 0.12345678901234567 or 12345678901234567890 does not survive `JSON.parse`, and clients compare ids byte for byte.
 *
 * `text` has passed `JSON.parse`, so its grammar is not checked again. Linear in the length of the text, no recursion.
 */
export function rawIds(text: string): readonly (string | undefined)[] {
  const start = skipSpace(text, 0)
  if (text[start] !== '[') return [text[start] === '{' ? scanObject(text, start).id : undefined]
  const ids: (string | undefined)[] = []
  let at = skipSpace(text, start + 1)
  while (at < text.length && text[at] !== ']') {
    const { id, end } = text[at] === '{' ? scanObject(text, at) : { id: undefined, end: skipValue(text, at) }
    ids.push(id)
    at = skipSpace(text, end)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  return ids
}

function scanObject(text: string, start: number): { id: string | undefined; end: number } {
  let id: string | undefined
  let at = skipSpace(text, start + 1)
  while (at < text.length && text[at] !== '}') {
    const keyEnd = skipString(text, at)
    const key = text.slice(at, keyEnd)
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const valueEnd = skipValue(text, valueStart)
    // The last of several wins, as in JSON.parse. A key may be written with escapes.
    if (key === '"id"' || (key.includes('\\') && JSON.parse(key) === 'id')) id = text.slice(valueStart, valueEnd)
    at = skipSpace(text, valueEnd)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  return { id, end: at + 1 }
}

function skipValue(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return skipString(text, start)
  let at = start
  if (first !== '{' && first !== '[') {
    while (at < text.length && !END_OF_SCALAR.has(text.charCodeAt(at))) at++
    return at
  }
  let depth = 0
  do {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = skipString(text, at)
      continue
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
    at++
  } while (depth > 0 && at < text.length)
  return at
}

/** `start` is at the opening quote; returns the place after the closing one. */
function skipString(text: string, start: number): number {
  let at = start
  for (;;) {
    at = text.indexOf('"', at + 1)
    if (at < 0) return text.length
    let backslashes = 0
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return at + 1
  }
}

function skipSpace(text: string, start: number): number {
  let at = start
  while (SPACE.has(text.charCodeAt(at))) at++
  return at
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d])
const END_OF_SCALAR = new Set([0x2c, CLOSE_BRACE, CLOSE_BRACKET, ...SPACE])

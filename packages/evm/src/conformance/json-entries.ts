import { createReadStream } from 'node:fs'

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c]
const OPEN = new Set([0x7b, 0x5b])
const CLOSE = new Set([0x7d, 0x5d])
const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d])

/** An object that breaks off or goes on after its end. */
export class DamagedFile extends SyntaxError {}

/**
 * The members of the object that a JSON file consists of, one by one: files of gigabytes need the memory of their largest member.
 * Throws `DamagedFile`, and `SyntaxError` for what is no object at all.
 */
export async function* jsonEntries(path: string): AsyncGenerator<readonly [name: string, value: unknown]> {
  const splitter = createSplitter()
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)
    yield* splitter.push(chunk)
  splitter.end()
}

function createSplitter() {
  let depth = 0
  let inString = false
  let escaped = false
  let started = false
  let ended = false
  let name: string | undefined
  let parts: Buffer[] = []

  const take = (): string => {
    const text = Buffer.concat(parts).toString('utf8')
    parts = []
    return text
  }
  const member = (): readonly [string, unknown] => {
    if (name === undefined) throw new DamagedFile('a member without a name')
    const entry = [name, parsed(take())] as const
    name = undefined
    return entry
  }

  return {
    *push(chunk: Buffer): Generator<readonly [string, unknown]> {
      let from = 0
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at] as number
        if (inString) {
          if (escaped) escaped = false
          else if (byte === BACKSLASH) escaped = true
          else if (byte === QUOTE) inString = false
          continue
        }
        if (depth === 0) {
          // A byte order mark may stand before the object, nothing may stand after it.
          if (SPACE.has(byte) || (!started && byte >= 0xbb)) continue
          if (started || byte !== 0x7b)
            throw started ? new DamagedFile('text after the object') : new SyntaxError('the file is not one JSON object')
          started = true
          depth = 1
          from = at + 1
        } else if (byte === QUOTE) inString = true
        else if (OPEN.has(byte)) depth += 1
        else if (CLOSE.has(byte)) {
          depth -= 1
          if (depth > 0) continue
          parts.push(chunk.subarray(from, at))
          ended = true
          if (name !== undefined) yield member()
          else if (take().trim() !== '') throw new DamagedFile('a member without a value')
          from = at + 1
        } else if (depth === 1 && byte === COLON && name === undefined) {
          parts.push(chunk.subarray(from, at))
          name = String(parsed(take()))
          from = at + 1
        } else if (depth === 1 && byte === COMMA) {
          parts.push(chunk.subarray(from, at))
          yield member()
          from = at + 1
        }
      }
      if (depth > 0) parts.push(chunk.subarray(from))
    },
    end(): void {
      if (!started) throw new SyntaxError('the file is empty')
      if (!ended) throw new DamagedFile('the file ends within the object')
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DamagedFile(`a member is not JSON: ${text.slice(0, 60)}`, { cause })
  }
}

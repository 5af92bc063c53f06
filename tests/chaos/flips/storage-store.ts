import { hash } from 'node:crypto'
import { lmdbKv, segmentBlobStore, verifyKv } from '@zerog/adapters'
import type { BlobStore, Kv } from '@zerog/ports'
import { fromHex, toHex } from '@zerog/primitives'
import { firstError, judgeError, type Line, line, silentlyWrong, type Verdict } from './verdict.ts'

/** Hex key to SHA-256 of the value: all segments of a storage node. */
export async function learnSegments(path: string): Promise<ReadonlyMap<string, string>> {
  const store = segmentBlobStore({ path })
  const truth = new Map<string, string>()
  for (const key of store.keys()) truth.set(toHex(key), digest(await store.get(key)))
  await store.close()
  return truth
}

/** Opens a damaged store as a node does, reads every segment that was promised, and scrubs as the doctor does. */
export async function judgeSegments(path: string, truth: ReadonlyMap<string, string>): Promise<Verdict> {
  let store: BlobStore
  try {
    store = segmentBlobStore({ path })
  } catch (error) {
    return judgeError(error, ['segments.blobs', 'segments'])
  }
  try {
    const lines: Line[] = []
    for (const key of truth.keys()) lines.push(await line(key, async () => digest(await store.get(fromHex(key)))))
    const wrong = silentlyWrong(lines, truth)
    if (wrong !== undefined) return { kind: 'WRONG', detail: wrong }
    const scrubbed: string[] = []
    for await (const { key, problem } of store.scrub()) scrubbed.push(`segments key ${toHex(key)}: ${problem}`)
    const error = firstError(lines)
    if (error === undefined)
      return scrubbed.length > 0 ? { kind: 'found', detail: scrubbed.join('; ') } : { kind: 'unchanged', detail: '' }
    // What a read refuses the doctor must find too.
    if (scrubbed.length === 0) return { kind: 'WRONG', detail: 'a read was refused, but the scrub found nothing' }
    return judgeError(error, ['segments.blobs', 'segments'])
  } finally {
    await store.close()
  }
}

const PROMISES = 'promises'

export async function learnPromises(path: string): Promise<ReadonlyMap<string, string>> {
  const kv = lmdbKv({ path, name: PROMISES })
  const truth = new Map([...kv.range(PROMISES)].map(([key, value]) => [toHex(key), toHex(value)]))
  await kv.close()
  return truth
}

/** The receipts that a storage node signed. */
export async function judgePromises(path: string, truth: ReadonlyMap<string, string>): Promise<Verdict> {
  let kv: Kv
  try {
    kv = lmdbKv({ path, name: PROMISES })
  } catch (error) {
    return judgeError(error, [PROMISES])
  }
  const lines: Line[] = []
  for (const key of truth.keys()) {
    lines.push(
      await line(key, () => {
        const value = kv.get(PROMISES, fromHex(key))
        return value === undefined ? 'none' : toHex(value)
      }),
    )
  }
  const ranged = await line('range', () => [...kv.range(PROMISES)].length)
  await kv.close()
  const wrong = silentlyWrong(lines, truth)
  if (wrong !== undefined) return { kind: 'WRONG', detail: wrong }
  const error = firstError([...lines, ranged])
  if (error !== undefined) return judgeError(error, [PROMISES])
  if ('value' in ranged && ranged.value !== String(truth.size))
    return { kind: 'WRONG', detail: `a range gave ${ranged.value} records` }
  const [damage] = verifyKv(path).damage
  return damage === undefined ? { kind: 'unchanged', detail: '' } : { kind: 'found', detail: `promises: ${damage.problem}` }
}

function digest(value: Uint8Array | undefined): string {
  return value === undefined ? 'none' : hash('sha256', value)
}

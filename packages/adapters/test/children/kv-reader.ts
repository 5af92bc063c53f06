import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { lmdbKv } from '../../src/kv/embedded.ts'
import { mixedValue, rowKey } from './rows.ts'

/**
 * For each line `<folder> <rows>` on standard input: opens the store, reads all rows by key and by range, writes more and reads
 * again; answers one line of JSON. A native crash is seen by whoever started this process.
 */
type Verdict = { verdict: 'refused' | 'corrupt' | 'sound' | 'WRONG'; detail: string }

for await (const line of createInterface({ input: process.stdin })) {
  const [path = '', rows = '0'] = line.split(' ')
  writeSync(1, `${JSON.stringify(await judge(path, Number(rows)))}\n`)
}

async function judge(path: string, rows: number): Promise<Verdict> {
  let kv: ReturnType<typeof lmdbKv>
  try {
    kv = lmdbKv({ path })
  } catch (error) {
    const reason = reasonOf(error)
    return { verdict: reason === undefined ? 'WRONG' : 'refused', detail: `${reason ?? String(error)}` }
  }
  try {
    const corrupt = readAll(kv, rows)
    if (corrupt instanceof Error) return { verdict: 'WRONG', detail: corrupt.message }
    // Space that is wrongly taken for free would be written over now.
    for (let n = rows; n < rows + 200; n++) kv.write([{ table: 'rows', key: rowKey(n), value: mixedValue(n) }])
    await kv.flush()
    const again = readAll(kv, rows + 200)
    if (again instanceof Error) return { verdict: 'WRONG', detail: `after writing: ${again.message}` }
    if (again.size !== corrupt.size)
      return { verdict: 'WRONG', detail: `${again.size - corrupt.size} more rows are damaged after writing` }
    return { verdict: corrupt.size > 0 ? 'corrupt' : 'sound', detail: [...corrupt].join() }
  } catch (error) {
    const reason = reasonOf(error)
    return { verdict: reason === undefined ? 'WRONG' : 'refused', detail: String(error) }
  } finally {
    await kv.close().catch(() => {})
  }
}

/** The rows that are refused as damaged, or what is silently wrong. */
function readAll(kv: ReturnType<typeof lmdbKv>, rows: number): Set<number> | Error {
  const corrupt = new Set<number>()
  for (let n = 0; n < rows; n++) {
    try {
      const value = kv.get('rows', rowKey(n))
      if (value === undefined) return new Error(`row ${n} is gone`)
      if (Buffer.compare(value, mixedValue(n)) !== 0) return new Error(`row ${n} has other bytes`)
    } catch (error) {
      if (reasonOf(error) !== 'RECORD_CORRUPT') throw error
      corrupt.add(n)
    }
  }
  let count = 0
  try {
    for (const _ of kv.range('rows')) count++
    if (corrupt.size > 0) return new Error('the range passed over a damaged row')
    if (count !== rows) return new Error(`the range gave ${count} of ${rows} rows`)
  } catch (error) {
    if (reasonOf(error) !== 'RECORD_CORRUPT') throw error
  }
  return corrupt
}

function reasonOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'reason' in error ? String(error.reason) : undefined
}

import { writeSync } from 'node:fs'
import { lmdbKv } from '../../src/kv/embedded.ts'
import { rowKey, rowValue } from './rows.ts'

/** `node kv-writer.ts <folder> <first>`: writes rows from `first` on, and says the last row of every flush that resolved. */
const [path = '', first = '0'] = process.argv.slice(2)
const kv = lmdbKv({ path })
for (let n = Number(first); ; ) {
  const batch = 1 + (n % 7)
  for (let end = n + batch; n < end; n++) kv.write([{ table: 'rows', key: rowKey(n), value: rowValue(n, 3000) }])
  const last = n - 1
  // Writes go on while the flush runs, so a kill may hit a store with a commit in flight and more behind it.
  void kv.flush().then(() => writeSync(1, `${last}\n`))
  await new Promise((resolve) => setImmediate(resolve))
  if (n % 5 === 0) await kv.flush()
}

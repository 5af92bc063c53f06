import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { segmentBlobStore } from '../../src/blob-store/embedded.ts'
import { postgresBus } from '../../src/bus/embedded.ts'
import { lmdbKv } from '../../src/kv/embedded.ts'
import { startEmbeddedPostgres } from '../../src/sql/embedded.ts'
import { rowKey, rowValue } from './rows.ts'

/** `node acknowledger.ts <folder>`: ten acknowledgements of each kind, one after the other, announced before and after on standard error. */
const [folder = ''] = process.argv.slice(2)
const say = (text: string) => writeSync(2, `${text}\n`)
const kv = lmdbKv({ path: join(folder, 'kv') })
const blobs = segmentBlobStore({ path: join(folder, 'blobs') })
const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') })
const bus = await postgresBus({ url: server.url })

for (let n = 0; n < 10; n++) {
  say(`begin kv ${n}`)
  kv.write([{ table: 'rows', key: rowKey(n), value: rowValue(n, 3000) }])
  await kv.flush()
  say(`acknowledged kv ${n}`)
  say(`begin blob ${n}`)
  await blobs.put(rowKey(n), rowValue(n, 100_000))
  say(`acknowledged blob ${n}`)
  say(`begin bus ${n}`)
  await bus.publish({ id: `m${n}`, subject: 'zerog.trace.message', data: rowValue(n, 100) })
  say(`acknowledged bus ${n}`)
}
await bus.close()
await server.stop()
await blobs.close()
await kv.close()

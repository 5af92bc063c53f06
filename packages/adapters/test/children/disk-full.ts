import { rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { segmentBlobStore } from '../../src/blob-store/embedded.ts'
import { lmdbKv } from '../../src/kv/embedded.ts'
import { startEmbeddedPostgres } from '../../src/sql/embedded.ts'
import { rowKey, rowValue } from './rows.ts'

/** `node disk-full.ts kv|blob|postgres <small file system>`: fills the disk, and says as JSON what happened then. */
const [kind = '', mount = ''] = process.argv.slice(2)
const path = join(mount, 'store')
const ballast = join(mount, 'ballast')
writeFileSync(ballast, new Uint8Array(2 * 1024 * 1024))
const reasonOf = (error: unknown) =>
  typeof error === 'object' && error !== null && 'reason' in error ? error.reason : String(error)
const same = (value: Uint8Array | undefined, n: number, max: number) =>
  value !== undefined && Buffer.compare(value, rowValue(n, max)) === 0

async function fillKv() {
  const kv = lmdbKv({ path })
  let full = 0
  let reason: unknown
  for (let n = 0; reason === undefined && n < 10_000; n++) {
    kv.write([{ table: 'rows', key: rowKey(n), value: rowValue(n, 20_000) }])
    try {
      await kv.flush()
    } catch (error) {
      reason = reasonOf(error)
      full = n
    }
  }
  const readable = () => Array.from({ length: full + 1 }, (_, n) => n).every((n) => same(kv.get('rows', rowKey(n)), n, 20_000))
  const readsWhenFull = readable()
  const again = await kv.flush().then(() => 'written', reasonOf)
  rmSync(ballast)
  const afterSpace = await kv.flush().then(() => 'written', reasonOf)
  await kv.close()
  const reopened = lmdbKv({ path })
  const last = same(reopened.get('rows', rowKey(full)), full, 20_000)
  await reopened.close()
  return { reason, full: full > 0, readsWhenFull, again, afterSpace, last }
}

async function fillBlobs() {
  const store = segmentBlobStore({ path, segmentBytes: 1024 * 1024 })
  let full = 0
  let reason: unknown
  for (let n = 0; reason === undefined && n < 10_000; n++) {
    await store.put(rowKey(n), rowValue(n, 200_000)).catch((error) => {
      reason = reasonOf(error)
      full = n
    })
  }
  let readsWhenFull = true
  for (let n = 0; n < full; n++) readsWhenFull &&= same(await store.get(rowKey(n)), n, 200_000)
  const again = await store.put(rowKey(full), rowValue(full, 200_000)).then(() => 'written', reasonOf)
  rmSync(ballast)
  const afterSpace = await store.put(rowKey(full), rowValue(full, 200_000)).then(() => 'written', reasonOf)
  await store.close()
  const reopened = segmentBlobStore({ path, segmentBytes: 1024 * 1024 })
  let last = true
  for (let n = 0; n <= full; n++) last &&= same(await reopened.get(rowKey(n)), n, 200_000)
  await reopened.close()
  return { reason, full: full > 0, readsWhenFull, again, afterSpace, last }
}

async function fillPostgres() {
  return { reason: await startEmbeddedPostgres({ dataDir: path }).then(() => 'started', reasonOf) }
}

const result = await (kind === 'kv' ? fillKv() : kind === 'blob' ? fillBlobs() : fillPostgres())
writeSync(1, JSON.stringify(result))

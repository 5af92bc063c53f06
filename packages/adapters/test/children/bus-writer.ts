import { writeSync } from 'node:fs'
import { postgresBus } from '../../src/bus/embedded.ts'
import { startEmbeddedPostgres } from '../../src/sql/embedded.ts'

/** `node bus-writer.ts <folder> <first>`: its own PostgreSQL and a publisher; says `pid n` once, then the number of each durable message. */
const [dataDir = '', first = '0'] = process.argv.slice(2)
const server = await startEmbeddedPostgres({ dataDir })
const bus = await postgresBus({ url: server.url })
// A consumer exists from the start, and does nothing here.
await (await bus.subscribe({ subject: 'zerog.crash.>', consumer: 'checker' }, async () => {})).close()
writeSync(1, `pid ${server.pid}\n`)
for (let n = Number(first); ; n += 3) {
  await Promise.all(
    [n, n + 1, n + 2].map(async (m) => {
      await bus.publish({ id: `m${m}`, subject: 'zerog.crash.message', data: new Uint8Array([m & 255]) })
      writeSync(1, `${m}\n`)
    }),
  )
}

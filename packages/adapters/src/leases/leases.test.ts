import { manualClock } from '../testing.ts'
import { memoryLeases, memoryLeaseTable } from './memory.ts'
import { leasesSuite } from './suite.ts'

leasesSuite('memory', async () => {
  const { clock, pass } = manualClock()
  const table = memoryLeaseTable()
  const crash = new AbortController()
  return {
    first: memoryLeases({ clock, table, signal: crash.signal }),
    second: memoryLeases({ clock, table }),
    crashFirst: () => crash.abort(),
    pass,
    dispose: async () => {},
  }
})

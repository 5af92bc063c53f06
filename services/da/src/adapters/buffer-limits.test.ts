import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

/** How many collections of the whole heap 800 MB of short-lived buffers cause beside a heap of some 40 MB. */
function majorCollections(limits: string): number {
  const program = `
    import { PerformanceObserver } from 'node:perf_hooks'
    ${limits}
    let majors = 0
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === 4) majors++
    }).observe({ entryTypes: ['gc'] })
    const heap = Array.from({ length: 500_000 }, (_, index) => ({ index, list: [index] }))
    for (let round = 0; round < 800; round++) {
      Buffer.allocUnsafeSlow(2 ** 20)
      await new Promise((resolve) => setTimeout(resolve))
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
    console.log(heap.length > 0 && majors)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }))
}

test('short-lived buffers do not start collections of the whole heap', () => {
  const url = JSON.stringify(join(import.meta.dirname, 'buffer-limits.ts'))
  const before = majorCollections('')
  const after = majorCollections(`(await import(${url})).countBuffersWithHeap()`)
  // 11 and 0 to 4 on two busy cores; marking in the background takes longer where much does.
  expect(before).toBeGreaterThanOrEqual(2)
  expect(after).toBeLessThan(before)
})

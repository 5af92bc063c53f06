import { manualClock } from '../testing.ts'
import { memoryBus } from './memory.ts'
import { busSuite } from './suite.ts'

busSuite('memory', async () => {
  const { clock, pass } = manualClock()
  const bus = memoryBus({ clock })
  return { bus, pass, dispose: () => bus.close() }
})

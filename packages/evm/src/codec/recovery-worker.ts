import { parentPort } from 'node:worker_threads'
import { assert } from '@zerog/primitives'
import type { RecoveryJob, RecoveryResult } from './recovery.ts'
import { recoverPacked } from './signature.ts'

assert(parentPort !== null, 'this module runs as a thread')
const port = parentPort

port.on('message', ({ input, count }: RecoveryJob) => {
  const senders = recoverPacked(new Uint8Array(input), count)
  const result: RecoveryResult = { input, senders: senders.buffer }
  port.postMessage(result, [input, senders.buffer])
})

import { expect, test } from '@jest/globals'
import { createContext } from '../client.ts'
import { disperse } from './blobs.ts'

const rest = async () => {
  throw new Error('nothing may be sent')
}
const context = createContext({ transport: { request: rest, rest } })

test.each([
  ['no-such-file', 'NOT_FOUND'],
  ['.', 'INVALID_ARGUMENT'],
])('a path that is no file (%s) is refused before anything is sent', async (path, reason) => {
  await expect(disperse(context, { path })).rejects.toMatchObject({ reason })
})

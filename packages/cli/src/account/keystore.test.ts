import { expect, test } from '@jest/globals'
import { decryptKey, encryptKey } from './keystore.ts'

const key = `0x${'7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'}` as const

test('what was encrypted opens with its password only', async () => {
  const stored = JSON.stringify(await encryptKey(key, 'right', 1 << 12))
  expect(await decryptKey(stored, 'right')).toBe(key)
  await expect(decryptKey(stored, 'wrong')).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' })
  const odd = stored.replace('"n":4096', '"n":4095')
  await expect(decryptKey(odd, 'right')).rejects.toMatchObject({ reason: 'CONFIG_INVALID' })
  await expect(decryptKey('{}', 'right')).rejects.toMatchObject({ reason: 'CONFIG_INVALID' })
})

import { expect, test } from '@jest/globals'
import { systemClock } from './system.ts'

test('a sleep ends with the signal, with its reason, before or during it', async () => {
  const controller = new AbortController()
  const sleeping = systemClock.sleep(2 ** 40, controller.signal)
  controller.abort(new Error('enough'))
  await expect(sleeping).rejects.toThrow('enough')
  await expect(systemClock.sleep(1, controller.signal)).rejects.toThrow('enough')
})

test('a task runs once, a cancelled one never', async () => {
  const ran: string[] = []
  const cancel = systemClock.after(0, () => ran.push('cancelled'))
  cancel()
  cancel()
  systemClock.after(0, () => ran.push('ran'))
  await systemClock.sleep(5)
  expect(ran).toEqual(['ran'])
})

test('a delay beyond what a timer takes does not fire at once', async () => {
  let fired = false
  const cancel = systemClock.after(2 ** 33, () => {
    fired = true
  })
  await systemClock.sleep(5)
  cancel()
  expect(fired).toBe(false)
})

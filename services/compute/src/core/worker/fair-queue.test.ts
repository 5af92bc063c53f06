import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createFairQueue } from './fair-queue.ts'

const options = { itemsMax: 10_000, itemsPerAccountMax: 5_000, quantumTokens: 64 }

describe('the fair queue', () => {
  test('gives every account the same tokens, however large or many its requests are', () => {
    const sizes = { many: 10, large: 1000, usual: 100 }
    const queue = createFairQueue<keyof typeof sizes>(options)
    for (let index = 0; index < 2000; index++) queue.push('many', sizes.many, 'many')
    for (let index = 0; index < 20; index++) queue.push('large', sizes.large, 'large')
    for (let index = 0; index < 200; index++) queue.push('usual', sizes.usual, 'usual')
    const served = { many: 0, large: 0, usual: 0 }
    while (served.many + served.large + served.usual < 30_000) {
      const name = queue.shift()
      if (name === undefined) break
      served[name] += sizes[name]
      queue.done(name)
    }
    for (const tokens of Object.values(served)) expect(Math.abs(tokens - 10_000)).toBeLessThanOrEqual(1100)
  })

  test('lets one request of a new account through before the backlog of another', () => {
    const queue = createFairQueue<string>(options)
    for (let index = 0; index < 1000; index++) queue.push('backlog', 64, `b${index}`)
    for (let index = 0; index < 10; index++) queue.shift()
    queue.push('new', 64, 'new')
    expect([queue.shift(), queue.shift()]).toContain('new')
  })

  test('counts what answers take, not what they ask for', () => {
    const queue = createFairQueue<string>(options)
    for (let index = 0; index < 100; index++) {
      queue.push('chatty', 1, 'chatty')
      queue.push('brief', 1, 'brief')
    }
    let brief = 0
    for (let taken = 0; taken < 60; taken++) {
      const name = queue.shift() as string
      queue.charge(name, name === 'chatty' ? 640 : 0)
      queue.done(name)
      if (name === 'brief') brief++
    }
    expect(brief).toBeGreaterThan(50)
  })

  test('keeps every item once and in the order of its account, under any mix of calls', () => {
    const call = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), account: fc.nat(4), tokens: fc.nat(2000) }),
      fc.record({ kind: fc.constant('shift' as const) }),
      fc.record({ kind: fc.constant('remove' as const), index: fc.nat(50) }),
      fc.record({ kind: fc.constant('done' as const), index: fc.nat(50), tokens: fc.nat(500) }),
    )
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
        const queue = createFairQueue<{ readonly account: string; readonly index: number }>({
          ...options,
          itemsMax: 30,
          itemsPerAccountMax: 10,
        })
        const running: string[] = []
        const waiting: { readonly account: string; readonly index: number }[] = []
        for (const [index, step] of calls.entries()) {
          if (step.kind === 'push') {
            const item = { account: `a${step.account}`, index }
            const ownCount = waiting.filter(({ account }) => account === item.account).length
            const wanted = waiting.length >= 30 ? 'full' : ownCount >= 10 ? 'account_full' : 'queued'
            expect(queue.push(item.account, step.tokens, item)).toBe(wanted)
            if (wanted === 'queued') waiting.push(item)
          } else if (step.kind === 'shift') {
            const item = queue.shift()
            expect(item === undefined).toBe(waiting.length === 0)
            if (item === undefined) continue
            expect(waiting.find(({ account }) => account === item.account)).toBe(item)
            waiting.splice(waiting.indexOf(item), 1)
            running.push(item.account)
          } else if (step.kind === 'remove') {
            const item = waiting[step.index]
            if (item === undefined) continue
            expect(queue.remove(item.account, item)).toBe(true)
            expect(queue.remove(item.account, item)).toBe(false)
            waiting.splice(step.index, 1)
          } else {
            const [account] = running.splice(step.index, 1)
            if (account === undefined) continue
            queue.charge(account, step.tokens)
            queue.done(account)
          }
          expect(queue.length).toBe(waiting.length)
          expect(queue.accountCount).toBe(new Set([...waiting.map(({ account }) => account), ...running]).size)
        }
      }),
      { numRuns: 200 },
    )
  })
})

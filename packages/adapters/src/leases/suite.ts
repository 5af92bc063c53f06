import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Leases } from '@zerog/ports'

export type LeasesSubject = {
  readonly first: Leases
  readonly second: Leases
  /** From now on `first` renews nothing: its process was killed. */
  readonly crashFirst: () => void
  readonly pass: (ms: number) => Promise<void>
  readonly dispose: () => Promise<void>
}

/** What every Leases guarantees. */
export function leasesSuite(kind: string, create: () => Promise<LeasesSubject>): void {
  describe(`Leases contract: ${kind}`, () => {
    let subject: LeasesSubject
    let name: string
    beforeEach(async () => {
      subject = await create()
      name = `job-${randomUUID()}`
    })
    afterEach(() => subject.dispose())

    const request = (holder: string, ttlMs = 60_000) => ({ name, holder, ttlMs })

    test('one holder at a time; another name is another lease', async () => {
      const lease = await subject.first.tryAcquire(request('a'))
      expect(lease).toMatchObject({ name, token: 1n })
      expect(lease?.lost.aborted).toBe(false)
      expect(await subject.second.tryAcquire(request('b'))).toBeUndefined()
      expect(await subject.first.tryAcquire(request('a'))).toBeUndefined()
      const other = await subject.second.tryAcquire({ ...request('b'), name: `${name}-other` })
      expect(other?.token).toBe(1n)
      await Promise.all([lease?.release(), other?.release()])
    })

    test('the token grows with every holder', async () => {
      const tokens: bigint[] = []
      for (const leases of [subject.first, subject.second, subject.first]) {
        const lease = await leases.tryAcquire(request('x'))
        tokens.push(lease?.token ?? -1n)
        await lease?.release()
        expect(lease?.lost.aborted).toBe(true)
        await lease?.release()
      }
      expect(tokens).toEqual([1n, 2n, 3n])
    })

    test('of many who ask at once, one gets it', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, index) => (index % 2 ? subject.first : subject.second).tryAcquire(request(`h${index}`))),
      )
      const won = answers.filter((lease) => lease !== undefined)
      expect(won.length).toBe(1)
      await won[0]?.release()
    })

    test('it is renewed by itself far beyond its ttl', async () => {
      const lease = await subject.first.tryAcquire(request('a', 300))
      for (let step = 0; step < 6; step++) {
        await subject.pass(200)
        expect(await subject.second.tryAcquire(request('b', 300))).toBeUndefined()
      }
      expect(lease?.lost.aborted).toBe(false)
      await lease?.release()
    })

    test('a crashed holder is told that it lost before somebody else gets it', async () => {
      const lease = await subject.first.tryAcquire(request('a', 400))
      const events: string[] = []
      lease?.lost.addEventListener('abort', () => events.push('lost'))
      subject.crashFirst()
      let next: Awaited<ReturnType<Leases['tryAcquire']>>
      for (let step = 0; next === undefined && step < 100; step++) {
        await subject.pass(20)
        next = await subject.second.tryAcquire(request('b', 60_000))
      }
      events.push('acquired')
      expect(next?.token).toBe(2n)
      expect(events).toEqual(['lost', 'acquired'])
      expect(lease?.lost.reason).toMatchObject({ reason: 'FENCED' })
      // Releasing what was lost does not take it from the new holder.
      await lease?.release()
      expect(await subject.first.tryAcquire(request('a'))).toBeUndefined()
      await next?.release()
    })
  })
}

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type OpenAI from 'openai'
import { eventually } from './support/broker-installation.ts'
import { auth, KEY, type RouterInstallation, routerInstallation } from './support/router-installation.ts'

let running: RouterInstallation
let client: OpenAI

beforeAll(async () => {
  running = await routerInstallation({ brokers: 2 })
  client = running.client()
})
afterAll(() => running.close())

const chat = (content: string) => ({ model: 'mock-model', messages: [{ role: 'user' as const, content }] })

describe('a router with two providers', () => {
  test('takes the one that a request names', async () => {
    for (const { provider } of running.brokerBooks) {
      const body = { ...chat('x'), provider: { only: [provider] } } as never // an extension of ours
      const { response } = await client.chat.completions.create(body).withResponse()
      expect(response.headers.get('x-zerog-provider')).toBe(provider)
    }
    const body = { ...chat('x'), provider: { only: [`0x${'11'.repeat(20)}`] } } as never
    await expect(client.chat.completions.create(body)).rejects.toMatchObject({ status: 404, code: 'provider_not_found' })
  })

  test('says without a key what answers', async () => {
    const answer = await fetch(`${running.url()}/v1/zerog/status`)
    expect(await answer.json()).toMatchObject({ ready: true, providers: 2, providers_up: 2 })
  })

  test('loses no request while one of them is killed under load, and asks nobody a third time', async () => {
    // Both look alike before the load begins, so both get a part of it.
    await eventually(async () => {
      const answer = await fetch(`${running.url()}/v1/zerog/providers`, auth(KEY))
      const { data } = (await answer.json()) as { data: { latency_ms: number }[] }
      // Steps within which the router makes no difference (core/router/choose.ts), whatever the machine has to do beside.
      const steps = data.map(({ latency_ms }) => Math.floor(Math.log2(Math.max(16, latency_ms) / 16) / 2))
      return new Set(steps).size === 1
    })
    running.broker.worker.tokenMs = 1
    const seen = new Set<string | null>()
    let killed: Promise<void> | undefined
    let done = 0
    const outcomes = await Promise.allSettled(
      Array.from({ length: 300 }, async (_, index) => {
        await new Promise((resolve) => setTimeout(resolve, index * 3))
        const { data, response } = await client.chat.completions.create(chat(`question ${index}`)).withResponse()
        seen.add(response.headers.get('x-zerog-provider'))
        expect(data.choices[0]?.message.content).toBe(`mock says: question ${index}`)
        done++
        // Under load, however late this machine answers: both have answered, and most requests are still to come or on their way.
        if (done >= 60 && seen.size === 2) killed ??= running.killSecond()
      }),
    )
    running.broker.worker.tokenMs = 0
    await killed
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => String(reason))
    expect(failures).toEqual([])
    expect(done).toBe(300)
    expect(seen.size).toBe(2)
    const metrics = await running.broker.world.metrics.text()
    const count = (name: string) =>
      metrics
        .split('\n')
        .filter((line) => line.startsWith(name))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    const attempts = count('zerog_compute_router_attempts_total')
    const requests = count('zerog_compute_router_requests_total')
    expect(attempts).toBeLessThanOrEqual(2 * requests)
    expect(count('zerog_compute_router_retries_total')).toBeGreaterThan(0)
  })

  test('and what was charged is what the provider that is left counts', async () => {
    const spends = (await running.books.spends({ keyId: undefined, limit: 10_000 })).filter(
      ({ provider, state }) => provider === running.broker.provider && state === 'acked',
    )
    expect(spends.length).toBeGreaterThan(100)
    for (const { answerId, cost } of spends) {
      const stored = await running.broker.repository.receipt(answerId)
      expect(stored?.receipt.fee).toBe(cost)
      expect(['billable', 'batched']).toContain(stored?.state)
    }
  })
})

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { failed, newInstance, orderFor, succeeded } from './instances.ts'
import { BACKOFF_MAX_MS, BACKOFF_MS } from './limits.ts'

const replica = (index: number, height: bigint) => succeeded(newInstance('chain-rpc', index), height)
const validator = succeeded(newInstance('chain-validator', 0), 10n)
const request = { minHeight: 10n, nowMs: 1_000, turn: 0, validatorOnly: false }
const names = (order: ReturnType<typeof orderFor>) => order.map(({ target, index }) => `${target}/${index}`)

describe('orderFor', () => {
  test('replicas that are high enough come first, then the validator, then replicas that lag', () => {
    const order = orderFor([replica(0, 9n), validator, replica(1, 10n)], request)
    expect(names(order)).toEqual(['chain-rpc/1', 'chain-validator/0', 'chain-rpc/0'])
  })
  test('equals take turns', () => {
    const instances = [replica(0, 10n), replica(1, 10n), replica(2, 11n)]
    const firsts = [0, 1, 2].map((turn) => names(orderFor(instances, { ...request, turn }))[0])
    expect(firsts.sort()).toEqual(['chain-rpc/0', 'chain-rpc/1', 'chain-rpc/2'])
  })
  test.each([1, 2, 3, 5])('%i replicas get the same number of requests, wherever the validator stands', (count) => {
    const replicas = Array.from({ length: count }, (_, index) => replica(index, 10n))
    for (let at = 0; at <= count; at++) {
      const instances = [...replicas.slice(0, at), validator, ...replicas.slice(at)]
      const firsts = Array.from({ length: 60 }, (_, turn) => names(orderFor(instances, { ...request, turn }))[0])
      for (const { index } of replicas) expect(firsts.filter((first) => first === `chain-rpc/${index}`)).toHaveLength(60 / count)
    }
  })
  test('an instance that failed rests, but is tried when nothing else is left', () => {
    const resting = failed(replica(0, 10n), 'gone', 1_000)
    expect(names(orderFor([resting, validator], request))).toEqual(['chain-validator/0', 'chain-rpc/0'])
    expect(names(orderFor([resting, validator], { ...request, nowMs: 1_000 + BACKOFF_MS }))[0]).toBe('chain-rpc/0')
  })
  test('rests grow to their limit and end with the first success', () => {
    let instance = replica(0, 10n)
    for (let round = 0; round < 40; round++) instance = failed(instance, 'gone', 0)
    expect(instance.restsUntilMs).toBe(BACKOFF_MAX_MS)
    expect(succeeded(instance, 11n)).toMatchObject({ failures: 0, restsUntilMs: 0, height: 11n })
  })
  test('only the validator gets what only it may answer', () => {
    expect(names(orderFor([replica(0, 10n), validator], { ...request, validatorOnly: true }))).toEqual(['chain-validator/0'])
  })
  test('every usable instance is in the order exactly once', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 20n), { maxLength: 8 }), fc.nat(), (heights, turn) => {
        const instances = [validator, ...heights.map((height, index) => replica(index, height))]
        expect(names(orderFor(instances, { ...request, turn })).sort()).toEqual(names(instances).sort())
      }),
    )
  })
})

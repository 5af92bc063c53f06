import { describe, expect, test } from '@jest/globals'
import { createMetrics } from './meter.ts'

describe('metrics', () => {
  test('asking twice for a name gives the same instrument, also from another target', async () => {
    const metrics = createMetrics()
    const [first, second] = ['0', '1'].map((replica) => metrics.meter({ target: 'node', replica }))
    const counter = { name: 'zerog_test_rows_total', help: 'rows', labels: ['kind'] }
    first?.counter(counter).add(1, { kind: 'a' })
    first?.counter(counter).add(2, { kind: 'a' })
    second?.counter(counter).add(5, { kind: 'a' })
    const text = await metrics.text()
    expect(text).toContain('zerog_test_rows_total{target="node",replica="0",kind="a"} 3')
    expect(text).toContain('zerog_test_rows_total{target="node",replica="1",kind="a"} 5')
    expect(text.match(/# HELP zerog_test_rows_total/g)).toHaveLength(1)
  })

  test('a gauge with `read` is asked at every scrape, per target', async () => {
    const metrics = createMetrics()
    let depth = 1
    metrics.meter({ target: 'a' }).gauge({ name: 'zerog_test_depth_count', help: 'depth', read: () => depth })
    metrics.meter({ target: 'b' }).gauge({ name: 'zerog_test_depth_count', help: 'depth', read: () => 10 * depth })
    expect(await metrics.text()).toContain('zerog_test_depth_count{target="a"} 1')
    depth = 4
    const text = await metrics.text()
    expect(text).toContain('zerog_test_depth_count{target="a"} 4')
    expect(text).toContain('zerog_test_depth_count{target="b"} 40')
  })

  test('histograms count into their buckets', async () => {
    const metrics = createMetrics()
    const histogram = metrics.meter().histogram({ name: 'zerog_test_wait_seconds', help: 'wait', buckets: [0.1, 1] })
    for (const value of [0.05, 0.5, 5]) histogram.observe(value)
    const text = await metrics.text()
    expect(text).toContain('zerog_test_wait_seconds_bucket{le="0.1"} 1')
    expect(text).toContain('zerog_test_wait_seconds_bucket{le="+Inf"} 3')
  })

  test('a bad name, another kind and other labels under a taken name are bugs', () => {
    const meter = createMetrics().meter()
    meter.counter({ name: 'zerog_test_x_total', help: 'x' })
    expect(() => meter.counter({ name: 'requests', help: 'x' })).toThrow('must be named zerog_')
    expect(() => meter.gauge({ name: 'zerog_test_x_total', help: 'x' })).toThrow('two different shapes')
    expect(() => meter.counter({ name: 'zerog_test_x_total', help: 'x', labels: ['y'] })).toThrow('two different shapes')
  })
})

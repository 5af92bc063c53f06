import type { Counter, Gauge, Histogram, InstrumentOptions, Labels, Meter } from '@zerog/ports'
import { assert } from '@zerog/primitives'
import client from 'prom-client'

type Kind = 'counter' | 'gauge' | 'histogram'
type Instrument = client.Counter | client.Gauge | client.Histogram
type Entry = {
  readonly kind: Kind
  readonly labels: string
  readonly instrument: Instrument
  /** Gauges that are asked at scrape time, by their constant labels. */
  readonly reads: Map<string, { readonly labels: Labels; readonly read: () => number }>
}

/** The metrics of a process. Modules get a `meter` with their own constant labels. */
export type Metrics = {
  /** `labels` (target, replica) are added to every value of this meter; all meters of a process need the same names. */
  readonly meter: (labels?: Labels) => Meter
  /** Prometheus text. */
  readonly text: () => Promise<string>
  readonly contentType: string
  /** Every instrument there is, whether it has a value yet or not, by name. */
  readonly instruments: () => readonly InstrumentDescription[]
}

export type InstrumentDescription = {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram' | 'summary'
  readonly help: string
  readonly labels: readonly string[]
}

const NAME = /^zerog_[a-z][a-z0-9_]*$/

export function createMetrics(options: { readonly process?: boolean } = {}): Metrics {
  const registry = new client.Registry()
  if (options.process === true) client.collectDefaultMetrics({ register: registry })
  const entries = new Map<string, Entry>()

  function entry(kind: Kind, given: InstrumentOptions, constant: Labels, make: (labelNames: string[]) => Instrument): Entry {
    const labelNames = [...Object.keys(constant), ...(given.labels ?? [])]
    const labels = labelNames.toSorted().join()
    const present = entries.get(given.name)
    if (present !== undefined) {
      assert(present.kind === kind && present.labels === labels, `metric ${given.name} is asked for in two different shapes`)
      return present
    }
    assert(NAME.test(given.name), `metric ${given.name} must be named zerog_<layer>_<noun>_<unit>[_total]`)
    const created: Entry = { kind, labels, instrument: make(labelNames), reads: new Map() }
    entries.set(given.name, created)
    return created
  }

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    instruments: () =>
      registry
        .getMetricsAsArray()
        // `as`: prom-client keeps the names of labels on every instrument and leaves them out of its types.
        .map((one) => one as typeof one & { readonly labelNames?: readonly string[] })
        .map(({ name, help, type, labelNames = [] }) => ({
          name,
          kind: String(type) as InstrumentDescription['kind'], // prom-client's four kinds
          help,
          labels: [...labelNames],
        }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    meter: (constant = {}) => ({
      counter(given): Counter {
        const make = (labelNames: string[]) =>
          new client.Counter({ name: given.name, help: given.help, labelNames, registers: [registry] })
        const instrument = entry('counter', given, constant, make).instrument as client.Counter // `entry` checked the kind
        return { add: (value = 1, labels) => instrument.inc({ ...constant, ...labels }, value) }
      },
      gauge(given): Gauge {
        const make = (labelNames: string[]) =>
          new client.Gauge({
            name: given.name,
            help: given.help,
            labelNames,
            registers: [registry],
            collect() {
              for (const { labels, read } of entries.get(given.name)?.reads.values() ?? []) this.set(labels, read())
            },
          })
        const found = entry('gauge', given, constant, make)
        if (given.read !== undefined) found.reads.set(JSON.stringify(constant), { labels: constant, read: given.read })
        const instrument = found.instrument as client.Gauge // `entry` checked the kind
        return { set: (value, labels) => instrument.set({ ...constant, ...labels }, value) }
      },
      histogram(given): Histogram {
        const make = (labelNames: string[]) =>
          new client.Histogram({
            name: given.name,
            help: given.help,
            labelNames,
            buckets: [...given.buckets],
            registers: [registry],
          })
        const instrument = entry('histogram', given, constant, make).instrument as client.Histogram // `entry` checked the kind
        return { observe: (value, labels) => instrument.observe({ ...constant, ...labels }, value) }
      },
    }),
  }
}

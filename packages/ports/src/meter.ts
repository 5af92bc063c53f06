export type Labels = Readonly<Record<string, string>>

export interface Counter {
  add(value?: number, labels?: Labels): void
}
export interface Gauge {
  set(value: number, labels?: Labels): void
}
export interface Histogram {
  observe(value: number, labels?: Labels): void
}

export type InstrumentOptions = {
  /** `zerog_<layer>_<noun>_<unit>[_total]` */
  readonly name: string
  readonly help: string
  /** Every label name; values must come from a small closed set. */
  readonly labels?: readonly string[]
}

/** Asking twice for one name gives the same instrument. */
export interface Meter {
  counter(options: InstrumentOptions): Counter
  /** With `read`, the value is asked for at every scrape. */
  gauge(options: InstrumentOptions & { readonly read?: () => number }): Gauge
  histogram(options: InstrumentOptions & { readonly buckets: readonly number[] }): Histogram
}

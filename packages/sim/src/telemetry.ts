import type { Labels, LogFields, Logger, Meter } from '@zerog/ports'
import type { Incarnation } from './incarnation.ts'
import type { World } from './world.ts'

const FIELDS_CHARS_MAX = 300

/** Log lines are part of the story, and so of the audit hash. */
export function simLogger(world: World, life: Incarnation, context: LogFields = {}): Logger {
  const line = (level: string) => (event: string, fields?: LogFields) => {
    if (life.alive) world.record(life.name, `log.${level}`, `${event} ${print({ ...context, ...fields })}`)
  }
  return {
    error: line('error'),
    warn: line('warn'),
    info: line('info'),
    debug: line('debug'),
    child: (fields) => simLogger(world, life, { ...context, ...fields }),
  }
}

/** Counters and gauges by name and labels, to be read by scenarios. */
export type SimMeter = Meter & { readonly read: (name: string, labels?: Labels) => number }

export function simMeter(): SimMeter {
  const values = new Map<string, number>()
  const id = (name: string, labels: Labels = {}) => `${name}${JSON.stringify(Object.entries(labels).sort())}`
  const add = (name: string, by: number, labels?: Labels) =>
    values.set(id(name, labels), (values.get(id(name, labels)) ?? 0) + by)
  return {
    counter: ({ name }) => ({ add: (value = 1, labels) => void add(name, value, labels) }),
    gauge: ({ name }) => ({ set: (value, labels) => void values.set(id(name, labels), value) }),
    histogram: ({ name }) => ({ observe: (_value, labels) => void add(name, 1, labels) }),
    read: (name, labels) => values.get(id(name, labels)) ?? 0,
  }
}

function print(fields: LogFields): string {
  const text = JSON.stringify(fields, (_key, value) => {
    if (typeof value === 'bigint') return value.toString()
    if (value instanceof Error) return `${value.name}: ${value.message}`
    return value
  })
  return text === '{}' ? '' : text.slice(0, FIELDS_CHARS_MAX)
}

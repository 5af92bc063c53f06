import type { Bus, BusMessage, SubscribeOptions } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import {
  BUS_CONCURRENCY_MAX,
  BUS_CONSUMER_CHARS_MAX,
  BUS_DATA_BYTES_MAX,
  BUS_HEADER_BYTES_MAX,
  BUS_ID_CHARS_MAX,
  BUS_SUBJECT_CHARS_MAX,
} from '../limits.ts'

/** At least two tokens: the first two name the layer, which is a stream of its own in NATS. */
const SUBJECT_PATTERN = /^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/
const FILTER_PATTERN = /^[a-z0-9_-]+(\.[a-z0-9_-]+)+(\.>)?$/
const CONSUMER_PATTERN = /^[A-Za-z0-9_-]+$/
/** Printable ASCII: what a NATS header can carry unchanged. */
const TEXT_PATTERN = /^[\x20-\x7e]*$/
const HEADER_NAME_PATTERN = /^[A-Za-z0-9_-]+$/

export type Publication = Parameters<Bus['publish']>[0]
export type Terms = Required<SubscribeOptions>

/** The message with its headers, or INVALID_ARGUMENT / LIMIT_EXCEEDED: the same rules on every adapter. */
export function checkPublication(message: Publication): BusMessage {
  const { id, subject, data, headers = {} } = message
  if (id.length === 0 || id.length > BUS_ID_CHARS_MAX || !TEXT_PATTERN.test(id)) {
    throw invalid(`a message id is 1 to ${BUS_ID_CHARS_MAX} printable ASCII characters`, { id: id.slice(0, BUS_ID_CHARS_MAX) })
  }
  if (subject.length > BUS_SUBJECT_CHARS_MAX || !SUBJECT_PATTERN.test(subject)) {
    throw invalid('a subject is two or more lower-case tokens [a-z0-9_-] joined by dots', {
      subject: subject.slice(0, BUS_SUBJECT_CHARS_MAX),
    })
  }
  if (data.length > BUS_DATA_BYTES_MAX) {
    throw new ZerogError('LIMIT_EXCEEDED', {
      message: `a bus message of ${data.length} bytes exceeds ${BUS_DATA_BYTES_MAX}; send a reference and move the bytes over gRPC`,
      metadata: { subject, sizeBytes: String(data.length), sizeBytesMax: String(BUS_DATA_BYTES_MAX) },
    })
  }
  let headerBytes = 0
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME_PATTERN.test(name) || !TEXT_PATTERN.test(value) || value.trim() !== value) {
      throw invalid('a header is a name of [A-Za-z0-9_-] and a value of printable ASCII without outer blanks', { name })
    }
    headerBytes += name.length + value.length
  }
  if (headerBytes > BUS_HEADER_BYTES_MAX) {
    throw new ZerogError('LIMIT_EXCEEDED', {
      message: `the headers of a bus message are at most ${BUS_HEADER_BYTES_MAX} bytes together, these are ${headerBytes}`,
      metadata: { subject },
    })
  }
  return { id, subject, data, headers }
}

/** The options with their defaults, or INVALID_ARGUMENT. */
export function checkTerms(options: SubscribeOptions): Terms {
  const terms = { ackWaitMs: 30_000, deliveriesMax: 10, concurrency: 1, ...options }
  if (terms.subject.length > BUS_SUBJECT_CHARS_MAX || !FILTER_PATTERN.test(terms.subject)) {
    throw invalid('a subscription names a subject, or a prefix of two or more tokens ending in .>', { subject: terms.subject })
  }
  if (terms.consumer.length > BUS_CONSUMER_CHARS_MAX || !CONSUMER_PATTERN.test(terms.consumer)) {
    throw invalid(`a consumer is 1 to ${BUS_CONSUMER_CHARS_MAX} characters of [A-Za-z0-9_-]`, { consumer: terms.consumer })
  }
  for (const [name, value, max] of [
    ['ackWaitMs', terms.ackWaitMs, 3_600_000],
    ['deliveriesMax', terms.deliveriesMax, 1_000],
    ['concurrency', terms.concurrency, BUS_CONCURRENCY_MAX],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > max)
      throw invalid(`${name} is an integer from 1 to ${max}`, { [name]: String(value) })
  }
  return terms
}

/** A durable consumer keeps the filter of its first subscription. Throws WRONG_STATE for another one. */
export function checkSameFilter(filter: string, { consumer, subject }: Terms): void {
  if (filter !== subject) {
    throw new ZerogError('WRONG_STATE', {
      message: `consumer ${consumer} already stands for ${filter}; use another consumer name for ${subject}`,
      metadata: { consumer, filter },
    })
  }
}

/** Whether a subject falls under a subscription's filter. */
export function subjectMatches(filter: string, subject: string): boolean {
  return filter.endsWith('.>') ? subject.startsWith(filter.slice(0, -1)) : subject === filter
}

/** How long a message rests after its `deliveries`-th delivery failed: 100 ms doubling to 10 s. */
export function redeliveryDelayMs(deliveries: number): number {
  return Math.min(10_000, 100 * 2 ** Math.min(deliveries - 1, 10))
}

function invalid(message: string, metadata: Record<string, string>): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message, metadata })
}

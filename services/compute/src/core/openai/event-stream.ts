import { OPENAI_LIMITS } from './limits.ts'

/**
 * Reads `text/event-stream` bytes as they arrive, cut anywhere. https://html.spec.whatwg.org/multipage/server-sent-events.html
 * Gives the `data` of each event that is complete; comments and other fields are skipped. Throws RangeError for an event beyond the limit.
 */
export type EventStreamReader = {
  push(bytes: Uint8Array): readonly string[]
  /** Whether everything that arrived was whole: no event was cut. */
  finished(): boolean
}

export function eventStreamReader(eventBytesMax: number = OPENAI_LIMITS.eventBytesMax): EventStreamReader {
  const decoder = new TextDecoder('utf-8')
  let rest = ''
  let data: string[] = []
  let dataLength = 0

  function line(text: string, events: string[]): void {
    if (text === '') {
      if (data.length > 0) events.push(data.join('\n'))
      data = []
      dataLength = 0
      return
    }
    if (!text.startsWith('data')) return
    if (text.length > 4 && text[4] !== ':') return
    const value = text.slice(text[5] === ' ' ? 6 : 5)
    dataLength += value.length
    if (dataLength > eventBytesMax) throw new RangeError(`an event of more than ${eventBytesMax} bytes`)
    data.push(value)
  }

  return {
    push(bytes) {
      const events: string[] = []
      let text = rest + decoder.decode(bytes, { stream: true })
      // A lone CR at the end may be the first half of CR LF.
      const held = text.endsWith('\r') ? '\r' : ''
      if (held !== '') text = text.slice(0, -1)
      let start = 0
      // What was left over holds no line end but perhaps a CR at its end.
      for (let index = Math.max(0, rest.length - 1); index < text.length; index++) {
        const unit = text.charCodeAt(index)
        if (unit !== 10 && unit !== 13) continue
        line(text.slice(start, index), events)
        if (unit === 13 && text.charCodeAt(index + 1) === 10) index++
        start = index + 1
      }
      rest = text.slice(start) + held
      if (rest.length > eventBytesMax) throw new RangeError(`an event of more than ${eventBytesMax} bytes`)
      return events
    },
    finished: () => rest.trim() === '' && data.length === 0,
  }
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the next answer does. The request was read whole. */
export type Behaviour = (body: any, response: ServerResponse, request: IncomingMessage) => void | Promise<void>

/** A server with OpenAI's API that does what a test tells it. Not a mock of ours: it stands for somebody else's program. */
export type TestUpstream = {
  readonly url: string
  readonly requests: readonly { readonly path: string; readonly body: any; readonly authorization: string | undefined }[]
  behave(behaviour: Behaviour): void
  /** Requests whose connection was closed before the answer ended. */
  readonly abandoned: () => number
  close(): Promise<void>
}

export async function testUpstream(behaviour: Behaviour = echo): Promise<TestUpstream> {
  let current = behaviour
  let abandoned = 0
  const requests: { path: string; body: any; authorization: string | undefined }[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const body = parts.length === 0 ? undefined : JSON.parse(Buffer.concat(parts).toString('utf8'))
    requests.push({ path: request.url ?? '', body, authorization: request.headers.authorization })
    response.once('close', () => {
      if (!response.writableFinished) abandoned++
    })
    await current(body, response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    behave(next) {
      current = next
    },
    abandoned: () => abandoned,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Answers with the last message, a word per event. */
export const echo: Behaviour = (body, response) => {
  const last: string = body.messages?.at(-1)?.content ?? body.prompt ?? ''
  const words = last.split(/(?<= )/).slice(0, body.max_tokens ?? 1000)
  const usage = { prompt_tokens: last.split(' ').length, completion_tokens: words.length, total_tokens: 0 }
  if (body.stream === true)
    return streamOf(
      words.map((content) => ({ content })),
      { usage },
    )(body, response, undefined as never)
  const message = { role: 'assistant', content: words.join('') }
  json(response, 200, {
    id: 'x',
    object: 'chat.completion',
    model: 'up',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage,
  })
}

/** A stream of these deltas. */
export function streamOf(
  deltas: readonly object[],
  options: {
    readonly usage?: unknown
    readonly finish?: string | null
    readonly done?: boolean
    readonly logprobs?: readonly unknown[]
  } = {},
): Behaviour {
  return (_body, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const [index, delta] of deltas.entries()) {
      response.write(event({ choices: [{ index: 0, delta, logprobs: options.logprobs?.[index] ?? null, finish_reason: null }] }))
    }
    if (options.finish !== null)
      response.write(event({ choices: [{ index: 0, delta: {}, finish_reason: options.finish ?? 'stop' }] }))
    if (options.usage !== undefined) response.write(event({ choices: [], usage: options.usage }))
    if (options.done !== false) response.write('data: [DONE]\n\n')
    response.end()
  }
}

export function event(value: object): string {
  return `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', model: 'up', created: 1, ...value })}\n\n`
}

export function json(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(value))
}

import { createServer } from 'node:http'

const WORD_MS = 4

/**
 * Starts an OpenAI-compatible upstream that calls itself a mock and repeats what it was asked, a word every 4 ms, so that a kill often
 * meets a stream half way. `models` is what a worker's setting of the same name takes.
 */
export async function startMockUpstream(): Promise<{ readonly models: string; readonly close: () => void }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part) => parts.push(part))
    request.on('end', async () => {
      const prompt: string = JSON.parse(Buffer.concat(parts).toString()).messages.at(-1).content
      const words = ['mock', 'upstream', 'says:', ...prompt.split(' ')]
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const send = (value: unknown) => response.write(`data: ${JSON.stringify(value)}\n\n`)
      for (const word of words) {
        if (response.destroyed) return
        send({ choices: [{ index: 0, delta: { content: `${word} ` }, finish_reason: null }] })
        await new Promise((resolve) => setTimeout(resolve, WORD_MS))
      }
      send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
      send({ choices: [], usage: { prompt_tokens: words.length - 3, completion_tokens: words.length } })
      response.end('data: [DONE]\n\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number } // it listens on TCP
  return {
    models: JSON.stringify([
      { engine: 'upstream', id: 'mock-upstream', url: `http://127.0.0.1:${port}/v1`, contextTokens: 100_000 },
    ]),
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

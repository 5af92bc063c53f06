// What router and broker add to an answer: node bench/router.ts [--rate 500] [--seconds 10] [--peer]
// A mock upstream in a process of its own answers at once. The same load goes to it directly, through a whole devnet (gateway left out:
// router, broker, worker, PostgreSQL, chain and all else in one process, with keys, budgets, receipts and acknowledgements on), and, with
// --peer, through Portkey's gateway, which authenticates nobody and meters nothing. Latencies count from the planned start of a request.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { createRequire } from 'node:module'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '10' },
    peer: { type: 'boolean', default: false },
    mock: { type: 'boolean', default: false },
  },
})
const rate = Number(values.rate)
const seconds = Number(values.seconds)
/** Development key of every devnet. */
const KEY = `sk-zerog-${'development'.padEnd(43, '0')}`

type Target = { readonly url: string; readonly headers: Readonly<Record<string, string>> }
type Sample = { readonly ms: number; readonly firstMs: number }

if (values.mock) await serveMock()
else await measure()

async function measure(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'zerog-bench-router-'))
  const children: ChildProcess[] = []
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      for (const child of children) child.kill('SIGTERM')
      process.exitCode = 1
    })
  }
  try {
    const mock = spawn(process.execPath, [import.meta.filename, '--mock'], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(mock)
    const upstream = await firstLine(mock)
    const direct: Target = { url: `${upstream}/chat/completions`, headers: {} }
    const ours = await startDevnet(folder, upstream, children)
    const targets: [string, Target][] = [
      ['direct', direct],
      ['zerog router + broker', ours],
    ]
    if (values.peer) {
      const peer = await startPortkey(upstream, children).catch((error) => console.error(`the peer was not measured: ${error}`))
      if (peer !== undefined) targets.push(['portkey gateway', peer])
    }
    console.log(
      `${cpus()[0]?.model ?? 'unknown'} x ${cpus().length}, node ${process.version}, ${rate} requests/s for ${seconds} s`,
    )
    let base: ReturnType<typeof summary> | undefined
    for (const [name, target] of targets) {
      await load(target, { rate: Math.min(rate, 200), seconds: 3, stream: false })
      const whole = summary(await load(target, { rate, seconds, stream: false }))
      const stream = summary(await load(target, { rate: rate / 5, seconds: Math.ceil(seconds / 2), stream: true }))
      base ??= { ...whole, firstP50: stream.firstP50 }
      const line = {
        name,
        ...round(whole),
        addedP50: fixed(whole.p50 - base.p50),
        addedP99: fixed(whole.p99 - base.p99),
        streamFirstP50: fixed(stream.firstP50),
        streamFirstAddedP50: fixed(stream.firstP50 - base.firstP50),
      }
      console.log(JSON.stringify(line))
    }
  } finally {
    for (const child of children.reverse()) await ended(child)
    await rm(folder, { recursive: true, force: true })
  }
}

/** Sends at planned moments whatever the answers do, so that a slow answer cannot hide the wait of the next one. */
async function load(
  target: Target,
  of: { readonly rate: number; readonly seconds: number; readonly stream: boolean },
): Promise<readonly Sample[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 512 })
  const body = JSON.stringify({
    model: 'mock',
    messages: [{ role: 'user', content: 'How much does the way cost?' }],
    max_tokens: 16,
    ...(of.stream ? { stream: true } : {}),
  })
  const total = Math.round(of.rate * of.seconds)
  const startMs = performance.now() + 50
  const samples: Promise<Sample>[] = []
  for (let index = 0; index < total; index++) {
    const dueMs = startMs + (index * 1000) / of.rate
    const waitMs = dueMs - performance.now()
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs - 0.5))
    samples.push(once(target, { body, agent, dueMs: Math.max(dueMs, performance.now()) }))
  }
  const done = await Promise.all(samples)
  agent.destroy()
  return done
}

function once(target: Target, of: { readonly body: string; readonly agent: Agent; readonly dueMs: number }): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const sent = request(
      target.url,
      {
        method: 'POST',
        agent: of.agent,
        headers: { ...target.headers, 'content-type': 'application/json', 'content-length': of.body.length },
      },
      (response) => {
        let firstMs = 0
        let text = ''
        response.on('data', (chunk) => {
          if (firstMs === 0) firstMs = performance.now() - of.dueMs
          text += chunk
        })
        response.on('end', () => {
          if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}: ${text.slice(0, 300)}`))
          else resolve({ ms: performance.now() - of.dueMs, firstMs })
        })
      },
    )
    sent.once('error', reject)
    sent.end(of.body)
  })
}

function summary(samples: readonly Sample[]) {
  const at = (values: number[], share: number) => values.sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? 0
  const ms = samples.map((sample) => sample.ms)
  return {
    count: samples.length,
    p50: at(ms, 0.5),
    p99: at(ms, 0.99),
    max: at(ms, 1),
    firstP50: at(
      samples.map(({ firstMs }) => firstMs),
      0.5,
    ),
  }
}

function round({ count, p50, p99, max }: ReturnType<typeof summary>) {
  return { count, p50: fixed(p50), p99: fixed(p99), max: fixed(max) }
}

function fixed(value: number): number {
  return Number(value.toFixed(2))
}

async function startDevnet(folder: string, upstream: string, children: ChildProcess[]): Promise<Target> {
  const models = [{ engine: 'upstream', id: 'mock', url: upstream, stream: true, slots: 1024 }]
  const offset = 2_000 + Math.floor(Math.random() * 10_000)
  const main = join(import.meta.dirname, '../packages/cli/src/main.ts')
  const args = [main, 'up', '--port-offset', String(offset), '--data-dir', folder, '--quiet']
  const env = {
    ...process.env,
    ZEROG_COMPUTE_WORKER_MODELS: JSON.stringify(models),
    ZEROG_COMPUTE_WORKER_WAITING_PER_ACCOUNT_MAX: '4096',
  }
  children.push(spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] }))
  await until(() => readFile(join(folder, 'endpoints.json'), 'utf8'))
  const target = { url: `http://127.0.0.1:${8547 + offset}/v1/chat/completions`, headers: { authorization: `Bearer ${KEY}` } }
  // The router funds its account at the provider on chain first.
  await until(() => load(target, { rate: 1, seconds: 1, stream: false }))
  return target
}

async function startPortkey(upstream: string, children: ChildProcess[]): Promise<Target> {
  const entry = createRequire(import.meta.url).resolve('@portkey-ai/gateway/build/start-server.js')
  const port = 30_000 + Math.floor(Math.random() * 5000)
  const child = spawn(process.execPath, [entry, `--port=${port}`, '--headless'], { stdio: ['ignore', 'ignore', 'inherit'] })
  children.push(child)
  const headers = { authorization: 'Bearer none', 'x-portkey-provider': 'openai', 'x-portkey-custom-host': upstream }
  const target = { url: `http://127.0.0.1:${port}/v1/chat/completions`, headers }
  await until(() => load(target, { rate: 1, seconds: 1, stream: false }))
  return target
}

async function until<T>(work: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + 60_000
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > endMs) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}

async function serveMock(): Promise<void> {
  const { createServer } = await import('node:http')
  const usage = { prompt_tokens: 8, completion_tokens: 2, total_tokens: 10 }
  const chunk = (value: object) =>
    `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'mock', ...value })}\n\n`
  const stream = [
    chunk({ choices: [{ index: 0, delta: { role: 'assistant', content: 'Very ' }, finish_reason: null }] }),
    chunk({ choices: [{ index: 0, delta: { content: 'little.' }, finish_reason: null }] }),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
    chunk({ choices: [], usage }),
    'data: [DONE]\n\n',
  ].join('')
  const message = { role: 'assistant', content: 'Very little.' }
  const whole = JSON.stringify({
    id: 'x',
    object: 'chat.completion',
    created: 1,
    model: 'mock',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage,
  })
  const server = createServer((incoming, response) => {
    let text = ''
    incoming.on('data', (part) => {
      text += part
    })
    incoming.on('end', () => {
      const streams = text.includes('"stream":true')
      response.writeHead(200, { 'content-type': streams ? 'text/event-stream' : 'application/json' })
      response.end(streams ? stream : whole)
    })
  })
  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as { port: number }).port}/v1`))
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the mock upstream ended')))
    child.stdout?.once('data', (data) => resolve(String(data).trim()))
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  await gone
  clearTimeout(timer)
}

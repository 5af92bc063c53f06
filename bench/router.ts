// What router and broker add to an answer: node bench/router.ts [--rate 500] [--seconds 10] [--peer] [--worker] [--one-core] [--folder <path>] [--profile <path>]
// A mock upstream in a process of its own answers at once. The same load goes to it directly, through a devnet with a process for each
// target (gateway left out: router, broker, PostgreSQL and chain, with keys, budgets, receipts and acknowledgements on; with --worker a
// worker asks the upstream instead of the broker), and, with --peer, through Portkey's gateway, which authenticates nobody and meters
// nothing. Requests leave at planned moments whatever the answers do; "added" is the difference to the direct call. --folder says on
// which disk the database lies: what a commit costs there is printed, because a receipt is durable before its answer ends. --profile
// writes CPU profiles of all targets. --one-core gives router and broker one core and everything else the others (Linux, taskset). What
// client and mock cost stands beside each line, because they share the machine with what they measure.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '10' },
    peer: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
    'one-core': { type: 'boolean', default: false },
    folder: { type: 'string', default: tmpdir() },
    profile: { type: 'string' },
    'in-flight': { type: 'string', default: '1000' },
    mock: { type: 'boolean', default: false },
  },
})
const rate = Number(values.rate)
const seconds = Number(values.seconds)
const inFlightMax = Number(values['in-flight'])
/** Development key of every devnet. */
const KEY = `sk-zerog-${'development'.padEnd(43, '0')}`
const START_MS = 90_000
/** Clock ticks of /proc/<pid>/stat, ms. */
const TICK_MS = 10

type Target = { readonly url: string; readonly headers: Readonly<Record<string, string>> }
type Answer = { readonly status: number | string; readonly ms: number; readonly firstMs: number }
type Load = { readonly rate: number; readonly seconds: number; readonly stream: boolean }
/** CPU time of parts of the devnet until now, ms. */
type CpuTimes = () => Readonly<Record<string, number>>

if (values.mock) await serveMock()
else await measure()

async function measure(): Promise<void> {
  const folder = await mkdtemp(join(values.folder, 'zerog-bench-router-'))
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
    const peer = values.peer ? await startPortkey(upstream, children).catch(skipped) : undefined
    const load1 = loadavg()[0]?.toFixed(1)
    const machine = `${cpus()[0]?.model ?? 'unknown'} x ${cpus().length}, node ${process.version}, load ${load1}`
    console.log(`${machine}; ${rate} requests/s for ${seconds} s, streams ${rate / 5}/s for ${Math.ceil(seconds / 2)} s`)
    console.log(`fdatasync of 8 KiB where the database lies: ${JSON.stringify(syncCost(folder))} ms`)
    if (values['one-core']) pin(folder, [mock.pid ?? 0, process.pid])
    const around = () => ({ client: cpuOf(process.pid), mock: cpuOf(mock.pid ?? 0) })
    const base = await phase('direct', direct, { cpu: around })
    await phase('zerog router + broker', ours.target, { base, cpu: () => ({ ...around(), ...ours.cpu() }) })
    if (peer !== undefined) await phase("portkey's gateway", peer.target, { base, cpu: () => ({ ...around(), ...peer.cpu() }) })
  } finally {
    for (const child of children.reverse()) await ended(child)
    await rm(folder, { recursive: true, force: true })
  }
}

function skipped(error: unknown): undefined {
  console.log(`portkey's gateway is left out: ${error instanceof Error ? error.message : error}`)
}

type Summary = ReturnType<typeof summary>
type Base = { readonly whole: Summary; readonly stream: Summary }

/** Warms up, then measures answers in one piece and streams, and prints a line for each. */
async function phase(name: string, target: Target, of: { readonly base?: Base; readonly cpu?: CpuTimes } = {}): Promise<Base> {
  await load(target, { rate: Math.min(rate, 200), seconds: 3, stream: false })
  const idlePerMs = await idleCpu(of.cpu)
  const result = { whole: await part(false), stream: await part(true) }
  return result

  async function part(stream: boolean): Promise<Summary> {
    const before = of.cpu?.()
    const startMs = performance.now()
    const run = stream ? { rate: rate / 5, seconds: Math.ceil(seconds / 2), stream } : { rate, seconds, stream }
    const answers = await load(target, run)
    const seen = summary(answers)
    const after = of.cpu?.()
    const wallMs = performance.now() - startMs
    const costOf = (part: string, ms: number) => (ms - (before?.[part] ?? 0) - (idlePerMs[part] ?? 0) * wallMs) / answers.length
    const base = stream ? of.base?.stream : of.base?.whole
    const line = {
      name: `${name}${stream ? ', streams' : ''}`,
      ...seen,
      // Nothing to subtract from where every answer failed.
      ...(base === undefined || seen.max === 0
        ? {}
        : {
            added: {
              p50: fixed(seen.p50 - base.p50),
              p99: fixed(seen.p99 - base.p99),
              ...(stream ? { firstP50: fixed(seen.firstP50 - base.firstP50) } : {}),
            },
          }),
      ...(before === undefined || after === undefined
        ? {}
        : {
            cpuMsPerRequest: Object.fromEntries(Object.entries(after).map(([part, ms]) => [part, fixed(costOf(part, ms))])),
          }),
    }
    console.log(JSON.stringify(line))
    return seen
  }
}

/** CPU time per millisecond while nothing is asked: what a devnet costs anyway is not what requests cost. */
async function idleCpu(cpu: CpuTimes | undefined): Promise<Readonly<Record<string, number>>> {
  const before = cpu?.() ?? {}
  const restMs = 3000
  await new Promise((resolve) => setTimeout(resolve, cpu === undefined ? 0 : restMs))
  return Object.fromEntries(Object.entries(cpu?.() ?? {}).map(([part, ms]) => [part, (ms - (before[part] ?? 0)) / restMs]))
}

/**
 * Sends at planned moments whatever the answers do, so that a slow answer cannot hide the wait of the next one. Whatever would be more than
 * `inFlightMax` at once is not sent and counts as failed: the target does not keep up.
 */
async function load(target: Target, of: Load): Promise<readonly Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlightMax })
  const body = JSON.stringify({
    model: 'mock',
    messages: [{ role: 'user', content: 'How much does the way cost?' }],
    max_tokens: 16,
    ...(of.stream ? { stream: true } : {}),
  })
  const total = Math.round(of.rate * of.seconds)
  const startMs = performance.now() + 50
  const answers: Promise<Answer>[] = []
  let inFlight = 0
  for (let index = 0; index < total; index++) {
    const dueMs = startMs + (index * 1000) / of.rate
    const waitMs = dueMs - performance.now()
    if (waitMs > 0.5) await new Promise((resolve) => setTimeout(resolve, waitMs))
    if (inFlight >= inFlightMax) {
      answers.push(Promise.resolve({ status: 'not sent', ms: 0, firstMs: 0 }))
      continue
    }
    inFlight++
    const answer = once(target, { body, agent })
    answers.push(answer)
    void answer.then(() => inFlight--)
  }
  const done = await Promise.all(answers)
  agent.destroy()
  return done
}

function once(target: Target, of: { readonly body: string; readonly agent: Agent }): Promise<Answer> {
  return new Promise((resolve) => {
    const sentMs = performance.now()
    const failed = (error: NodeJS.ErrnoException) => resolve({ status: error.code ?? error.message, ms: 0, firstMs: 0 })
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
          if (firstMs === 0) firstMs = performance.now() - sentMs
          if (response.statusCode !== 200 && text.length < 1000) text += chunk
        })
        response.once('error', failed)
        response.on('end', () => {
          const status = response.statusCode === 200 ? 200 : `${response.statusCode} ${codeOf(text)}`
          resolve({ status, ms: performance.now() - sentMs, firstMs })
        })
      },
    )
    sent.once('error', failed)
    sent.end(of.body)
  })
}

function codeOf(text: string): string {
  try {
    return String(JSON.parse(text).error.code)
  } catch {
    return ''
  }
}

/** Of the answers that came; how many did not, and why, stands beside it. */
function summary(answers: readonly Answer[]) {
  const at = (sorted: readonly number[], share: number) => fixed(sorted[Math.floor(share * (sorted.length - 1))] ?? 0)
  const good = answers.filter(({ status }) => status === 200)
  const ms = good.map((answer) => answer.ms).sort((a, b) => a - b)
  const first = good.map((answer) => answer.firstMs).sort((a, b) => a - b)
  const failed: Record<string, number> = {}
  for (const { status } of answers) if (status !== 200) failed[status] = (failed[status] ?? 0) + 1
  return {
    count: answers.length,
    failed,
    p50: at(ms, 0.5),
    p90: at(ms, 0.9),
    p99: at(ms, 0.99),
    max: at(ms, 1),
    firstP50: at(first, 0.5),
  }
}

function fixed(value: number): number {
  return Number(value.toFixed(2))
}

async function startDevnet(
  folder: string,
  upstream: string,
  children: ChildProcess[],
): Promise<{ readonly target: Target; readonly cpu: CpuTimes }> {
  const models = [{ engine: 'upstream', id: 'mock', url: upstream, stream: true, slots: 1024 }]
  const main = join(import.meta.dirname, '../packages/cli/src/main.ts')
  const profile = values.profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${values.profile}` }
  const env = {
    ...process.env,
    ...profile,
    [values.worker ? 'ZEROG_COMPUTE_WORKER_MODELS' : 'ZEROG_COMPUTE_BROKER_UPSTREAMS']: JSON.stringify(models),
    ZEROG_COMPUTE_WORKER_WAITING_PER_ACCOUNT_MAX: '4096',
  }
  const offset = await someOffset(async (offset) => {
    const args = [main, 'up', '--processes', '--port-offset', String(offset), '--data-dir', folder, '--quiet']
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
    children.push(child)
    return until('devnet', async () => {
      if (child.exitCode !== null) return false
      await readFile(join(folder, 'endpoints.json'), 'utf8')
      return true
    })
  })
  const target = { url: `http://127.0.0.1:${8547 + offset}/v1/chat/completions`, headers: { authorization: `Bearer ${KEY}` } }
  // The router funds its account at the provider on chain first.
  await until('an answer of the devnet', () => tried(target))
  return { target, cpu: () => devnetCpu(folder) }
}

/** Tries offsets of the default ports until none of them is taken. */
async function someOffset(start: (offset: number) => Promise<boolean>): Promise<number> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const offset = 1_000 + Math.floor(Math.random() * 7_000)
    if (await start(offset)) return offset
  }
  throw new Error('the devnet did not start five times; its reasons stand above')
}

/** Portkey's gateway on a free port. Throws with what it said where it does not answer in time. */
async function startPortkey(
  upstream: string,
  children: ChildProcess[],
): Promise<{ readonly target: Target; readonly cpu: CpuTimes }> {
  const entry = fileURLToPath(import.meta.resolve('@portkey-ai/gateway/build/start-server.js'))
  const port = 30_000 + Math.floor(Math.random() * 5000)
  // It answers to names of its own; loopback hosts are refused unless they are trusted.
  const env = { ...process.env, TRUSTED_CUSTOM_HOSTS: 'localhost,127.0.0.1' }
  const child = spawn(process.execPath, [entry, `--port=${port}`, '--headless'], { env, stdio: 'ignore' })
  children.push(child)
  const headers = { authorization: 'Bearer none', 'x-portkey-provider': 'openai', 'x-portkey-custom-host': upstream }
  const target = { url: `http://127.0.0.1:${port}/v1/chat/completions`, headers }
  await until('an answer of the gateway', () => tried(target), 20_000)
  return { target, cpu: () => ({ gateway: cpuOf(child.pid ?? 0) }) }
}

async function tried(target: Target): Promise<void> {
  const [answer] = await load(target, { rate: 1, seconds: 1, stream: false })
  if (answer?.status !== 200) throw new Error(`answered ${answer?.status}`)
}

async function until<T>(what: string, work: () => Promise<T>, timeoutMs = START_MS): Promise<T> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > endMs) throw new Error(`no ${what} within ${timeoutMs} ms: ${error}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}

function devnetCpu(folder: string): Record<string, number> {
  const { services } = JSON.parse(readFileSync(join(folder, 'endpoints.json'), 'utf8'))
  const times: Record<string, number> = { postgres: postgresCpu(folder) }
  for (const name of ['router', 'broker', 'worker']) times[name] = cpuOf(services[`compute-${name}`].pid)
  return times
}

/** Router and broker on the first core, the rest of the devnet and `others` beside them. */
function pin(folder: string, others: readonly number[]): void {
  const { services } = JSON.parse(readFileSync(join(folder, 'endpoints.json'), 'utf8'))
  const measured = [services['compute-router'].pid, services['compute-broker'].pid]
  const rest = Object.values<{ pid: number }>(services).map(({ pid }) => pid)
  const place = (pids: readonly number[], cores: string) => {
    for (const pid of pids) {
      const { status, error } = spawnSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' })
      if (status !== 0) throw new Error(`taskset failed for process ${pid}: ${error?.message ?? `status ${status}`}`)
    }
  }
  place([...new Set([...rest, ...postgresPids(folder), ...others])], cpus().length === 2 ? '1' : `1-${cpus().length - 1}`)
  place(measured, '0')
}

/** All backends of the postmaster whose command names the folder; those that ended count in it. */
function postgresCpu(folder: string): number {
  return postgresPids(folder).reduce((sum, pid) => sum + cpuOf(pid), 0)
}

function postgresPids(folder: string): readonly number[] {
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return '' // it ended meanwhile
    }
  }
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const postmaster = pids.find((pid) => {
    const [command = '', ...args] = read(`/proc/${pid}/cmdline`).split('\0')
    return command.endsWith('postgres') && args.some((arg) => arg.startsWith(folder))
  })
  if (postmaster === undefined) return []
  const parentOf = (pid: string) => read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ')[1]
  return [postmaster, ...pids.filter((pid) => parentOf(pid) === postmaster)].map(Number)
}

/** User and system time of a process with its threads and ended children, ms; 0 where it ended. */
function cpuOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0)
  } catch {
    return 0
  }
}

function syncCost(folder: string): { readonly p50: number; readonly p99: number } {
  const fd = openSync(join(folder, 'sync-cost'), 'w')
  const page = Buffer.alloc(8192)
  const ms: number[] = []
  for (let index = 0; index < 300; index++) {
    const startMs = performance.now()
    writeSync(fd, page, 0, page.length, (index % 64) * page.length)
    fdatasyncSync(fd)
    ms.push(performance.now() - startMs)
  }
  closeSync(fd)
  ms.sort((a, b) => a - b)
  return { p50: fixed(ms[150] ?? 0), p99: fixed(ms[297] ?? 0) }
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

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import { z } from 'zod'
import { defineModule, type ModuleContext, type RunningModule } from '../module.ts'
import { EchoServiceDefinition, echoEndpoints } from '../rpc/echo-service.ts'
import { createLogging } from '../telemetry/logger.ts'
import { orderTargets } from './order.ts'
import { type Running, type RunOptions, run } from './run.ts'

let dir: string
let running: Running | undefined
const lines: string[] = []
const logging = createLogging({ sink: { write: (line) => void lines.push(line) } })

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'zerog-run-'))
  running = undefined
  lines.length = 0
})
afterEach(async () => {
  await running?.stop()
  await rm(dir, { recursive: true, force: true })
})

const note = (text = '') => ({ frame: Buffer.from(text), height: 0n })

/** A module that writes down what happens to it. */
function recorder(
  target: string,
  dependsOn: string[],
  events: string[],
  extra: Partial<RunningModule> & { onStart?: (context: ModuleContext<{ value: number }>) => void | Promise<void> } = {},
) {
  return defineModule({
    target,
    dependsOn,
    config: z.strictObject({ value: z.coerce.number().default(1).describe('any number') }),
    async start(context) {
      events.push(`start ${target}${context.instance === 0 ? '' : `-${context.instance}`}`)
      await extra.onStart?.(context)
      return {
        health: extra.health ?? (() => ({ ready: true, checks: [] })),
        drain: extra.drain ?? (async () => void events.push(`drain ${target}`)),
        stop: extra.stop ?? (async () => void events.push(`stop ${target}`)),
        faces: { [`${target}Url`]: 'http://x' },
      }
    },
  })
}

async function start(options: Partial<RunOptions> & Pick<RunOptions, 'modules'>): Promise<Running> {
  const { env, ...rest } = options
  running = await run({
    targets: ['all'],
    shape: 'embedded',
    env: { ZEROG_COMMON_DATA_DIR: dir, ZEROG_COMMON_TLS_DIR: join(dir, 'tls'), ...env },
    handleProcess: false,
    logging,
    ...rest,
  })
  return running
}

describe('the order', () => {
  const modules = [
    { target: 'gateway', dependsOn: ['rpc', 'storage'] },
    { target: 'storage', dependsOn: ['validator'] },
    { target: 'rpc', dependsOn: ['validator'] },
    { target: 'validator', dependsOn: [] },
  ]
  const names = (requested: Parameters<typeof orderTargets>[1]) =>
    orderTargets(modules, requested).map(({ request }) => request.target)

  test('puts each target after those that it depends on', () => {
    expect(names(['all'])).toEqual(['validator', 'rpc', 'storage', 'gateway'])
    expect(names(['gateway', 'rpc'])).toEqual(['rpc', 'gateway'])
    expect(names([{ target: 'storage', instance: 0 }, { target: 'storage', instance: 1 }, 'validator'])).toEqual([
      'validator',
      'storage',
      'storage',
    ])
  })

  test('refuses an unknown target and a circle', () => {
    expect(() => names(['storge'])).toThrow('there is no target storge; did you mean storage?')
    expect(() => names([])).toThrow('no target was given')
    const circle = [
      { target: 'a', dependsOn: ['b'] },
      { target: 'b', dependsOn: ['a'] },
    ]
    expect(() => orderTargets(circle, ['all'])).toThrow('in a circle: a -> b')
  })
})

describe('running targets', () => {
  test('starts in order, stops in reverse, and drains all before stopping any', async () => {
    const events: string[] = []
    const { stop, ended, services } = await start({ modules: [recorder('b', ['a'], events), recorder('a', [], events)] })
    expect(services.map(({ target, faces }) => [target, faces])).toEqual([
      ['a', { aUrl: 'http://x' }],
      ['b', { bUrl: 'http://x' }],
    ])
    await stop()
    expect(events).toEqual(['start a', 'start b', 'drain b', 'drain a', 'stop b', 'stop a'])
    expect(await ended).toEqual({ code: 0, why: 'asked to stop' })
    expect(await stop()).toBe(await ended)
  })

  test('several replicas of a target have their own folder and instance', async () => {
    const events: string[] = []
    const folders: string[] = []
    const module = recorder('node', [], events, { onStart: ({ dataDir }) => void folders.push(dataDir) })
    await start({
      modules: [module],
      targets: [0, 1].map((instance) => ({ target: 'node', instance, overrides: { value: instance } })),
    })
    expect(events).toEqual(['start node', 'start node-1'])
    expect(folders).toEqual([join(dir, 'node-0'), join(dir, 'node-1')])
  })

  test('targets of one process call each other in process, with their own identity', async () => {
    const events: string[] = []
    const server = recorder('server', [], events, {
      onStart: ({ rpc }) => rpc.serve(EchoServiceDefinition, echoEndpoints({}, ['client'])),
    })
    const client = recorder('client', ['server'], events, {
      async onStart({ rpc }) {
        const answer = await rpc.client(EchoServiceDefinition, 'server').unary(note('hi'))
        events.push(`answer ${answer.frame}`)
      },
    })
    const { rpcAs } = await start({ modules: [client, server] })
    expect(events).toContain('answer hi')
    await expect(rpcAs('developer').client(EchoServiceDefinition, 'server').unary(note())).rejects.toMatchObject({
      reason: 'IDENTITY_NOT_ALLOWED',
    })
  })

  test('a target that cannot start stops those before it and tells why', async () => {
    const events: string[] = []
    const broken = recorder('b', ['a'], events, {
      onStart() {
        throw new ZerogError('DATA_FOLDER_DAMAGED', { message: 'the log is cut; run: zerog chain rebuild' })
      },
    })
    await expect(start({ modules: [recorder('a', [], events), broken] })).rejects.toThrow(
      'the log is cut; run: zerog chain rebuild',
    )
    expect(events).toEqual(['start a', 'start b', 'drain a', 'stop a'])
    expect(lines.some((line) => line.includes('"event":"start_failed"') && line.includes('DATA_FOLDER_DAMAGED'))).toBe(true)
    expect(lines.some((line) => line.includes('"event":"stopped"') && line.includes('"code":1'))).toBe(true)
  })

  test('reads a file that has sections of targets which run elsewhere', async () => {
    const configFile = join(dir, 'zerog.yaml')
    await writeFile(configFile, 'common: { network: here }\na: { value: 7 }\nb: { value: 8 }\n')
    const values: number[] = []
    const a = recorder('a', [], [], { onStart: ({ config }) => void values.push(config.value) })
    await expect(start({ modules: [a], configFile })).rejects.toThrow('section "b" is no target')
    await start({ modules: [a], configFile, knownTargets: ['a', 'b'] })
    expect(values).toEqual([7])
  })

  test('a fatal error stops everything and gives code 1', async () => {
    const events: string[] = []
    let fail: (error: unknown) => void = () => {}
    const module = recorder('a', [], events, {
      onStart(context) {
        fail = context.fatal
      },
    })
    const { ended } = await start({ modules: [module] })
    fail(new ZerogError('DISK_FULL', { message: 'no space' }))
    expect(await ended).toMatchObject({ code: 1, why: 'a failed', error: { reason: 'DISK_FULL' } })
    expect(events.at(-1)).toBe('stop a')
    expect(lines.some((line) => line.includes('"event":"target_failed"') && line.includes('DISK_FULL'))).toBe(true)
  })

  test('a module that hangs in drain or stop does not hang the process', async () => {
    const events: string[] = []
    const hang = () => new Promise<void>(() => {})
    const modules = [recorder('a', [], events), recorder('b', ['a'], events, { drain: hang, stop: hang })]
    const env = { ZEROG_COMMON_DRAIN_TIMEOUT_MS: '80', ZEROG_COMMON_STOP_TIMEOUT_MS: '80' }
    const { stop } = await start({ modules, env })
    expect((await stop()).code).toBe(1)
    expect(events).toEqual(['start a', 'start b', 'drain a', 'stop a'])
    for (const event of ['drain_late', 'stop_late']) expect(lines.some((line) => line.includes(event))).toBe(true)
  })

  test('the context signals the stop after drain', async () => {
    const events: string[] = []
    const module = recorder('a', [], events, {
      onStart: ({ signal }) => signal.addEventListener('abort', () => events.push('signal')),
    })
    await (await start({ modules: [module] })).stop()
    expect(events).toEqual(['start a', 'drain a', 'signal', 'stop a'])
  })

  test('kv opens below the data folder and is closed at the end; ports without a URL say which field is missing', async () => {
    let context: ModuleContext<unknown> | undefined
    const module = recorder('a', [], [], {
      onStart(given) {
        context = given
      },
    })
    const { stop } = await start({ modules: [module] })
    const kv = await context?.kv('state')
    kv?.write([{ table: 't', key: new Uint8Array([1]), value: new Uint8Array([2]) }])
    expect(await context?.kv('state')).toBe(kv)
    await expect(context?.sql()).rejects.toThrow('set ZEROG_COMMON_POSTGRES_URL')
    await expect(context?.chain()).rejects.toThrow('add one to peers')
    await stop()
    expect(() => kv?.get('t', new Uint8Array([1]))).toThrow()
  })

  test('a wrong setting and a taken port are refused before any module starts', async () => {
    const events: string[] = []
    const modules = [recorder('a', [], events)]
    await expect(start({ modules, env: { ZEROG_A_VALUE: 'x' } })).rejects.toThrow('value (ZEROG_A_VALUE)')
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const admin = { address: '127.0.0.1', port }
    await expect(start({ modules, admin })).rejects.toMatchObject({ reason: 'PORT_IN_USE', metadata: { port: String(port) } })
    taken.close()
    expect(events).toEqual([])
  })
})

describe('the admin server', () => {
  const get = async (path: string) => {
    const response = await fetch(`http://${running?.admin}${path}`)
    return { status: response.status, body: await response.text() }
  }
  const admin = { address: '127.0.0.1', port: 0 }

  test('tells readiness with every check, and liveness without them', async () => {
    let ready = false
    const health = () => ({ ready, checks: [{ name: 'postgres', ok: ready, detail: 'refused' }] })
    await start({ modules: [recorder('a', [], [], { health })], admin })
    expect(await get('/livez')).toEqual({ status: 200, body: 'ok\n' })
    const before = await get('/readyz')
    expect(before.status).toBe(503)
    expect(JSON.parse(before.body)).toEqual({
      ready: false,
      targets: { 'a-0': { ready: false, checks: [{ name: 'postgres', ok: false, detail: 'refused' }] } },
    })
    ready = true
    expect((await get('/readyz')).status).toBe(200)
    expect((await get('/other')).status).toBe(404)
  })

  test('is not ready while it drains, and a module that throws or hangs is not ready', async () => {
    const go = Promise.withResolvers<void>()
    const broken = recorder('a', [], [], {
      health() {
        throw new Error('no idea')
      },
    })
    await start({ modules: [broken, recorder('b', [], [], { drain: () => go.promise })], admin })
    expect((await get('/readyz')).body).toContain('no idea')
    const stopped = running?.stop()
    const during = await get('/readyz')
    expect([during.status, during.body.includes('stopping')]).toEqual([503, true])
    go.resolve()
    await stopped
    await expect(get('/livez')).rejects.toThrow()
  })

  test('shows metrics of modules with their target, and of the process', async () => {
    const counting = recorder('a', [], [], {
      onStart({ meter }) {
        meter.counter({ name: 'zerog_test_blocks_total', help: 'blocks' }).add(3)
        meter.counter({ name: 'zerog_test_blocks_total', help: 'blocks' }).add(1)
        meter.gauge({ name: 'zerog_test_height', help: 'height', read: () => 7 })
      },
    })
    await start({ modules: [counting], admin })
    const { body } = await get('/metrics')
    expect(body).toContain('zerog_test_blocks_total{target="a",replica="0"} 4')
    expect(body).toContain('zerog_test_height{target="a",replica="0"} 7')
    expect(body).toContain('zerog_runtime_ready{target="a",replica="0"} 1')
    expect(body).toContain('nodejs_eventloop_lag_seconds')
  })
})

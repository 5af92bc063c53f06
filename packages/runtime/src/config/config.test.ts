import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, jest, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { z } from 'zod'
import { parseText } from './environment.ts'
import { fieldsOf, upperSnake } from './fields.ts'
import { describeConfig, loadConfig } from './load.ts'

jest.setTimeout(300_000)
const dir = mkdtempSync(join(tmpdir(), 'zerog-config-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const schema = z.strictObject({
  port: z.coerce.number().int().min(0).max(65_535).default(8545).describe('port of the public face'),
  mode: z.enum(['fast', 'safe']).default('safe').describe('which way'),
  verbose: z.boolean().default(false).describe('more words'),
  token: z.string().nullable().default(null).meta({ secret: true }).describe('bearer token'),
  weights: z.record(z.string(), z.coerce.number()).default({}).describe('weight by name'),
  limits: z
    .strictObject({ bodyBytesMax: z.int().min(1).default(100).describe('largest body'), paths: z.array(z.string()).default([]) })
    .prefault({}),
})
const targets = ['gateway', 'gateway-admin', 'da-node']

function load(env: Record<string, string> = {}, yaml?: string, overrides?: Record<string, unknown>) {
  const file = join(dir, 'zerog.yaml')
  if (yaml !== undefined) writeFileSync(file, yaml)
  return loadConfig({
    target: 'gateway',
    schema,
    env,
    targets,
    ...(yaml === undefined ? {} : { file }),
    ...(overrides === undefined ? {} : { overrides }),
  })
}

function refusal(env: Record<string, string>, yaml?: string): string {
  try {
    load(env, yaml)
  } catch (error) {
    expect(error).toBeInstanceOf(ZerogError)
    expect((error as ZerogError).reason).toBe('CONFIG_INVALID')
    return (error as ZerogError).message
  }
  throw new Error('the configuration was accepted')
}

describe('where a value comes from', () => {
  test('without anything: the defaults', () => {
    const { base, module } = load()
    expect(module).toEqual({
      port: 8545,
      mode: 'safe',
      verbose: false,
      token: null,
      weights: {},
      limits: { bodyBytesMax: 100, paths: [] },
    })
    expect(base).toMatchObject({ network: 'devnet', chainId: 31_337, grpcPort: null, logLevel: 'info', peers: {} })
  })

  test('defaults < common < section < ZEROG_COMMON < ZEROG_<TARGET> < launcher', () => {
    const yaml =
      'common: {logLevel: debug, chainId: 5, natsUrl: nats://file}\ngateway: {chainId: 6, port: 1, limits: {bodyBytesMax: 7}}\n'
    const env = { ZEROG_COMMON_NATS_URL: 'nats://env', ZEROG_GATEWAY_PORT: '2', ZEROG_GATEWAY_LIMITS__PATHS: '/a, /b' }
    const { base, module, shown } = load(env, yaml, { grpcPort: 0 })
    expect(base).toMatchObject({ logLevel: 'debug', chainId: 6, natsUrl: 'nats://env', grpcPort: 0 })
    expect(module).toMatchObject({ port: 2, limits: { bodyBytesMax: 7, paths: ['/a', '/b'] } })
    const source = (name: string) => shown.find((field) => field.name === name)?.source
    expect([source('port'), source('mode'), source('grpcPort')]).toEqual(['ZEROG_GATEWAY_PORT', 'default', 'launcher'])
    expect(source('limits.bodyBytesMax')).toMatch(/zerog\.yaml: gateway$/)
  })

  test('peers are written as a map in the file and as text in the environment', () => {
    const peers = { 'chain-validator': ['a:1', 'b:2'], 'da-node': ['[::1]:3'] }
    expect(load({ ZEROG_GATEWAY_PEERS: 'chain-validator=a:1,b:2; da-node=[::1]:3' }).base.peers).toEqual(peers)
    expect(load({ ZEROG_GATEWAY_PEERS: JSON.stringify(peers) }).base.peers).toEqual(peers)
    expect(load({}, `common:\n  peers:\n    chain-validator: ["a:1", "b:2"]\n    da-node: ["[::1]:3"]\n`).base.peers).toEqual(
      peers,
    )
  })

  test('targets share by a merge key what must be the same, and override it', () => {
    const yaml = 'da-node: &same {port: 1, logLevel: debug}\ngateway: {<<: *same, port: 2}\n'
    const { base, module } = load({}, yaml)
    expect({ port: module.port, logLevel: base.logLevel }).toEqual({ port: 2, logLevel: 'debug' })
  })

  test('a secret is read from the file that <NAME>_FILE names, and never shown', () => {
    const path = join(dir, 'token')
    writeFileSync(path, 'hush\n')
    const { module, shown } = load({ ZEROG_GATEWAY_TOKEN_FILE: path })
    expect(module.token).toBe('hush')
    expect(shown.find(({ name }) => name === 'token')).toEqual({
      name: 'token',
      value: '(hidden)',
      source: 'ZEROG_GATEWAY_TOKEN_FILE',
    })
    expect(refusal({ ZEROG_GATEWAY_TOKEN_FILE: join(dir, 'none') })).toContain('cannot be read (ENOENT)')
    expect(refusal({ ZEROG_GATEWAY_TOKEN_FILE: path, ZEROG_GATEWAY_TOKEN: 'x' })).toContain('are both set; keep one')
  })
})

describe('a refusal names field, problem and accepted form', () => {
  test('of a value', () => {
    const message = refusal({ ZEROG_GATEWAY_PORT: '70000', ZEROG_GATEWAY_MODE: 'slow', ZEROG_GATEWAY_PEERS: 'da-node=nowhere' })
    expect(message).toContain(
      'port (ZEROG_GATEWAY_PORT): Too big: expected number to be <=65535; accepted: whole number from 0 to 65535',
    )
    expect(message).toContain('mode (ZEROG_GATEWAY_MODE): Invalid option: expected one of "fast"|"safe"; accepted: fast | safe')
    expect(message).toContain('peers.da-node.0 (ZEROG_GATEWAY_PEERS): expected host:port')
    expect(refusal({ ZEROG_GATEWAY_PORT: '' })).toContain('ZEROG_GATEWAY_PORT: is empty; accepted: whole number')
    expect(refusal({ ZEROG_GATEWAY_VERBOSE: 'yes' })).toContain('accepted: true | false')
  })

  test('of an unknown name, with the one that was meant', () => {
    expect(refusal({ ZEROG_GATEWAY_PROT: '1' })).toContain(
      'ZEROG_GATEWAY_PROT: no such setting; did you mean ZEROG_GATEWAY_PORT?',
    )
    expect(refusal({ ZEROG_COMMON_LOGLEVEL: 'info' })).toContain('did you mean ZEROG_COMMON_LOG_LEVEL?')
    expect(refusal({}, 'gateway: {limits: {bodyByteMax: 1}}')).toContain(
      'gateway.limits.bodyByteMax: no such setting; did you mean limits.bodyBytesMax?',
    )
    expect(refusal({}, 'gatway: {}')).toContain('section "gatway" is no target; did you mean gateway?')
    expect(refusal({}, 'common: {port: 1}')).toContain('common.port: no such setting')
  })

  test("but leaves other targets' settings alone", () => {
    const env = { ZEROG_GATEWAY_ADMIN_PORT: '1', ZEROG_DA_NODE_X: '1', ZEROG_FIXTURES: 'x' }
    expect(
      loadConfig({ target: 'da-node', schema: z.strictObject({ x: z.coerce.number().default(0) }), env, targets }).module.x,
    ).toBe(1)
    expect(load({ ZEROG_GATEWAY_ADMIN_UNKNOWN: '1' }, 'da-node: {anything: 1}').module.port).toBe(8545)
  })

  test('of a file', () => {
    expect(refusal({}, 'gateway: [')).toContain('is not valid YAML')
    expect(refusal({}, '- a')).toContain('must be a map of sections')
    expect(refusal({}, 'gateway: {port: null}')).toContain('gateway.port: is empty; accepted: whole number')
    expect(refusal({}, 'gateway: 5')).toContain('gateway: must be a map of fields')
    expect(refusal({}, 'gateway: {port: 1, port: 2}')).toContain('is not valid YAML: Map keys must be unique')
    expect(() => loadConfig({ target: 'gateway', schema, env: {}, file: join(dir, 'none.yaml') })).toThrow(
      'cannot be read (ENOENT)',
    )
  })

  test('of a field without default that nobody has set', () => {
    const strict = z.strictObject({ region: z.string().describe('where') })
    expect(() => loadConfig({ target: 'gateway', schema: strict, env: {} })).toThrow('region (ZEROG_GATEWAY_REGION): must be set')
  })
})

test('fields are described with env name, default and form', () => {
  expect(describeConfig(schema, 'gateway').map(({ name, env, form }) => [name, env, form])).toEqual([
    ['port', 'ZEROG_GATEWAY_PORT', 'whole number from 0 to 65535'],
    ['mode', 'ZEROG_GATEWAY_MODE', 'fast | safe'],
    ['verbose', 'ZEROG_GATEWAY_VERBOSE', 'true | false'],
    ['token', 'ZEROG_GATEWAY_TOKEN', 'text or null'],
    ['weights', 'ZEROG_GATEWAY_WEIGHTS', 'map of number'],
    ['limits.bodyBytesMax', 'ZEROG_GATEWAY_LIMITS__BODY_BYTES_MAX', 'whole number from 1'],
    ['limits.paths', 'ZEROG_GATEWAY_LIMITS__PATHS', 'list of text'],
  ])
  expect(['httpPort', 'rpcURL', 'p2pPort', 'a-b'].map(upperSnake)).toEqual(['HTTP_PORT', 'RPC_URL', 'P2P_PORT', 'A_B'])
})

describe('whatever the environment and the file hold', () => {
  const names = fieldsOf(schema).map(({ envSuffix }) => `ZEROG_GATEWAY_${envSuffix}`)
  const anyName = fc.oneof(
    fc.constantFrom(...names, ...names.map((name) => `${name}_FILE`)),
    fc.string({ maxLength: 20 }).map((text) => `ZEROG_GATEWAY_${text}`),
    fc.constantFrom('ZEROG_GATEWAY___proto__', 'ZEROG_COMMON_PEERS', 'ZEROG_COMMON_'),
  )
  const anyText = fc.oneof(fc.string(), fc.json(), fc.constantFrom('1e999', '0x10', '-0', '[', '{', '__proto__=a', 'null', ''))

  /** Accepted values obey the schema; everything else is one CONFIG_INVALID. */
  function holds(run: () => { module: unknown }) {
    try {
      expect(schema.safeParse(run().module).success).toBe(true)
    } catch (error) {
      if (!(error instanceof ZerogError) || error.reason !== 'CONFIG_INVALID') throw error
    }
  }

  test('the answer is a valid configuration or one refusal', () => {
    fc.assert(
      fc.property(fc.dictionary(anyName, anyText, { maxKeys: 6 }), (env) => holds(() => load(env))),
      { numRuns: 200 },
    )
    const yaml = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.json().map((json) => `gateway: ${json}`),
      fc
        .dictionary(fc.constantFrom('port', 'mode', 'limits', '__proto__', 'peers'), fc.jsonValue())
        .map((map) => JSON.stringify({ gateway: map })),
    )
    fc.assert(
      fc.property(yaml, (text) => holds(() => load({}, text))),
      { numRuns: 200 },
    )
    expect(({} as Record<string, unknown>).port).toBeUndefined()
  })

  test('numbers and bigints survive the way through text', () => {
    fc.assert(fc.property(fc.integer(), (value) => expect(parseText(z.number(), String(value))).toBe(value)))
    fc.assert(fc.property(fc.bigInt({ max: 2n ** 200n }), (value) => expect(parseText(z.bigint(), String(value))).toBe(value)))
  })
})

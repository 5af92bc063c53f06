import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { developmentDisperser } from '@zerog/contracts'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { verifyConfig } from '../../packages/cli/src/devnet/describe.ts'
import { TARGETS } from '../../packages/cli/src/devnet/modules.ts'
import { planInstances } from '../../packages/cli/src/devnet/plan.ts'

type Service = {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
}
type ComposeFile = { readonly services: Readonly<Record<string, Service>>; readonly volumes: Readonly<Record<string, null>> }

/** The part of the Compose Specification that the file uses, closed: a misspelt key is refused as compose would. */
const texts = { type: 'array', items: { type: 'string' } }
const service = {
  type: 'object',
  additionalProperties: false,
  required: ['image', 'network_mode'],
  properties: {
    // A variable with a pinned default.
    image: { type: 'string', pattern: '^\\$\\{[A-Z_]+:-[^:}]+:[^}]*\\d[^}]*\\}$' },
    network_mode: { enum: ['host', 'none'] },
    restart: { const: 'unless-stopped' },
    read_only: { type: 'boolean' },
    user: { type: 'string' },
    cap_drop: texts,
    security_opt: texts,
    stop_grace_period: { type: 'string', pattern: '^\\d+s$' },
    tmpfs: texts,
    depends_on: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        required: ['condition'],
        properties: { condition: { enum: ['service_started', 'service_completed_successfully'] } },
      },
    },
    entrypoint: texts,
    command: texts,
    environment: { type: 'object', additionalProperties: { type: 'string' } },
    volumes: texts,
  },
}
const validate = new Ajv({ strict: true, allErrors: true }).compile<ComposeFile>({
  type: 'object',
  additionalProperties: false,
  required: ['name', 'services', 'volumes'],
  properties: {
    name: { type: 'string' },
    'x-target': { type: 'object' },
    'x-common': { type: 'object' },
    services: { type: 'object', additionalProperties: service },
    volumes: { type: 'object', additionalProperties: { type: 'null' } },
  },
})
const parsed: unknown = parse(readFileSync(join(import.meta.dirname, '../../deploy/compose.yaml'), 'utf8'), { merge: true })
if (!validate(parsed)) throw new Error(JSON.stringify(validate.errors))
const file = parsed
const targets = Object.entries(file.services).filter(([, { command }]) => command?.[0] === 'run')
const targetOf = ({ command }: Service) => command?.[1]?.replace('--target=', '') ?? ''
/** `${NAME:-value}` as compose replaces it where the variable is not set. */
const defaults = (text: string) => text.replace(/\$\{[A-Z_]+:-([^}]*)\}/g, '$1')
const environmentOf = ({ environment = {} }: Service) =>
  Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, defaults(value)]))

test('the file runs the instances of a devnet with three storage nodes, each target of the code among them', () => {
  const planned = planInstances({ chainOnly: false, rpcReplicas: 1, storageNodes: 3, daNodes: 4, computeWorkers: 1 })
  expect(targets.map(([name]) => name).sort()).toEqual(planned.map(({ name }) => name).sort())
  expect(new Set(targets.map(([, one]) => targetOf(one)))).toEqual(new Set(TARGETS))
  const instances = targets.map(([, { command }]) => `${command?.[1]} ${command?.[2]}`)
  expect(new Set(instances).size).toBe(targets.length)
})

test.each(targets)('the environment of %s is what its schema accepts, and a misspelt variable is not', async (_name, one) => {
  const target = targetOf(one)
  const env = environmentOf(one)
  expect(await verifyConfig({ target, env })).toEqual([target])
  const prefix = `ZEROG_${target.replaceAll('-', '_').toUpperCase()}_`
  await expect(verifyConfig({ target, env: { ...env, [`${prefix}GRPC_PROT`]: '1' } })).rejects.toThrow('GRPC_PROT')
})

test('genesis pays for DA certificates, as that of a devnet does', () => {
  const dev = parse(readFileSync(join(import.meta.dirname, '../../helm/zerog/values-dev.yaml'), 'utf8'))
  const payer = developmentDisperser().address
  expect(dev.global.fundedAccounts).toContain(payer)
  for (const name of ['chain-validator', 'chain-rpc']) {
    const env = environmentOf(file.services[name] as Service)
    expect(env[`ZEROG_${name.replace('-', '_').toUpperCase()}_FUNDED_ACCOUNTS`]).toBe(payer)
  }
})

test('every peer is the address that its instances listen on', () => {
  const listening: Record<string, string[]> = {}
  for (const [, one] of targets) {
    const target = targetOf(one)
    const port = environmentOf(one)[`ZEROG_${target.replaceAll('-', '_').toUpperCase()}_GRPC_PORT`]
    if (port === undefined || port === 'null') continue
    listening[target] ??= []
    listening[target].push(`127.0.0.1:${port}`)
  }
  const [, first] = targets[0] as (typeof targets)[number] // there are targets, above
  const peers = environmentOf(first).ZEROG_COMMON_PEERS ?? ''
  expect(Object.fromEntries(peers.split(';').map((part) => [part.split('=')[0], part.split('=')[1]?.split(',')]))).toEqual(
    listening,
  )
})

test('targets have no rights, a folder of their own, and time to drain; certificates are issued for each', () => {
  const script = file.services.certificates?.command?.join('\n') ?? ''
  const folders = new Set<string>()
  for (const [name, one] of targets) {
    expect(one).toMatchObject({ read_only: true, user: '65532:65532', cap_drop: ['ALL'], stop_grace_period: '45s' })
    expect(one.volumes).toEqual([`${name}:/data`, 'tls:/tls:ro'])
    expect(script).toContain(` ${targetOf(one)} `)
    folders.add(name)
  }
  const mounted = Object.values(file.services).flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]))
  expect(new Set(mounted)).toEqual(new Set(Object.keys(file.volumes)))
  expect(folders.size).toBe(targets.length)
})

test('no two processes listen on one port, and none beyond loopback', () => {
  const ports = targets.flatMap(([, one]) =>
    Object.entries(environmentOf(one))
      .filter(([name, value]) => name.endsWith('_PORT') && value !== 'null')
      .map(([, value]) => value),
  )
  expect(new Set(ports).size).toBe(ports.length)
  expect(JSON.stringify(file.services)).not.toContain('0.0.0.0')
  for (const server of ['postgres', 'nats', 'redis']) expect(file.services[server]?.command?.join(' ')).toContain('127.0.0.1')
})

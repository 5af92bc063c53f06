import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Committee } from '@zerog/availability'
import type { Client, Rpc } from '@zerog/ports'
import { NodeServiceDefinition, RetrieverServiceDefinition } from '@zerog/proto/da'
import { createLogging, defineModule, type Running, run } from '@zerog/runtime'
import { initAuthority, issueIdentity } from '@zerog/runtime/certs'
import { z } from 'zod'
import { staticCommittees } from '../../src/adapters/committees/static.ts'
import { defineDaRetriever } from '../../src/module.ts'

/** da-node processes with their own disks and real gRPC with mutual TLS; retriever and callers in this process. */
export type Processes = {
  readonly retriever: Client<typeof RetrieverServiceDefinition>
  nodeAs(identity: 'da-encoder' | 'da-disperser', instance: number): Client<typeof NodeServiceDefinition>
  /** SIGKILL, and waits for its end. */
  kill(instance: number): Promise<void>
  /** On the port that it had. */
  restart(instance: number): Promise<void>
  close(): Promise<void>
}

export async function startProcesses(stakes: readonly bigint[], committee: Committee): Promise<Processes> {
  const folder = await mkdtemp(join(tmpdir(), 'zerog-da-'))
  const tlsDir = join(folder, 'tls')
  await initAuthority(tlsDir, 'devnet')
  const identities = ['da-node', 'da-encoder', 'da-disperser', 'da-retriever']
  for (const target of identities) await issueIdentity({ dir: tlsDir, network: 'devnet', target })
  const children: (ChildProcess | undefined)[] = []
  const addresses: string[] = []

  async function start(instance: number): Promise<void> {
    const port = addresses[instance]?.split(':').at(-1) ?? '0'
    const fixture = join(import.meta.dirname, '../fixtures/node-process.ts')
    const args = [fixture, String(instance), stakes.join(','), join(folder, 'data'), tlsDir, port]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env.PATH ?? '' } })
    children[instance] = child
    addresses[instance] = await new Promise<string>((resolve, reject) => {
      let text = ''
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk
        const found = /grpc (\S+)/.exec(text)?.[1]
        if (found !== undefined) resolve(found)
      })
      child.once('exit', (code) => reject(new Error(`node ${instance} ended with ${code}: ${text}`)))
    })
  }
  async function end(instance: number): Promise<void> {
    const child = children[instance]
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  await Promise.all(stakes.map((_, instance) => start(instance)))
  const callers = new Map<string, Rpc>()
  const caller = (target: string) =>
    defineModule({
      target,
      dependsOn: [],
      config: z.strictObject({}),
      async start({ rpc }) {
        callers.set(target, rpc)
        return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
      },
    })
  const overrides = { dataDir: join(folder, 'callers'), tlsDir, peers: { 'da-node': addresses } }
  const running: Running = await run({
    modules: [caller('da-encoder'), caller('da-disperser'), defineDaRetriever(async () => staticCommittees([committee]))],
    targets: ['da-encoder', 'da-disperser', 'da-retriever'].map((target) => ({ target, overrides })),
    shape: 'embedded',
    env: {},
    logging: createLogging({ sink: { write() {} } }),
    handleProcess: false,
  })
  return {
    retriever: running.rpcAs('developer').client(RetrieverServiceDefinition, 'da-retriever'),
    nodeAs: (identity, instance) => (callers.get(identity) as Rpc).client(NodeServiceDefinition, 'da-node', instance),
    kill: end,
    restart: start,
    async close() {
      await running.stop()
      await Promise.all(stakes.map((_, instance) => end(instance)))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

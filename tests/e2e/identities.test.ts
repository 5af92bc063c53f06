import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { initAuthority, issueIdentity } from '@zerog/runtime/certs'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder } from './devnet.ts'
import { type Answer, type Credentials, callAll } from './support/raw-grpc.ts'

jest.setTimeout(120_000)

const CHAIN = ['chain-validator', 'chain-rpc']
const FOLLOWERS = [
  'gateway',
  'storage-gateway',
  'storage-node',
  'storage-keeper',
  'da-disperser',
  'da-encoder',
  'da-node',
  'da-retriever',
  'compute-router',
  'compute-broker',
  'compute-auditor',
  'developer',
]
const DA_WRITERS = ['gateway', 'developer', 'compute-broker', 'compute-auditor']
const DA_READERS = ['gateway', 'da-disperser', 'developer', 'compute-broker', 'compute-auditor', 'storage-kv']
const FILES = ['gateway', 'developer', 'compute-broker', 'compute-worker', 'compute-auditor', 'storage-kv']

const MODEL_RUNNERS = ['compute-broker', 'compute-auditor', 'developer']

type Row = { readonly servedBy: readonly string[]; readonly allow: readonly string[] }

/**
 * Who may call what, written a second time on purpose: a new RPC needs a row here, and a wider allow-list needs a change here, so
 * neither happens by accident.
 */
const TABLE: Readonly<Record<string, Row>> = {
  '/zerog.chain.v1.ChainService/GetHead': { servedBy: CHAIN, allow: [...FOLLOWERS, 'chain-rpc'] },
  '/zerog.chain.v1.ChainService/GetCertificate': { servedBy: CHAIN, allow: FOLLOWERS },
  '/zerog.chain.v1.ChainService/Call': { servedBy: CHAIN, allow: FOLLOWERS },
  '/zerog.chain.v1.ChainService/SubmitTransaction': { servedBy: CHAIN, allow: [...FOLLOWERS, 'chain-rpc'] },
  '/zerog.chain.v1.ChainService/WatchLogs': { servedBy: CHAIN, allow: FOLLOWERS },
  '/zerog.chain.v1.JsonRpcService/Execute': {
    servedBy: CHAIN,
    allow: ['gateway', 'da-disperser', 'compute-broker', 'developer'],
  },
  '/zerog.chain.v1.JsonRpcService/Connect': { servedBy: CHAIN, allow: ['gateway', 'developer'] },
  '/zerog.chain.v1.ReplicationService/WatchBlocks': { servedBy: ['chain-validator'], allow: ['chain-rpc', 'developer'] },
  '/zerog.chain.v1.ReplicationService/ExecutePending': { servedBy: ['chain-validator'], allow: ['chain-rpc', 'developer'] },
  '/zerog.storage.v1.StorageService/UploadSegments': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageService/ReadFile': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageService/ReadSegments': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageService/GetFile': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageService/ListReceipts': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageService/GetStatus': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageService/ListNodes': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageService/GetFlowContext': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageService/GetSectorProof': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageService/GetFlowSegment': { servedBy: ['storage-gateway'], allow: FILES },
  '/zerog.storage.v1.StorageNodeService/PutSegments': { servedBy: ['storage-node'], allow: ['storage-gateway'] },
  '/zerog.storage.v1.StorageNodeService/GetSegments': { servedBy: ['storage-node'], allow: ['storage-gateway'] },
  '/zerog.storage.v1.StorageNodeService/DeleteSegments': { servedBy: ['storage-node'], allow: ['storage-gateway'] },
  '/zerog.storage.v1.StorageNodeService/IssueReceipt': { servedBy: ['storage-node'], allow: ['storage-gateway'] },
  '/zerog.storage.v1.StorageNodeService/ListSegments': { servedBy: ['storage-node'], allow: ['storage-gateway', 'developer'] },
  '/zerog.storage.v1.StorageNodeService/GetStats': { servedBy: ['storage-node'], allow: ['storage-gateway', 'developer'] },
  '/zerog.da.v1.RetrieverService/Retrieve': { servedBy: ['da-retriever'], allow: DA_READERS },
  '/zerog.da.v1.RetrieverService/SampleRows': { servedBy: ['da-retriever'], allow: DA_READERS },
  '/zerog.da.v1.RetrieverService/GetRlc': { servedBy: ['da-retriever'], allow: DA_READERS },
  '/zerog.da.v1.NodeService/PutRows': { servedBy: ['da-node'], allow: ['da-encoder'] },
  '/zerog.da.v1.NodeService/SignWindow': { servedBy: ['da-node'], allow: ['da-disperser'] },
  '/zerog.da.v1.NodeService/GetRows': { servedBy: ['da-node'], allow: ['da-retriever', 'da-node', 'developer'] },
  '/zerog.da.v1.NodeService/GetNodeRlc': { servedBy: ['da-node'], allow: ['da-retriever', 'da-node', 'developer'] },
  '/zerog.da.v1.NodeService/GetStats': { servedBy: ['da-node'], allow: ['da-retriever', 'da-disperser', 'developer'] },
  '/zerog.da.v1.EncoderService/DisperseBundle': { servedBy: ['da-encoder'], allow: ['da-disperser'] },
  '/zerog.da.v1.DisperserService/Disperse': { servedBy: ['da-disperser'], allow: DA_WRITERS },
  '/zerog.da.v1.DisperserService/WatchBlob': { servedBy: ['da-disperser'], allow: DA_WRITERS },
  '/zerog.da.v1.DisperserService/GetBlob': { servedBy: ['da-disperser'], allow: DA_WRITERS },
  '/zerog.da.v1.DisperserService/GetCertificate': { servedBy: ['da-disperser'], allow: DA_WRITERS },
  '/zerog.da.v1.DisperserService/GetQuote': { servedBy: ['da-disperser'], allow: DA_WRITERS },
  '/zerog.da.v1.DisperserService/GetCommittee': { servedBy: ['da-disperser'], allow: DA_WRITERS },
  '/zerog.compute.v1.WorkerService/ListModels': { servedBy: ['compute-worker'], allow: MODEL_RUNNERS },
  '/zerog.compute.v1.WorkerService/Generate': { servedBy: ['compute-worker'], allow: MODEL_RUNNERS },
  '/zerog.compute.v1.WorkerService/Embed': { servedBy: ['compute-worker'], allow: MODEL_RUNNERS },
  '/zerog.compute.v1.WorkerService/CountTokens': { servedBy: ['compute-worker'], allow: MODEL_RUNNERS },
}
const PATHS = Object.keys(TABLE)
/** Every identity of the house, also those of later layers, and one that nobody knows. */
const IDENTITIES = [...new Set([...CHAIN, ...Object.values(TABLE).flatMap((row) => [...row.servedBy, ...row.allow]), 'stranger'])]

const CODE = { invalidArgument: 3, permissionDenied: 7, unimplemented: 12, unauthenticated: 16 }

let devnet: TestDevnet
/** Every gRPC door of the devnet: target and address. */
let doors: readonly { readonly target: string; readonly address: string }[]
let folder: string
let ca: Buffer
/** Certificates of the devnet's own authority, and the same names signed by another one. */
const ours = new Map<string, Credentials>()
const theirs = new Map<string, Credentials>()

beforeAll(async () => {
  devnet = await startDevnet(await temporaryFolder(), '--processes')
  folder = join(devnet.dataDir, 'identities')
  doors = Object.entries(devnet.endpoints.services).flatMap(([name, { grpc }]) =>
    grpc === undefined ? [] : [{ target: name.replace(/-\d+$/, ''), address: grpc }],
  )
  const authority = join(devnet.dataDir, 'tls')
  ca = readFileSync(join(authority, 'ca.crt'))
  const foreign = join(folder, 'foreign-authority')
  await initAuthority(foreign, 'devnet')
  for (const target of IDENTITIES) {
    ours.set(target, await issue(authority, target))
    // It trusts the devnet, so that only what it shows decides.
    theirs.set(target, await issue(foreign, target))
  }
})
afterAll(() => removeDevnet(devnet.dataDir))

async function issue(dir: string, target: string): Promise<Credentials> {
  const { certPath, keyPath } = await issueIdentity({ dir, outDir: folderOf(dir), network: 'devnet', target })
  return { ca, cert: readFileSync(certPath), key: readFileSync(keyPath) }
}
const folderOf = (dir: string) => join(folder, dir.endsWith('tls') ? 'ours' : 'theirs')

/** One answer per door and RPC that it serves, as lines that a failure shows one by one. */
async function ask(credentials: Credentials, describeAnswer: (answer: Answer) => string): Promise<readonly string[]> {
  const lines = await Promise.all(
    doors.map(async ({ target, address }) => {
      const paths = PATHS.filter((path) => TABLE[path]?.servedBy.includes(target))
      const answers = await callAll(address, credentials, paths)
      return paths.map((path) => `${target} ${path}: ${describeAnswer(answers.get(path) as Answer)}`) // asked for above
    }),
  )
  return lines.flat().sort()
}

/** The same lines from the table. */
function expected(describeRow: (row: Row) => string): readonly string[] {
  const lines = doors.flatMap(({ target }) =>
    Object.entries(TABLE).flatMap(([path, row]) =>
      row.servedBy.includes(target) ? [`${target} ${path}: ${describeRow(row)}`] : [],
    ),
  )
  return lines.sort()
}

const outcome = (answer: Answer): string => {
  if (answer.kind === 'no connection') return answer.message.includes('ECONNREFUSED') ? 'nobody there' : 'no connection'
  if (answer.code === CODE.permissionDenied) return 'refused'
  // The bytes of these calls are no message: whoever is let in is told so.
  if (answer.code === CODE.invalidArgument) return 'let in'
  return `status ${answer.code}: ${answer.message}`
}

describe('the table', () => {
  test('has a row for every RPC of the generated services and no other', async () => {
    const generated = join(import.meta.dirname, '../../packages/proto/src/generated')
    const files = readdirSync(join(generated, 'zerog'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    )
    const defined: string[] = []
    for (const file of files) {
      for (const found of Object.values(await import(join(generated, 'zerog', file))) as any[]) {
        if (typeof found?.fullName !== 'string' || found.methods === undefined) continue
        for (const method of Object.values(found.methods) as { name: string }[]) defined.push(`/${found.fullName}/${method.name}`)
      }
    }
    expect(PATHS.toSorted()).toEqual(defined.sort())
  })

  test('knows every door: each RPC is served where it says, and unknown elsewhere', async () => {
    const developer = ours.get('developer') as Credentials // issued above
    for (const { target, address } of doors) {
      const answers = await callAll(address, developer, PATHS)
      const served = PATHS.filter((path) => {
        const answer = answers.get(path)
        return answer?.kind === 'status' && answer.code !== CODE.unimplemented
      })
      expect({ target, served }).toEqual({ target, served: PATHS.filter((path) => TABLE[path]?.servedBy.includes(target)) })
    }
    // Every target with an RPC has a door here, so no row goes untested.
    expect([...new Set(doors.map(({ target }) => target))].sort()).toEqual(
      [...new Set(Object.values(TABLE).flatMap(({ servedBy }) => servedBy))].sort(),
    )
  })
})

describe('every internal RPC refuses', () => {
  test('a caller without a certificate', async () => {
    expect(await ask({ ca }, outcome)).toEqual(expected(() => 'no connection'))
  })

  test('a caller whose certificate another authority signed, even with the name of an allowed target', async () => {
    for (const [target, credentials] of theirs) {
      expect({ target, answers: await ask(credentials, outcome) }).toEqual({ target, answers: expected(() => 'no connection') })
    }
  })

  test('a caller of this network that its allow-list does not name, and lets in exactly those that it names', async () => {
    for (const [target, credentials] of ours) {
      expect({ target, answers: await ask(credentials, outcome) }).toEqual({
        target,
        answers: expected(({ allow }) => (allow.includes(target) ? 'let in' : 'refused')),
      })
    }
  })

  test('before its handler runs: no process counted a call of anybody but those whom the table allows', async () => {
    for (const [name, { admin }] of Object.entries(devnet.endpoints.services)) {
      const text = await (await fetch(`http://${admin}/metrics`)).text()
      const calls = [...text.matchAll(/^zerog_rpc_server_calls_total\{.*method="([^"]+)",peer="([^"]+)",status="([^"]+)"/gm)]
      const target = name.replace(/-\d+$/, '')
      // Gateway, router and broker speak HTTP and serve no RPC: nothing is refused there.
      if (Object.values(TABLE).some(({ servedBy }) => servedBy.includes(target)))
        expect(calls.filter(([, , peer]) => peer === 'refused').length).toBeGreaterThan(0)
      const strange = calls.filter(([, method, peer = '', status = '']) => {
        const row = TABLE[`/${method}`]
        if (peer === 'refused') return status !== 'PERMISSION_DENIED'
        return row !== undefined && !row.allow.includes(peer)
      })
      expect({ name, strange: strange.map(([line]) => line) }).toEqual({ name, strange: [] })
    }
  })
})

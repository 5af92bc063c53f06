import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KubeConfig, type V1Secret } from '@kubernetes/client-node'

/**
 * A fake of the API server of Kubernetes, for tests: secrets of one namespace with versions and conflicts, and the rules of access of a
 * Role. It says of itself that it is a fake (/version). It knows no other kind.
 */
export async function startFakeKubernetes(options: {
  readonly namespace: string
  /** Names that may be read and replaced; every name may be created, as Roles cannot tell. */
  readonly allowed: (name: string) => boolean
}) {
  const secrets = new Map<string, V1Secret>()
  const requests: string[] = []
  let version = 0
  /** Runs before the next request is answered, for races. */
  let meanwhile: (() => void) | undefined
  const path = `/api/v1/namespaces/${options.namespace}/secrets`

  function answer(method: string, url: string, body: string): readonly [number, object] {
    if (url === '/version') return [200, { gitVersion: 'v0.0.0-fake-of-zerog-tests' }]
    if (!url.startsWith(path)) return failure(403, 'Forbidden')
    const name = decodeURIComponent(url.slice(path.length + 1).split('?')[0] ?? '')
    if (method === 'POST' && name === '') {
      const secret = JSON.parse(body) as V1Secret // sent by the client under test
      if (secrets.has(secret.metadata?.name ?? '')) return failure(409, 'AlreadyExists')
      return [201, put(secret)]
    }
    if (!options.allowed(name)) return failure(403, 'Forbidden')
    const present = secrets.get(name)
    if (present === undefined) return failure(404, 'NotFound')
    if (method === 'GET') return [200, present]
    if (method !== 'PUT') return failure(405, 'MethodNotAllowed')
    const secret = JSON.parse(body) as V1Secret // as above
    const wanted = secret.metadata?.resourceVersion
    if (wanted !== undefined && wanted !== present.metadata?.resourceVersion) return failure(409, 'Conflict')
    return [200, put(secret)]
  }

  function put(secret: V1Secret): V1Secret {
    const kept = { ...secret, metadata: { ...secret.metadata, resourceVersion: String(++version) } }
    secrets.set(secret.metadata?.name ?? '', kept)
    return kept
  }

  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { method = '', url = '' } = request
      requests.push(`${method} ${url.split('?')[0]}`)
      const race = meanwhile
      meanwhile = undefined
      race?.()
      const [status, body] = answer(method, url, Buffer.concat(parts).toString())
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: [{ name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }],
    users: [{ name: 'job', token: 'fake' }],
    contexts: [{ name: 'fake', cluster: 'fake', user: 'job', namespace: options.namespace }],
    currentContext: 'fake',
  })
  return {
    config,
    secrets,
    requests,
    put,
    beforeNextAnswer(work: () => void) {
      meanwhile = work
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function failure(code: number, reason: string): readonly [number, object] {
  return [code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason }]
}

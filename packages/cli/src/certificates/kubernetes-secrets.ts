import { ApiException, CoreV1Api, type KubeConfig, type V1Secret } from '@kubernetes/client-node'
import { ZerogError } from '@zerog/primitives'
import type { SecretData, SecretStore, StoredSecret } from './secret-store.ts'

const MANAGER_LABEL = 'app.kubernetes.io/managed-by'
const MANAGER = 'zerog-certificates'

/** Secrets through the API of Kubernetes. What its rules of access do not allow is said with the verb that is missing. */
export function kubernetesSecrets(
  options: { readonly namespace: string; readonly release: string },
  deps: { readonly config: KubeConfig },
): SecretStore {
  const { namespace, release } = options
  const api = deps.config.makeApiClient(CoreV1Api)
  const labels = { [MANAGER_LABEL]: MANAGER, 'app.kubernetes.io/instance': release, 'app.kubernetes.io/part-of': 'zerog' }

  async function attempt<T>(verb: string, name: string, work: () => Promise<T>): Promise<T | 'conflict' | 'missing'> {
    try {
      return await work()
    } catch (error) {
      const code = error instanceof ApiException ? error.code : undefined
      if (code === 404) return 'missing'
      if (code === 409) return 'conflict'
      if (code === 401 || code === 403) {
        throw new ZerogError('IDENTITY_NOT_ALLOWED', {
          message: `the service account may not ${verb} secret ${name} in namespace ${namespace}; its Role comes with the chart`,
          metadata: { verb, secret: name, namespace },
          cause: error,
        })
      }
      throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
        message: `the API of Kubernetes did not ${verb} secret ${name}: ${code ?? (error instanceof Error ? error.message : String(error))}`,
        metadata: { verb, secret: name },
        cause: error,
      })
    }
  }

  const body = (name: string, data: SecretData, version?: string): V1Secret => ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name, namespace, labels, ...(version === undefined ? {} : { resourceVersion: version }) },
    data: Object.fromEntries(Object.entries(data).map(([field, bytes]) => [field, Buffer.from(bytes).toString('base64')])),
  })

  return {
    async read(name) {
      const found = await attempt('get', name, () => api.readNamespacedSecret({ name, namespace }))
      return found === 'missing' || found === 'conflict' ? undefined : stored(found)
    },
    async create(name, data) {
      const made = await attempt('create', name, () => api.createNamespacedSecret({ namespace, body: body(name, data) }))
      return made !== 'conflict' && made !== 'missing'
    },
    async replace(name, data, version) {
      const options = { name, namespace, body: body(name, data, version) }
      const made = await attempt('update', name, () => api.replaceNamespacedSecret(options))
      return made !== 'conflict' && made !== 'missing'
    },
  }
}

function stored({ data = {}, metadata }: V1Secret): StoredSecret {
  return {
    data: Object.fromEntries(Object.entries(data).map(([field, text]) => [field, Buffer.from(text, 'base64')])),
    version: metadata?.resourceVersion ?? '',
    isOurs: metadata?.labels?.[MANAGER_LABEL] === MANAGER,
  }
}

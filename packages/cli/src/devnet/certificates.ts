import { join } from 'node:path'
import { initAuthority, issueIdentity } from '@zerog/runtime/certs'
import { DEVNET_NETWORK } from './settings.ts'

/** The authority of this devnet and an identity for each target, plus `developer` for people and tools. Kept while they are valid. */
export async function devnetCertificates(
  dataDir: string,
  targets: readonly string[],
): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
  const dir = join(dataDir, 'tls')
  const { caPath } = await initAuthority(dir, DEVNET_NETWORK)
  const issue = (target: string) =>
    issueIdentity({ dir, network: DEVNET_NETWORK, target, dnsNames: ['localhost'], ips: ['127.0.0.1'] })
  await Promise.all([...new Set(targets)].map(issue))
  const { certPath, keyPath } = await issue('developer')
  return { ca: caPath, cert: certPath, key: keyPath }
}

import { type ChannelCredentials, experimental, type ServerCredentials } from '@grpc/grpc-js'
import type { Clock, Gauge, Logger, Meter } from '@zerog/ports'
import { CERTIFICATE_POLL_MS } from '../limits.ts'
import { type LoadedIdentity, needsRenewal, readIdentity } from './identity.ts'
import { identityOf } from './names.ts'

/** Who this process is towards others. Follows the files: a rotated certificate is used for new connections without a restart. */
export type TlsIdentity = {
  readonly network: string
  readonly target: string
  readonly forServer: () => ServerCredentials
  /** Accepts only a server that shows the identity of `target` in the same network, whatever its host name is. */
  readonly forClient: (target: string) => ChannelCredentials
  readonly expiresAt: () => Date
  /** Looks at the files now; also done by itself every 30 s. */
  readonly refresh: () => Promise<void>
  readonly stop: () => void
}

/** Mutual TLS only: there are no credentials without a certificate. Throws CONFIG_INVALID with the remedy if the files are not usable. */
export async function loadTlsIdentity(
  options: { readonly dir: string; readonly network: string; readonly target: string },
  deps: { readonly clock: Clock; readonly logger: Logger; readonly meter: Meter },
): Promise<TlsIdentity> {
  const { clock, logger } = deps
  const { network, target } = options
  let current = await readIdentity({ ...options, nowMs: clock.nowMs() })
  const provider = createProvider(() => current)
  const expiry = deps.meter.gauge({
    name: 'zerog_tls_certificate_expiry_seconds',
    help: "Unix time at which this target's certificate ends",
  })
  remind(current, expiry, deps)
  let stopped = false
  let cancel = schedule()

  function schedule() {
    return clock.after(CERTIFICATE_POLL_MS, () => {
      void refresh().then(() => {
        if (!stopped) cancel = schedule()
      })
    })
  }

  async function refresh() {
    try {
      const found = await readIdentity({ ...options, nowMs: clock.nowMs() })
      if (found.cert.equals(current.cert) && found.ca.equals(current.ca)) return
      current = found
      provider.publish()
      logger.info('certificate_rotated', { target, expiresAt: found.expiresAt.toISOString() })
      remind(found, expiry, deps)
    } catch (error) {
      // Half of a rotation, or a mistake: the certificate that works stays until it ends.
      logger.warn('certificate_not_reloaded', { target, error })
    }
  }

  return {
    network,
    target,
    forServer: () => experimental.createCertificateProviderServerCredentials(provider, provider, true),
    forClient: (peer) =>
      experimental.createCertificateProviderChannelCredentials(provider, provider, {
        checkServerIdentity(_hostName, certificate) {
          const shown = identityOf(certificate.raw)
          if (shown?.network === network && shown.target === peer) return undefined
          const found = shown === undefined ? 'no identity' : `spiffe://${shown.network}/${shown.target}`
          return new Error(`the server shows ${found}, expected spiffe://${network}/${peer}`)
        },
      }),
    expiresAt: () => current.expiresAt,
    refresh,
    stop() {
      stopped = true
      cancel()
    },
  }
}

function remind(identity: LoadedIdentity, expiry: Gauge, { clock, logger }: { clock: Clock; logger: Logger }): void {
  expiry.set(identity.expiresAt.getTime() / 1000)
  if (!needsRenewal(identity, clock.nowMs())) return
  const { target } = identity
  logger.warn('certificate_ends_soon', {
    target,
    expiresAt: identity.expiresAt.toISOString(),
    remedy: `zerog certs issue ${target}`,
  })
}

/** grpc-js expects listeners to be called after they were added, never during. */
function createProvider(read: () => LoadedIdentity): experimental.CertificateProvider & { readonly publish: () => void } {
  const authorities = new Set<experimental.CaCertificateUpdateListener>()
  const identities = new Set<experimental.IdentityCertificateUpdateListener>()
  const tellAuthority = (listener: experimental.CaCertificateUpdateListener) => listener({ caCertificate: read().ca })
  const tellIdentity = (listener: experimental.IdentityCertificateUpdateListener) => {
    const { cert, key } = read()
    listener({ certificate: cert, privateKey: key })
  }
  return {
    addCaCertificateListener(listener) {
      authorities.add(listener)
      process.nextTick(tellAuthority, listener)
    },
    removeCaCertificateListener: (listener) => void authorities.delete(listener),
    addIdentityCertificateListener(listener) {
      identities.add(listener)
      process.nextTick(tellIdentity, listener)
    },
    removeIdentityCertificateListener: (listener) => void identities.delete(listener),
    publish() {
      for (const listener of authorities) tellAuthority(listener)
      for (const listener of identities) tellIdentity(listener)
    },
  }
}

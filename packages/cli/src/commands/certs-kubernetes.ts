import { ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'
import type { Act } from '../action.ts'
import { table } from '../output/output.ts'

type Flags = { release: string; namespace?: string; name: string; targets: string }

/** `zerog certs kubernetes`: what the charts run as a job where global.tls.mode is self-signed. */
export function addCertsKubernetes(certs: Command, act: Act): void {
  certs
    .command('kubernetes')
    .requiredOption('--release <name>', "Helm's name of the installation, in front of every secret's name")
    .requiredOption('--targets <names>', 'targets that need a certificate, comma separated')
    .option('--namespace <name>', 'namespace of the secrets (default: that of the pod, or of the current kubeconfig)')
    .option('--name <network>', 'name of the network in every identity', 'zerog')
    .description('keep the authority and one certificate per target as secrets of Kubernetes; renews what nears its end')
    .action(
      act(async (_context, flags: Flags) => {
        // Loaded here alone: it costs more memory than all other commands together (docs/adr/0001).
        const [{ KubeConfig }, { ensureCertificates }, { kubernetesSecrets }] = await Promise.all([
          import('@kubernetes/client-node'),
          import('../certificates/ensure.ts'),
          import('../certificates/kubernetes-secrets.ts'),
        ])
        const config = new KubeConfig()
        config.loadFromDefault()
        const current = config.getContextObject(config.getCurrentContext())
        const namespace = flags.namespace ?? current?.namespace ?? 'default'
        const targets = flags.targets.split(',').map((target) => target.trim())
        if (targets.some((target) => !/^[a-z][a-z0-9-]{0,62}$/.test(target)))
          throw new ZerogError('INVALID_ARGUMENT', { message: `--targets: ${flags.targets} is no list of targets` })
        const done = await ensureCertificates(
          { network: flags.name, release: flags.release, targets },
          { secrets: kubernetesSecrets({ namespace, release: flags.release }, { config }) },
        )
        const rows = done.targets.map(({ secret, issued, expiresAt }) => [
          secret,
          issued ? 'issued' : 'kept',
          expiresAt.toISOString(),
        ])
        return { data: done, text: `authority ${done.authority}\n${table(['secret', '', 'ends'], rows)}` }
      }),
    )
}

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ZerogError } from '@zerog/primitives'
import { initAuthority, issueIdentity } from '@zerog/runtime/certs'
import type { SecretData, SecretStore, StoredSecret } from './secret-store.ts'

export type EnsureOptions = {
  /** Trust domain of the identities. */
  readonly network: string
  /** Helm's name of the installation, in front of every secret's. */
  readonly release: string
  readonly targets: readonly string[]
  readonly nowMs?: number
}

export type Ensured = {
  readonly authority: 'created' | 'kept'
  readonly targets: readonly {
    readonly target: string
    readonly secret: string
    readonly issued: boolean
    readonly expiresAt: Date
  }[]
}

/** Of a conflict the loser reads again what the winner wrote. */
const ATTEMPTS_MAX = 5

/**
 * The authority of an installation and one certificate per target, as secrets `<release>-ca` and `<release>-<target>-tls`. May be run as
 * often as one likes, also twice at once: what is there and far from its end stays as it is.
 */
export async function ensureCertificates(options: EnsureOptions, deps: { readonly secrets: SecretStore }): Promise<Ensured> {
  const dir = await mkdtemp(join(tmpdir(), 'zerog-certificates-'))
  try {
    const authority = await ensureAuthority({ ...options, dir }, deps.secrets)
    const targets = []
    for (const target of options.targets) targets.push(await ensureTarget(target, { ...options, dir }, deps.secrets))
    return { authority, targets }
  } finally {
    // The authority's key was in it.
    await rm(dir, { recursive: true, force: true })
  }
}

type Within = EnsureOptions & { readonly dir: string }

async function ensureAuthority(of: Within, secrets: SecretStore): Promise<Ensured['authority']> {
  const name = `${of.release}-ca`
  const at = of.nowMs === undefined ? {} : { nowMs: of.nowMs }
  let present = await secrets.read(name)
  if (present === undefined) {
    const { caPath, keyPath } = await initAuthority(of.dir, of.network, at)
    const data = { 'ca.crt': await readFile(caPath), 'ca.key': await readFile(keyPath) }
    if (await secrets.create(name, data)) return 'created'
    // Another run was first: its authority is the one that counts.
    present = await secrets.read(name)
    await Promise.all([rm(caPath), rm(keyPath)])
    if (present === undefined)
      throw new ZerogError('WRONG_STATE', { message: `secret ${name} appeared and went away; run again` })
  }
  await writeFile(join(of.dir, 'ca.crt'), fieldOf(name, present, 'ca.crt'), { mode: 0o600 })
  await writeFile(join(of.dir, 'ca.key'), fieldOf(name, present, 'ca.key'), { mode: 0o600 })
  // Checks that it is the authority of this network and has not ended.
  await initAuthority(of.dir, of.network, at)
  return 'kept'
}

async function ensureTarget(target: string, of: Within, secrets: SecretStore): Promise<Ensured['targets'][number]> {
  // As the charts name it (helm/common/templates/_names.tpl, zerog.fullname).
  const workload = `${of.release}-${target}`
  const secret = `${workload}-tls`
  for (let attempt = 1; ; attempt++) {
    const present = await secrets.read(secret)
    if (present !== undefined && !present.isOurs) {
      throw new ZerogError('ALREADY_EXISTS', {
        message: `secret ${secret} was not made by this command; remove it, or set global.tls.mode to existing`,
        metadata: { secret },
      })
    }
    const { certPath, keyPath } = await laidOut(present, target, of)
    const dnsNames = [`${workload}-headless`, `*.${workload}-headless`]
    const ca = await readFile(join(of.dir, 'ca.crt'))
    // A certificate of another authority counts as none: issueIdentity compares.
    const force = present !== undefined && !ca.equals(present.data['ca.crt'] ?? Buffer.alloc(0))
    const { issued, expiresAt } = await issueIdentity({
      dir: of.dir,
      network: of.network,
      target,
      dnsNames,
      force,
      ...(of.nowMs === undefined ? {} : { nowMs: of.nowMs }),
    })
    if (!issued) return { target, secret, issued, expiresAt }
    const data: SecretData = { 'ca.crt': ca, 'tls.crt': await readFile(certPath), 'tls.key': await readFile(keyPath) }
    const isWritten =
      present === undefined ? await secrets.create(secret, data) : await secrets.replace(secret, data, present.version)
    if (isWritten) return { target, secret, issued, expiresAt }
    if (attempt === ATTEMPTS_MAX)
      throw new ZerogError('WRONG_STATE', { message: `secret ${secret} is changed by somebody else all the time` })
  }
}

/** Puts what a secret holds where the issuer looks; what cannot be used there is issued anew. */
async function laidOut(present: StoredSecret | undefined, target: string, { dir }: Within) {
  const certPath = join(dir, `${target}.crt`)
  const keyPath = join(dir, `${target}.key`)
  await writeFile(certPath, present?.data['tls.crt'] ?? '', { mode: 0o600 })
  await writeFile(keyPath, present?.data['tls.key'] ?? '', { mode: 0o600 })
  return { certPath, keyPath }
}

function fieldOf(secret: string, { data }: StoredSecret, field: string): Uint8Array {
  const found = data[field]
  if (found !== undefined && found.length > 0) return found
  throw new ZerogError('CONFIG_INVALID', {
    message: `secret ${secret} has no ${field}: restore it from a backup, or delete it to begin with a new authority`,
    metadata: { secret },
  })
}

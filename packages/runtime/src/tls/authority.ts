import 'reflect-metadata'
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { ZerogError } from '@zerog/primitives'
import { AUTHORITY_VALIDITY_DAYS, CLOCK_SKEW_MS, IDENTITY_VALIDITY_DAYS } from '../limits.ts'
import { needsRenewal, readIdentity, readOptional, tlsFiles } from './identity.ts'
import { checkNetworkName, checkTargetName, spiffeUri } from './names.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000

export type Authority = { readonly caPath: string; readonly keyPath: string; readonly created: boolean; readonly expiresAt: Date }

/**
 * The certificate authority of one installation: ECDSA P-256, `ca.crt` and `ca.key` (mode 0600) in `dir`. Running it again leaves an
 * authority of the same network as it is. Keep `ca.key` off the machines that run services; only `issueIdentity` needs it.
 */
export async function initAuthority(
  dir: string,
  network: string,
  options: { readonly nowMs?: number; readonly validityDays?: number } = {},
): Promise<Authority> {
  checkNetworkName(network)
  const nowMs = options.nowMs ?? Date.now()
  const { caPath, caKeyPath } = tlsFiles(dir, 'ca')
  const present = await readOptional(caPath)
  if (present !== undefined) {
    const certificate = parse(present, caPath)
    const owner = networkOfAuthority(certificate)
    if (owner !== network) {
      throw new ZerogError('ALREADY_EXISTS', {
        message: `${caPath} is the authority of network ${owner ?? '(unknown)'}, not of ${network}; give another folder with --dir or another --name`,
      })
    }
    if (certificate.notAfter.getTime() <= nowMs) {
      throw new ZerogError('WRONG_STATE', {
        message: `the authority ${caPath} expired on ${certificate.notAfter.toISOString()}; move the folder away, then run: zerog certs init`,
      })
    }
    return { caPath, keyPath: caKeyPath, created: false, expiresAt: certificate.notAfter }
  }
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${network} zerog authority`,
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(nowMs, options.validityDays ?? AUTHORITY_VALIDITY_DAYS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${network}` }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chmod(dir, 0o700)
  await writePrivate(caKeyPath, await pemOfKey(keys.privateKey))
  await writePrivate(caPath, certificate.toString('pem'))
  return { caPath, keyPath: caKeyPath, created: true, expiresAt: certificate.notAfter }
}

export type IssueOptions = {
  /** Folder of the authority; the identity's `<target>.crt` and `<target>.key` are written beside it unless `outDir` says otherwise. */
  readonly dir: string
  readonly outDir?: string
  readonly network: string
  /** Becomes the identity; the same for all replicas of a target. `developer` is for people and tools. */
  readonly target: string
  /** Further names for TLS clients that check host names; our own check the identity. */
  readonly dnsNames?: readonly string[]
  readonly ips?: readonly string[]
  readonly validityDays?: number
  readonly nowMs?: number
  /** Issue even if the present certificate is far from its renewal window. */
  readonly force?: boolean
}

export type Issued = { readonly certPath: string; readonly keyPath: string; readonly issued: boolean; readonly expiresAt: Date }

/** A certificate for one target, with a new key. A present one is kept until the last third of its life (the renewal window). */
export async function issueIdentity(options: IssueOptions): Promise<Issued> {
  const { dir, network, target, nowMs = Date.now() } = options
  checkNetworkName(network)
  checkTargetName(target)
  if (target === 'ca')
    throw new ZerogError('INVALID_ARGUMENT', { message: 'the name "ca" belongs to the authority; choose another target' })
  const authority = await loadAuthority(dir, network, nowMs)
  const outDir = options.outDir ?? dir
  const { certPath, keyPath, caPath } = tlsFiles(outDir, target)
  if (options.force !== true) {
    const present = await readIdentity({ dir: outDir, target, network, nowMs }).catch(() => undefined)
    if (present?.ca.equals(authority.pem) && !needsRenewal(present, nowMs)) {
      return { certPath, keyPath, issued: false, expiresAt: present.expiresAt }
    }
  }
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    alternativeNames(options),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(authority.certificate),
  ]
  const wanted = validity(nowMs, options.validityDays ?? IDENTITY_VALIDITY_DAYS)
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${target}`,
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    signingAlgorithm: ALGORITHM,
    notBefore: wanted.notBefore,
    notAfter: new Date(Math.min(wanted.notAfter.getTime(), authority.certificate.notAfter.getTime())),
    extensions,
  })
  await mkdir(outDir, { recursive: true, mode: 0o700 })
  // Whoever reads between the two renames sees a key that does not fit, and tries again (tls/credentials.ts).
  await writePrivate(keyPath, await pemOfKey(keys.privateKey))
  await writePrivate(certPath, certificate.toString('pem'))
  if (outDir !== dir) await writePrivate(caPath, authority.pem.toString())
  return { certPath, keyPath, issued: true, expiresAt: certificate.notAfter }
}

/**
 * A certificate that nobody signed but itself, for whoever is believed for another reason, which `nameOf` writes into it.
 * @param options.nameOf the one name in it, a URI, made from the public key (DER, SubjectPublicKeyInfo)
 */
export async function selfSigned(options: {
  readonly commonName: string
  readonly nameOf: (publicKey: Uint8Array) => string
  readonly nowMs: number
  readonly validityDays: number
}): Promise<{ readonly cert: Buffer; readonly key: Buffer }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('spki', keys.publicKey))
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${options.commonName}`,
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(options.nowMs, options.validityDays),
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([{ type: 'url', value: options.nameOf(publicKey) }]),
    ],
  })
  return { cert: Buffer.from(certificate.toString('pem')), key: Buffer.from(await pemOfKey(keys.privateKey)) }
}

async function loadAuthority(dir: string, network: string, nowMs: number) {
  const { caPath, caKeyPath } = tlsFiles(dir, 'ca')
  const pem = await readOptional(caPath)
  const keyPem = await readOptional(caKeyPath)
  if (pem === undefined || keyPem === undefined) {
    throw new ZerogError('NOT_FOUND', {
      message: `there is no authority in ${dir} (${pem === undefined ? 'ca.crt' : 'ca.key'} is missing); run: zerog certs init --dir ${dir}`,
    })
  }
  const certificate = parse(pem, caPath)
  const owner = networkOfAuthority(certificate)
  if (owner !== network) {
    throw new ZerogError('WRONG_STATE', {
      message: `${caPath} is the authority of network ${owner ?? '(unknown)'}, not of ${network}; give its folder with --dir or another --name`,
    })
  }
  if (certificate.notAfter.getTime() <= nowMs) {
    throw new ZerogError('WRONG_STATE', {
      message: `the authority ${caPath} expired on ${certificate.notAfter.toISOString()}; move the folder away, then run: zerog certs init`,
    })
  }
  return { pem, certificate, key: await importKey(keyPem, caKeyPath) }
}

async function importKey(pem: Buffer, path: string): Promise<CryptoKey> {
  try {
    const [der] = PemConverter.decode(pem.toString())
    return await crypto.subtle.importKey('pkcs8', der as ArrayBuffer, ALGORITHM, false, ['sign'])
  } catch (cause) {
    throw new ZerogError('CONFIG_INVALID', {
      message: `${path} is not a PEM key of ECDSA P-256; restore it from a backup`,
      cause,
    })
  }
}

async function pemOfKey(key: CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

function parse(pem: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(pem.toString())
  } catch (cause) {
    throw new ZerogError('CONFIG_INVALID', { message: `${path} is not a PEM certificate; restore it from a backup`, cause })
  }
}

/** The authority carries `spiffe://<network>` itself, so that a folder cannot be taken for one of another network. */
function networkOfAuthority(certificate: X509Certificate): string | undefined {
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? []
  return names.find((name) => name.type === 'url' && name.value.startsWith('spiffe://'))?.value.slice('spiffe://'.length)
}

function alternativeNames({ network, target, dnsNames = [], ips = [] }: IssueOptions): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension([
    { type: 'url', value: spiffeUri({ network, target }) },
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ips.map((value) => ({ type: 'ip' as const, value })),
  ])
}

/** Starts a little in the past: machines of one installation do not agree about the time to the second. */
function validity(nowMs: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - CLOCK_SKEW_MS), notAfter: new Date(nowMs + days * DAY_MS) }
}

/** Mode 0600 from the first byte, and complete or absent. */
async function writePrivate(path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}.new`
  await writeFile(fresh, text, { mode: 0o600, flag: 'w' })
  await chmod(fresh, 0o600)
  await rename(fresh, path)
}

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ZerogError } from '@zerog/primitives'
import { identityOf } from './names.ts'

/** Files of one folder. `ca.key` is there only where certificates are issued. */
export function tlsFiles(dir: string, target: string) {
  return {
    caPath: join(dir, 'ca.crt'),
    caKeyPath: join(dir, 'ca.key'),
    certPath: join(dir, `${target}.crt`),
    keyPath: join(dir, `${target}.key`),
  }
}

/** What a process needs to be somebody: PEM bytes, checked against each other. */
export type LoadedIdentity = {
  readonly network: string
  readonly target: string
  readonly ca: Buffer
  readonly cert: Buffer
  readonly key: Buffer
  readonly issuedAt: Date
  readonly expiresAt: Date
}

/** Reads and checks `ca.crt`, `<target>.crt` and `<target>.key`. Every refusal names the file and the command that heals it. */
export async function readIdentity(options: {
  readonly dir: string
  readonly target: string
  readonly network: string
  readonly nowMs?: number
}): Promise<LoadedIdentity> {
  const { dir, target, network, nowMs = Date.now() } = options
  const { caPath, certPath, keyPath } = tlsFiles(dir, target)
  const remedy = `run: zerog certs issue ${target} --dir ${dir} --name ${network}`
  const refuse = (problem: string, cause?: unknown) =>
    new ZerogError('CONFIG_INVALID', { message: `${problem}; ${remedy}`, cause })
  const read = async (path: string) => {
    const bytes = await readOptional(path)
    if (bytes === undefined) throw refuse(`${path} is missing`)
    return bytes
  }
  const [ca, cert, key] = await Promise.all([read(caPath), read(certPath), read(keyPath)])
  const authority = parse(ca, caPath, refuse)
  const certificate = parse(cert, certPath, refuse)
  const identity = identityOf(cert)
  if (identity?.network !== network || identity.target !== target) {
    const found = identity === undefined ? 'no identity' : `the identity spiffe://${identity.network}/${identity.target}`
    throw refuse(`${certPath} carries ${found}, expected spiffe://${network}/${target}`)
  }
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) {
    throw refuse(`${certPath} was not signed by the authority in ${caPath}`)
  }
  if (!keyFits(certificate, key)) throw refuse(`${keyPath} is not the key of ${certPath}`)
  const issuedAt = new Date(certificate.validFrom)
  const expiresAt = new Date(certificate.validTo)
  if (expiresAt.getTime() <= nowMs) throw refuse(`${certPath} expired on ${expiresAt.toISOString()}`)
  if (issuedAt.getTime() > nowMs)
    throw refuse(`${certPath} is valid only from ${issuedAt.toISOString()} on; check this machine's clock`)
  return { network, target, ca, cert, key, issuedAt, expiresAt }
}

/** True in the last third of the certificate's life. */
export function needsRenewal(identity: Pick<LoadedIdentity, 'issuedAt' | 'expiresAt'>, nowMs: number): boolean {
  const lifeMs = identity.expiresAt.getTime() - identity.issuedAt.getTime()
  return nowMs >= identity.expiresAt.getTime() - lifeMs / 3
}

/** Undefined if there is no such file; any other trouble with it is told. */
export async function readOptional(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new ZerogError('CONFIG_INVALID', {
      message: `${path} cannot be read (${code}); check its owner and permissions`,
      cause,
    })
  }
}

function parse(pem: Buffer, path: string, refuse: (problem: string, cause?: unknown) => ZerogError): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw refuse(`${path} is not a PEM certificate`, cause)
  }
}

function keyFits(certificate: X509Certificate, key: Buffer): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

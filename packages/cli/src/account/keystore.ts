import { createCipheriv, createDecipheriv, randomBytes, randomUUID, scrypt } from 'node:crypto'
import { mkdir, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ZerogError } from '@zerog/primitives'
import { bytesToHex, type Hex, hexToBytes, isHex, keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { z } from 'zod'

/** Web3 Secret Storage version 3 with scrypt: the files of geth, cast and others can be used here and the other way round. */
const keystoreSchema = z.preprocess(
  lowerCaseNames,
  z.object({
    version: z.literal(3),
    id: z.string(),
    address: z.string(),
    crypto: z.object({
      cipher: z.literal('aes-128-ctr'),
      ciphertext: z.string(),
      cipherparams: z.object({ iv: z.string() }),
      kdf: z.literal('scrypt'),
      kdfparams: z.object({
        n: z
          .number()
          .int()
          .min(2)
          .max(1 << 20),
        r: z.number().int().min(1).max(32),
        p: z.number().int().min(1).max(16),
        dklen: z.literal(32),
        salt: z.string(),
      }),
      mac: z.string(),
    }),
  }),
)
type Keystore = z.output<typeof keystoreSchema>

const SCRYPT = { n: 1 << 17, r: 8, p: 1, dklen: 32 } as const
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/

export async function encryptKey(key: Hex, password: string, scryptN: number = SCRYPT.n): Promise<Keystore> {
  const salt = randomBytes(32)
  const iv = randomBytes(16)
  const kdfparams = { ...SCRYPT, n: scryptN, salt: salt.toString('hex') }
  const derived = await derive(password, kdfparams)
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv)
  const ciphertext = Buffer.concat([cipher.update(hexToBytes(key)), cipher.final()])
  return {
    version: 3,
    id: randomUUID(),
    address: privateKeyToAccount(key).address.slice(2).toLowerCase(),
    crypto: {
      cipher: 'aes-128-ctr',
      ciphertext: ciphertext.toString('hex'),
      cipherparams: { iv: iv.toString('hex') },
      kdf: 'scrypt',
      kdfparams,
      mac: macOf(derived, ciphertext),
    },
  }
}

/** Throws UNAUTHENTICATED for a wrong password, CONFIG_INVALID for a file that is no keystore. */
export async function decryptKey(text: string, password: string): Promise<Hex> {
  const parsed = keystoreSchema.safeParse(parseJson(text))
  if (!parsed.success) {
    throw new ZerogError('CONFIG_INVALID', { message: 'the file is no version 3 keystore with scrypt and aes-128-ctr' })
  }
  const { crypto } = parsed.data
  const derived = await derive(password, crypto.kdfparams)
  const ciphertext = Buffer.from(crypto.ciphertext, 'hex')
  if (macOf(derived, ciphertext) !== crypto.mac.toLowerCase()) {
    throw new ZerogError('UNAUTHENTICATED', { message: 'the password does not open this account' })
  }
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), Buffer.from(crypto.cipherparams.iv, 'hex'))
  return bytesToHex(new Uint8Array(Buffer.concat([decipher.update(ciphertext), decipher.final()])))
}

export type StoredAccount = { readonly name: string; readonly address: string }

export async function listAccounts(configDir: string): Promise<readonly StoredAccount[]> {
  const names = await readdir(accountDir(configDir)).catch(() => [])
  const accounts: StoredAccount[] = []
  for (const file of names.filter((name) => name.endsWith('.json')).sort()) {
    const parsed = keystoreSchema.safeParse(parseJson(await readFile(join(accountDir(configDir), file), 'utf8')))
    if (parsed.success) accounts.push({ name: file.slice(0, -5), address: `0x${parsed.data.address}` })
  }
  return accounts
}

/** Refuses to overwrite: a lost key is lost money. */
export async function storeAccount(
  configDir: string,
  account: { readonly name: string; readonly key: Hex; readonly password: string },
): Promise<{ readonly address: string; readonly path: string }> {
  if (!NAME.test(account.name)) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `${account.name} is no account name; use letters, digits, dot, dash, underscore`,
    })
  }
  const keystore = await encryptKey(account.key, account.password)
  const path = join(accountDir(configDir), `${account.name}.json`)
  await mkdir(accountDir(configDir), { recursive: true, mode: 0o700 })
  const file = await open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EEXIST') {
      throw new ZerogError('ALREADY_EXISTS', {
        message: `there is an account ${account.name} already; choose another name`,
        cause,
      })
    }
    throw new ZerogError('CONFIG_INVALID', { message: `cannot write ${path}: ${cause.code ?? cause.message}`, cause })
  })
  try {
    await file.writeFile(JSON.stringify(keystore))
    await file.sync()
  } finally {
    await file.close()
  }
  return { address: `0x${keystore.address}`, path }
}

export async function readAccount(configDir: string, name: string): Promise<string | undefined> {
  return NAME.test(name) ? readFile(join(accountDir(configDir), `${name}.json`), 'utf8').catch(() => undefined) : undefined
}

/** 32 bytes as 0x text or bare hex; throws CONFIG_INVALID without ever repeating the text. */
export function parseKey(text: string, where: string): Hex {
  const trimmed = text.trim()
  const key = trimmed.startsWith('0x') ? trimmed : `0x${trimmed}`
  if (isHex(key) && key.length === 66) return key
  throw new ZerogError('CONFIG_INVALID', {
    message: `${where} holds no private key: expected 64 hexadecimal digits, with or without 0x`,
  })
}

function accountDir(configDir: string): string {
  return join(configDir, 'accounts')
}

function derive(password: string, params: Keystore['crypto']['kdfparams']): Promise<Buffer> {
  const { n: N, r, p, dklen, salt } = params
  return new Promise((resolve, reject) => {
    const options = { N, r, p, maxmem: 256 * N * r + 1024 * r * p }
    try {
      scrypt(password, Buffer.from(salt, 'hex'), dklen, options, (error, key) => (error === null ? resolve(key) : reject(error)))
    } catch (cause) {
      // RFC 7914 wants N below 2^(16 r) and a power of two; OpenSSL refuses anything else.
      reject(
        new ZerogError('CONFIG_INVALID', {
          message: `the keystore's scrypt parameters n=${N} r=${r} p=${p} are not allowed`,
          cause,
        }),
      )
    }
  })
}

function macOf(derived: Buffer, ciphertext: Buffer): string {
  return keccak256(new Uint8Array(Buffer.concat([derived.subarray(16, 32), ciphertext]))).slice(2)
}

/** Some writers (ethers) say `Crypto`. */
function lowerCaseNames(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name.toLowerCase(), inner]))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ZerogError } from '@zerog/primitives'
import { z } from 'zod'
import { type DevnetEndpoints, readEndpoints } from '../devnet/endpoints.ts'
import { configDir, devnetDir } from './paths.ts'
import { parseToml } from './toml.ts'

/** Flags that every command takes. */
export type GlobalFlags = {
  readonly network?: string
  readonly profile?: string
  readonly account?: string
  readonly keyFile?: string
  readonly rpcUrl?: string
  readonly gatewayUrl?: string
  readonly config?: string
  readonly dataDir?: string
  readonly timeout?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly color?: boolean
  readonly yes?: boolean
  readonly dryRun?: boolean
}

/** What a command works with after flag > environment > profile > network default were weighed. */
export type Settings = {
  readonly network: string
  readonly endpoints: {
    readonly rpcUrl: string
    readonly nodeUrl: string
    readonly indexerUrl: string
    readonly gatewayUrl: string
  }
  readonly account: AccountChoice
  readonly timeoutMs: number
  readonly configDir: string
  readonly dataDir: string
  /** The running devnet, when the network is the devnet and it runs. */
  readonly devnet: DevnetEndpoints | undefined
}

/** Which key signs; it is read only when something has to be signed. */
export type AccountChoice =
  | { readonly from: 'key'; readonly name: string; readonly key: string }
  | { readonly from: 'key-file'; readonly path: string }
  | { readonly from: 'name'; readonly name: string }
  | { readonly from: 'default' }

const profileSchema = z.strictObject({
  network: z.string().optional(),
  rpc_url: z.string().optional(),
  gateway_url: z.string().optional(),
  account: z.string().optional(),
  key_file: z.string().optional(),
  timeout: z.string().optional(),
})
const fileSchema = z.strictObject({
  profile: z.string().optional(),
  profiles: z.record(z.string(), profileSchema).optional(),
})
type Profile = z.output<typeof profileSchema>

export async function resolveSettings(flags: GlobalFlags, env: NodeJS.ProcessEnv): Promise<Settings> {
  const profile = await readProfile(flags, env)
  const network = flags.network ?? env.ZEROG_NETWORK ?? profile.network ?? 'devnet'
  const dataDir = devnetDir(env, flags.dataDir)
  const devnet = network === 'devnet' ? await readEndpoints(dataDir) : undefined
  return {
    network,
    endpoints: endpointsOf(network, devnet, {
      rpcUrl: flags.rpcUrl ?? env.ZEROG_RPC_URL ?? env.ETH_RPC_URL ?? profile.rpc_url,
      gatewayUrl: flags.gatewayUrl ?? env.ZEROG_GATEWAY_URL ?? profile.gateway_url,
    }),
    account: accountOf(flags, env, profile),
    timeoutMs: parseDuration(flags.timeout ?? profile.timeout ?? '60s', '--timeout'),
    configDir: configDir(env),
    dataDir,
    devnet,
  }
}

function endpointsOf(
  network: string,
  devnet: DevnetEndpoints | undefined,
  given: { readonly rpcUrl: string | undefined; readonly gatewayUrl: string | undefined },
): Settings['endpoints'] {
  const running = given.gatewayUrl === undefined && given.rpcUrl === undefined ? devnet : undefined
  const gatewayUrl =
    given.gatewayUrl ?? running?.gatewayUrl ?? (network === 'devnet' ? (given.rpcUrl ?? 'http://127.0.0.1:8545') : given.rpcUrl)
  if (gatewayUrl === undefined) {
    throw new ZerogError('CONFIG_INVALID', {
      message: `nothing is known of network ${network}; give --gateway-url (or ZEROG_GATEWAY_URL, or a profile)`,
    })
  }
  const base = requireUrl(gatewayUrl)
  return {
    gatewayUrl: base,
    rpcUrl: requireUrl(given.rpcUrl ?? running?.rpcUrl ?? base),
    nodeUrl: running?.storage?.nodeUrl ?? `${base}/storage`,
    indexerUrl: running?.storage?.indexerUrl ?? `${base}/indexer`,
  }
}

function accountOf(flags: GlobalFlags, env: NodeJS.ProcessEnv, profile: Profile): AccountChoice {
  if (flags.keyFile !== undefined) return { from: 'key-file', path: resolve(flags.keyFile) }
  if (flags.account !== undefined) return { from: 'name', name: flags.account }
  if (env.ZEROG_KEY_FILE !== undefined) return { from: 'key-file', path: resolve(env.ZEROG_KEY_FILE) }
  if (env.ZEROG_PRIVATE_KEY !== undefined) return { from: 'key', name: 'ZEROG_PRIVATE_KEY', key: env.ZEROG_PRIVATE_KEY }
  if (profile.key_file !== undefined) return { from: 'key-file', path: resolve(profile.key_file) }
  return profile.account === undefined ? { from: 'default' } : { from: 'name', name: profile.account }
}

async function readProfile(flags: GlobalFlags, env: NodeJS.ProcessEnv): Promise<Profile> {
  const file = flags.config ?? join(configDir(env), 'config.toml')
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' && flags.config === undefined) return undefined
    throw new ZerogError('CONFIG_INVALID', { message: `cannot read ${file}: ${cause.code ?? cause.message}`, cause })
  })
  const parsed = fileSchema.safeParse(text === undefined ? {} : parseToml(text, file))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new ZerogError('CONFIG_INVALID', {
      message: `${file}: ${issue?.path.join('.') || 'file'}: ${issue?.message ?? 'invalid'}`,
    })
  }
  const name = flags.profile ?? env.ZEROG_PROFILE ?? parsed.data.profile
  if (name === undefined) return {}
  const profile = parsed.data.profiles?.[name]
  if (profile !== undefined) return profile
  throw new ZerogError('CONFIG_INVALID', {
    message: `there is no profile ${name} in ${file}; it has ${Object.keys(parsed.data.profiles ?? {}).join(', ') || 'none'}`,
  })
}

/** `500ms`, `30s`, `2m`, `1h`; a bare number is seconds. Returns ms. */
export function parseDuration(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text)
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's']
  const value = Number(match?.[1]) * (unit ?? 0)
  if (match !== null && value > 0 && value <= 86_400_000) return value
  throw new ZerogError('INVALID_ARGUMENT', {
    message: `${what}: ${text} is no duration; write 500ms, 30s, 2m or 1h (at most 24h)`,
  })
}

function requireUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, '')
  throw new ZerogError('CONFIG_INVALID', { message: `${text} is no http or https URL` })
}

import { ZerogError } from '@zerog/primitives'

export type NatsAddress = {
  /** Without credentials: what may stand in a log line. */
  readonly servers: readonly string[]
  readonly user?: string
  readonly pass?: string
  readonly token?: string
}

/**
 * `nats://user:password@host:port` or `nats://token@host:port`, percent-encoded, as one secret carries it: the client takes address and credentials apart.
 * Servers of one cluster share their credentials, so those of the first count.
 * @throws ZerogError CONFIG_INVALID, without the URL in it
 */
export function natsAddress(urls: readonly string[]): NatsAddress {
  const parsed = urls.map(parse)
  const servers = parsed.map(({ protocol, host }) => `${protocol}//${host}`)
  const [first] = parsed
  if (first === undefined || first.username === '') return { servers }
  const user = decodeURIComponent(first.username)
  return first.password === '' ? { servers, token: user } : { servers, user, pass: decodeURIComponent(first.password) }
}

function parse(url: string): URL {
  const parsed = URL.parse(url.includes('://') ? url : `nats://${url}`)
  if (parsed !== null && parsed.host !== '') return parsed
  throw new ZerogError('CONFIG_INVALID', {
    message: 'the URL of NATS has no host; the form is nats://host:port or nats://user:password@host:port',
    metadata: { field: 'natsUrl' },
  })
}

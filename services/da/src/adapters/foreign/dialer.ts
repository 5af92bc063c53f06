import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { compressKey, type Member } from '@zerog/availability'
import { blstMultisignature } from '@zerog/consensus/blst'
import type { Client, Clock, Meter, Random, Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import {
  createClient,
  createTracing,
  dialForeign,
  type ForeignIdentity,
  learnCertificate,
  type ModuleContext,
} from '@zerog/runtime'
import { FOREIGN_CONNECTIONS_MAX, FOREIGN_PAUSE_MS, FOREIGN_TIMEOUT_MS } from '../../limits.ts'
import { writtenNodeService } from '../grpc/put-rows-codec.ts'
import { bindingMessage, bindingOf } from './binding.ts'
import { type Place, placeOf } from './socket.ts'

/** Any member's node service: one of this installation by the ordinal of its instance, another one by address. */
export type NodeDialer = (member: Member) => Promise<Client<typeof writtenNodeService>>

export type DialerOptions = {
  /** Whose certificate is shown to members elsewhere. */
  readonly target: string
  readonly chainId: bigint
  /** Folder with `<target>.crt` and `<target>.key`; null: members elsewhere are not reached. */
  readonly identityDir: string | null
}

/** The dialer of a target. */
export function dialerOf(context: ModuleContext<{ readonly identityDir: string | null }>): NodeDialer {
  const { target, network, config } = context
  return nodeDialer({ target, chainId: BigInt(network.chainId), identityDir: config.identityDir }, context)
}

type Link = {
  readonly client: Client<typeof writtenNodeService>
  readonly close: () => void
  readonly expiresAtMs: number
}
type Known = { readonly key: Uint8Array; readonly link: Promise<Link>; readonly atMs: number; failed: boolean }

const TARGET = 'da-node'

/**
 * A member elsewhere is believed by its certificate, which nobody signed, but in which its registered BLS key signs for the key of the
 * certificate (ADR 0163). It is learned by one handshake and is the only one that the connection accepts afterwards.
 */
export function nodeDialer(
  options: DialerOptions,
  deps: { readonly rpc: Rpc; readonly clock: Clock; readonly random: Random; readonly meter: Meter },
): NodeDialer {
  const { rpc, clock } = deps
  const known = new Map<string, Known>()

  async function open(place: Extract<Place, { kind: 'address' }>, member: Member): Promise<Link> {
    const identity = await ownIdentity(options)
    const certificate = await learnCertificate(place, { timeoutMs: FOREIGN_TIMEOUT_MS })
    const binding = bindingOf(certificate.subjectAltName)
    const refuse = (problem: string) =>
      new ZerogError('VERIFICATION_FAILED', {
        message: `${place.text} is not member ${member.address}: ${problem}`,
        metadata: { socket: place.text, check: 'binding' },
      })
    if (binding === undefined) throw refuse('its certificate names no member of a DA committee')
    const expiresAtMs = Number(binding.expirySeconds) * 1000
    if (expiresAtMs <= clock.nowMs()) throw refuse('what binds its certificate to a member has expired; the operator restarts it')
    const publicKey = certificate.publicKey.export({ type: 'spki', format: 'der' })
    const message = bindingMessage({ chainId: options.chainId, expirySeconds: binding.expirySeconds, publicKey })
    if (!blstMultisignature.verify([compressKey(member.key)], message, binding.signature)) {
      throw refuse("its certificate is not signed by that member's registered key")
    }
    const { transport, close } = dialForeign({ target: TARGET, address: place.text, certificate, identity })
    const client = createClient(
      writtenNodeService,
      { target: TARGET, pick: () => transport },
      { ...deps, tracing: createTracing() },
    )
    return { client, close, expiresAtMs }
  }

  /** One attempt at a time for each address, and a pause after one that failed. */
  async function linkTo(place: Extract<Place, { kind: 'address' }>, member: Member): Promise<Link> {
    const name = `${place.text} ${member.address}`
    const found = known.get(name)
    if (found !== undefined && isUsable(found, member, clock.monotonicMs())) {
      const link = await found.link
      if (link.expiresAtMs > clock.nowMs()) return link
    }
    if (found !== undefined) forget(name, found)
    const entry: Known = { key: member.key, link: open(place, member), atMs: clock.monotonicMs(), failed: false }
    entry.link.catch(() => {
      entry.failed = true
    })
    known.set(name, entry)
    const oldest = known.size > FOREIGN_CONNECTIONS_MAX ? known.entries().next().value : undefined
    if (oldest !== undefined) forget(...oldest)
    return entry.link
  }

  function forget(name: string, entry: Known): void {
    known.delete(name)
    entry.link.then(({ close }) => close()).catch(() => {})
  }

  return async (member) => {
    const place = placeOf(member.socket)
    if (place?.kind === 'instance') return rpc.client(writtenNodeService, TARGET, place.instance)
    if (place === undefined) {
      throw unreachable(member, 'which is neither the ordinal of an instance nor host:port')
    }
    if (options.identityDir === null) {
      throw unreachable(member, 'outside of this installation; set identityDir to reach members of other installations')
    }
    const { client } = await linkTo(place, member)
    return watched(client, () => {
      const entry = known.get(`${place.text} ${member.address}`)
      // It may have restarted with another certificate: the next call looks again.
      if (entry !== undefined) entry.failed = true
    })
  }
}

function isUsable({ key, failed, atMs }: Known, member: Member, nowMs: number): boolean {
  if (!key.every((byte, index) => byte === member.key[index])) return false
  return !failed || nowMs - atMs < FOREIGN_PAUSE_MS
}

/** Tells of calls that did not reach the member. */
function watched<C extends Client<typeof writtenNodeService>>(client: C, onLost: () => void): C {
  const note = (error: unknown): never => {
    if (error instanceof ZerogError && error.status === 'UNAVAILABLE') onLost()
    throw error
  }
  async function* watchedStream(answers: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    try {
      yield* answers
    } catch (error) {
      note(error)
    }
  }
  const calls = Object.entries(client).map(([name, call]) => {
    const method = writtenNodeService.methods[name as keyof typeof writtenNodeService.methods] // of the same service
    const run = call as (...given: unknown[]) => Promise<unknown> | AsyncIterable<unknown>
    return [
      name,
      (...given: unknown[]) =>
        method.responseStream
          ? watchedStream(run(...given) as AsyncIterable<unknown>)
          : (run(...given) as Promise<unknown>).catch(note),
    ]
  })
  return Object.fromEntries(calls) as C // the same methods
}

async function ownIdentity({ identityDir, target }: DialerOptions): Promise<ForeignIdentity> {
  const dir = identityDir ?? ''
  try {
    const [cert, key] = await Promise.all([readFile(join(dir, `${target}.crt`)), readFile(join(dir, `${target}.key`))])
    return { cert, key }
  } catch (cause) {
    throw new ZerogError('CONFIG_INVALID', {
      message: `identityDir ${dir} must have ${target}.crt and ${target}.key to reach members of other installations`,
      cause,
    })
  }
}

function unreachable({ address, socket }: Member, why: string): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `member ${address} is registered at ${socket.slice(0, 100)}, ${why}`,
    metadata: { socket: socket.slice(0, 256) },
  })
}

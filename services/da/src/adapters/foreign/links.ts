import { checkTlsBinding, compressKey, type Member, type MemberPlace } from '@zerog/availability'
import { blstMultisignature } from '@zerog/consensus/blst'
import type { Client, Clock, Meter, Random } from '@zerog/ports'
import { equalBytes, ZerogError } from '@zerog/primitives'
import { createClient, createTracing, dialForeign, type ForeignIdentity, learnCertificate } from '@zerog/runtime'
import { FOREIGN_CONNECTIONS_MAX, FOREIGN_PAUSE_MS, FOREIGN_TIMEOUT_MS } from '../../limits.ts'
import { writtenNodeService } from '../grpc/put-rows-codec.ts'

export type Address = Extract<MemberPlace, { kind: 'address' }>

/** A connection to a member of another installation, which has proven who it is. */
export type Link = { readonly client: Client<typeof writtenNodeService> }

export type Links = {
  /** @throws ZerogError VERIFICATION_FAILED where somebody else answers there; DEPENDENCY_UNAVAILABLE, DEADLINE_EXCEEDED */
  to(place: Address, member: Member): Promise<Link>
  /** It did not reach the member: the next call shakes hands anew, because it may have restarted with another certificate. */
  lost(place: Address, member: Member): void
}

type Opened = Link & { readonly close: () => void; readonly expiresAtMs: number }
type Known = { readonly key: Uint8Array; readonly link: Promise<Opened>; readonly atMs: number; failed: boolean }

const TARGET = 'da-node'

/**
 * A member elsewhere is believed by its certificate, which nobody signed, but in which its registered BLS key signs for the key of the
 * certificate (ADR 0163). It is learned by one handshake and is the only one that the connection accepts afterwards.
 */
export function createLinks(
  options: { readonly chainId: bigint; readonly identity: () => Promise<ForeignIdentity> },
  deps: { readonly clock: Clock; readonly random: Random; readonly meter: Meter },
): Links {
  const { clock, meter } = deps
  const known = new Map<string, Known>()
  const outcomes = meter.counter({
    name: 'zerog_da_foreign_handshakes_total',
    help: 'Handshakes with members of other installations, by outcome: opened, or the reason of the failure.',
    labels: ['outcome'],
  })
  meter.gauge({
    name: 'zerog_da_foreign_links_count',
    help: 'Members of other installations that this process knows the way to, or has failed to reach lately.',
    read: () => known.size,
  })

  async function open({ host, port, text }: Address, member: Member): Promise<Opened> {
    const identity = await options.identity()
    const certificate = await learnCertificate({ host, port }, { timeoutMs: FOREIGN_TIMEOUT_MS })
    const expiresAtMs = expiryOf(certificate, member, text)
    const { transport, close } = dialForeign({ target: TARGET, host, port, certificate, identity })
    const client = createClient(
      writtenNodeService,
      { target: TARGET, pick: () => transport },
      { ...deps, tracing: createTracing() },
    )
    return { client, close, expiresAtMs }
  }

  function expiryOf(certificate: Awaited<ReturnType<typeof learnCertificate>>, member: Member, address: string): number {
    const { subjectAltName } = certificate
    try {
      const publicKey = certificate.publicKey.export({ type: 'spki', format: 'der' })
      const { expirySeconds } = checkTlsBinding(
        { subjectAltName, publicKey },
        { publicKey: compressKey(member.key) },
        { chainId: options.chainId, nowSeconds: BigInt(Math.floor(clock.nowMs() / 1000)), multisignature: blstMultisignature },
      )
      return Number(expirySeconds) * 1000
    } catch (cause) {
      const check = cause instanceof ZerogError ? (cause.metadata.check ?? 'form') : 'form'
      throw new ZerogError('VERIFICATION_FAILED', {
        message: `${address} is not member ${member.address}: ${cause instanceof ZerogError ? cause.message : 'its certificate has a key of an unknown kind'}`,
        metadata: { socket: address, check: `binding_${check}` },
        cause,
      })
    }
  }

  function begin(place: Address, member: Member): Known {
    const entry: Known = { key: member.key, link: open(place, member), atMs: clock.monotonicMs(), failed: false }
    entry.link.then(
      () => outcomes.add(1, { outcome: 'opened' }),
      (error: unknown) => {
        entry.failed = true
        outcomes.add(1, { outcome: error instanceof ZerogError ? error.reason : 'INTERNAL' })
      },
    )
    return entry
  }

  function forget(name: string, entry: Known): void {
    // Somebody else who waited for the same one may have begun anew.
    if (known.get(name) === entry) known.delete(name)
    entry.link.then(({ close }) => close()).catch(() => {})
  }

  return {
    /** One attempt at a time for each address, and a pause after one that failed. */
    async to(place, member) {
      const name = nameOf(place, member)
      for (;;) {
        const found = known.get(name)
        if (found !== undefined && isUsable(found, member, clock.monotonicMs())) {
          const link = await found.link
          if (link.expiresAtMs > clock.nowMs()) return link
        }
        if (found !== undefined) forget(name, found)
        if (known.has(name)) continue
        const entry = begin(place, member)
        known.set(name, entry)
        const oldest = known.size > FOREIGN_CONNECTIONS_MAX ? known.entries().next().value : undefined
        if (oldest !== undefined) forget(...oldest)
        return entry.link
      }
    },
    lost(place, member) {
      const entry = known.get(nameOf(place, member))
      if (entry !== undefined) entry.failed = true
    },
  }
}

function nameOf(place: Address, member: Member): string {
  return `${place.text} ${member.address}`
}

function isUsable({ key, failed, atMs }: Known, member: Member, nowMs: number): boolean {
  return equalBytes(key, member.key) && (!failed || nowMs - atMs < FOREIGN_PAUSE_MS)
}

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Member, placeOf } from '@zerog/availability'
import type { Client, Clock, Meter, Random, Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { ForeignIdentity, ModuleContext } from '@zerog/runtime'
import { writtenNodeService } from '../grpc/put-rows-codec.ts'
import { createLinks } from './links.ts'

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

/** Members of this installation by its own connections, those elsewhere by links of their own. */
export function nodeDialer(
  options: DialerOptions,
  deps: { readonly rpc: Rpc; readonly clock: Clock; readonly random: Random; readonly meter: Meter },
): NodeDialer {
  const { rpc } = deps
  const links = createLinks({ chainId: options.chainId, identity: () => ownIdentity(options) }, deps)
  return async (member) => {
    const place = placeOf(member.socket)
    if (place?.kind === 'instance') return rpc.client(writtenNodeService, 'da-node', place.instance)
    if (place === undefined) {
      throw unreachable(member, 'which is neither the ordinal of an instance nor host:port')
    }
    if (options.identityDir === null) {
      throw unreachable(member, 'outside of this installation; set identityDir to reach members of other installations')
    }
    const { client } = await links.to(place, member)
    return watched(client, () => links.lost(place, member))
  }
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

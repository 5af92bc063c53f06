import { readFile } from 'node:fs/promises'
import { BINDING_SECONDS_MAX, tlsBindingMessage, tlsBindingName } from '@zerog/availability'
import type { Clock, Logger, Meter, Random } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { createHost, createTracing, openForeignDoor } from '@zerog/runtime'
import { selfSigned } from '@zerog/runtime/certs'
import type { DaNode } from '../../app/node/da-node.ts'
import type { WindowSigner } from '../../app/node/window-signer.ts'
import { nodeEndpoints } from '../grpc/node/serve.ts'
import { nodeService } from '../grpc/put-rows-codec.ts'

export type DoorOptions = {
  readonly instance: number
  readonly chainId: bigint
  readonly address: string
  readonly port: number
  /** PEM file with the authorities of the installations that may call. */
  readonly authoritiesFile: string
}

/** Open until it is closed, for callers of other installations. */
export type Door = { readonly port: number; close(timeoutMs: number): Promise<void> }

/** The same service as inside, behind a certificate that the member's own key vouches for (ADR 0163). */
export async function openDoor(
  options: DoorOptions,
  deps: {
    readonly node: DaNode
    readonly accountOf: () => Promise<Uint8Array>
    readonly signer: WindowSigner
    readonly clock: Clock
    readonly random: Random
    readonly logger: Logger
    readonly meter: Meter
  },
): Promise<Door> {
  const { clock, signer } = deps
  const { chainId } = options
  const authorities = await readFile(options.authoritiesFile).catch((cause) => {
    throw new ZerogError('CONFIG_INVALID', {
      message: `authoritiesFile ${options.authoritiesFile} cannot be read; it holds ca.crt of every installation that may call, one after the other`,
      cause,
    })
  })
  const expirySeconds = BigInt(Math.floor(clock.nowMs() / 1000)) + BINDING_SECONDS_MAX
  const nameOf = (publicKey: Uint8Array) =>
    tlsBindingName({ expirySeconds, signature: signer.sign(tlsBindingMessage({ chainId, expirySeconds, publicKey })) })
  const identity = await selfSigned({
    commonName: 'da-node',
    nameOf,
    nowMs: clock.nowMs(),
    validityDays: Number(BINDING_SECONDS_MAX / 86_400n),
  })
  const host = createHost({ target: 'da-node', instance: options.instance }, { ...deps, tracing: createTracing() })
  host.add(nodeService, nodeEndpoints(deps.node, deps.accountOf))
  const server = await openForeignDoor({ host, identity, authorities, listen: { address: options.address, port: options.port } })
  host.open()
  return {
    port: server.port,
    async close(timeoutMs) {
      host.refuse()
      await host.drain(timeoutMs)
      await server.close(timeoutMs)
    },
  }
}

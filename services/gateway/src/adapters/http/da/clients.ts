import type { Client } from '@zerog/ports'
import type { DisperserServiceDefinition, RetrieverServiceDefinition } from '@zerog/proto/da'

/** What the DA face forwards to. */
export type DaClients = {
  readonly disperser: Client<typeof DisperserServiceDefinition>
  readonly retriever: Client<typeof RetrieverServiceDefinition>
}

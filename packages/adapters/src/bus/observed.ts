import type { Bus } from '@zerog/ports'

/** What every bus adapter gives beyond the port: the number of messages of a consumer that were moved aside. */
export type ObservedBus = Bus & { parked(consumer: string): Promise<number> }

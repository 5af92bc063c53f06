import type { Traces } from '@zerog/ports'

/** Every request of this client carries the trace of the work that sends it. */
export function tracedHttp<
  Client extends { request(of: { readonly headers: Readonly<Record<string, string>> }): Promise<unknown> },
>(client: Client, traces: Pick<Traces, 'headers'>): Client {
  return {
    ...client,
    request: (of: Parameters<Client['request']>[0]) => client.request({ ...of, headers: { ...of.headers, ...traces.headers() } }),
  }
}

/** Where a member can be reached: an instance of its installation, or an address anywhere. */
export type MemberPlace =
  | { readonly kind: 'instance'; readonly instance: number }
  | { readonly kind: 'address'; readonly host: string; readonly port: number; readonly text: string }

const ADDRESS = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?):([1-9]\d{0,4})$/i

/** What a registered socket says; undefined where it leads nowhere. Anybody with votes writes it. */
export function placeOf(socket: string): MemberPlace | undefined {
  if (/^\d{1,4}$/.test(socket)) return { kind: 'instance', instance: Number(socket) }
  const [, host, port] = ADDRESS.exec(socket) ?? []
  if (host === undefined || Number(port) > 65_535) return undefined
  return { kind: 'address', host, port: Number(port), text: socket }
}

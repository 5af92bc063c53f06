/**
 * Whether a URL of a stranger names a host inside somebody's network. Providers write their own URLs into the chain, and a router that
 * followed any of them could be sent to its own neighbours. Names are not resolved here: egress rules stop what hides behind one.
 */
export function isPrivateUrl(text: string): boolean {
  let host: string
  try {
    host = new URL(text).hostname.toLowerCase()
  } catch {
    return true
  }
  if (host === 'localhost' || /\.(localhost|internal|local)$/.test(host)) return true
  if (host.startsWith('[')) {
    const address = host.slice(1, -1)
    return address === '::' || address === '::1' || /^(f[cd]|fe[89ab]|::ffff:)/.test(address)
  }
  const parts = /^(\d+)\.(\d+)\.\d+\.\d+$/.exec(host)
  if (parts === null) return !host.includes('.')
  const [a, b] = [Number(parts[1]), Number(parts[2])]
  if (a === 0 || a === 10 || a === 127 || a >= 224) return true
  return (
    (a === 100 && b >= 64 && b < 128) || (a === 169 && b === 254) || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)
  )
}

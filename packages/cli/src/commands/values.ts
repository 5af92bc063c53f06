import { ZerogError } from '@zerog/primitives'
import { bytesToHex, formatEther, type Hex, isAddress, isHash, parseEther, parseGwei } from 'viem'
import type { ActionContext } from '../action.ts'
import { readInput } from './files.ts'

export { parseInteger } from './integer.ts'

/** An address, or dev0 to dev9 on a running devnet, or the name of a stored account. */
export async function parseAddress(context: ActionContext, text: string): Promise<Hex> {
  if (isAddress(text, { strict: false })) return text
  if (/^dev\d+$/.test(text)) {
    const account = (await context.settings()).devnet?.accounts[Number(text.slice(3))]
    if (account !== undefined) return account.address as Hex // endpoints.json of our own devnet
    throw new ZerogError('NOT_FOUND', {
      message: `${text} is an account of the devnet, and none is running here; zerog up starts it`,
    })
  }
  const { listAccounts } = await import('../account/keystore.ts')
  const stored = (await listAccounts((await context.settings()).configDir)).find((account) => account.name === text)
  if (stored !== undefined) return stored.address as Hex // written by storeAccount
  throw new ZerogError('INVALID_ARGUMENT', {
    message: `${text} is no address: expected 0x and 40 hexadecimal digits, or an account name`,
  })
}

export function parseHash(text: string, what: string): Hex {
  const hash = text.startsWith('0x') ? text : `0x${text}`
  if (isHash(hash)) return hash
  throw new ZerogError('INVALID_ARGUMENT', { message: `${text} is no ${what}: expected 32 bytes, 0x and 64 hexadecimal digits` })
}

/** Bytes as 0x text, bare hex, `base64:…` or @file. */
export async function parseBytes(text: string): Promise<Hex> {
  if (text.startsWith('@')) return bytesToHex(await readInput(text.slice(1)))
  const bare = text.startsWith('0x') ? text.slice(2) : text
  if (/^([0-9a-fA-F]{2})*$/.test(bare)) return `0x${bare}`
  const encoded = text.startsWith('base64:') ? text.slice(7) : text
  if (encoded.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) {
    return bytesToHex(new Uint8Array(Buffer.from(encoded, 'base64')))
  }
  throw new ZerogError('INVALID_ARGUMENT', { message: `${text} is neither 0x text, hexadecimal, base64 nor @file` })
}

/** `1.5` or `1.5ether`, `3gwei`, `100wei`; returns wei. */
export function parseAmount(text: string): bigint {
  const match = /^(\d+(?:\.\d+)?)\s*(ether|0g|gwei|wei)?$/i.exec(text)
  const unit = (match?.[2] ?? 'ether').toLowerCase()
  if (match?.[1] !== undefined && !(unit === 'wei' && match[1].includes('.'))) {
    if (unit === 'wei') return BigInt(match[1])
    return unit === 'gwei' ? parseGwei(match[1]) : parseEther(match[1])
  }
  throw new ZerogError('INVALID_ARGUMENT', { message: `${text} is no amount; write 1.5, 1.5ether, 20gwei or 100wei` })
}

export function formatAmount(wei: bigint): string {
  return `${formatEther(wei)} 0G`
}

/** A height, a block hash, or latest. */
export function parseBlockId(text: string): bigint | Hex | 'latest' {
  if (['latest', 'safe', 'finalized'].includes(text)) return 'latest'
  if (isHash(text)) return text
  return parseHeight(text)
}

export function parseHeight(text: string): bigint {
  if (/^(\d{1,18}|0x[0-9a-fA-F]{1,15})$/.test(text)) return BigInt(text)
  throw new ZerogError('INVALID_ARGUMENT', {
    message: `${text} is no block height: expected a number, 0x number, block hash or latest`,
  })
}

/** `zg://<root>` or the root alone. */
export function parseRoot(text: string): Hex {
  return parseHash(text.replace(/^zg:\/\//, '').replace(/\/.*$/, ''), 'file root')
}

export function formatBytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = count === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10))
  const value = count / 1024 ** power
  return `${power === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[power]}`
}

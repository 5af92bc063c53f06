import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fromHex, type Hex, isHex, ZerogError } from '@zerog/primitives'
import type { MemberRegistration } from '@zerog/sdk/da-operator'
import type { Command } from 'commander'
import type { Act } from '../action.ts'
import { readingClient } from './client.ts'
import { readInput, writeSecret } from './files.ts'
import { parseAddress, parseInteger } from './values.ts'

const HANDSHAKE_MS = 10_000

/** What the operator of a member needs that other installations reach: its key, what is registered of it, and whether its door proves who it is. */
export function addDoorCommands(node: Command, act: Act): void {
  node
    .command('make-key')
    .argument('<file>', 'file of the secret key, readable by its owner only; made when it is not there')
    .description('BLS key of a member: makes one where there is none, prints the public key')
    .action(
      act(async (_context, file: string) => {
        const { memberPublicKey, newMemberKey } = await import('@zerog/sdk/da-operator')
        const path = resolve(file)
        const created = await writeSecret(path, `${Buffer.from(newMemberKey(randomBytes(48))).toString('hex')}\n`)
        return { data: { file: path, created, publicKey: memberPublicKey(await readBlsKey(path)) } }
      }),
    )

  node
    .command('prepare')
    .requiredOption('--bls-key-file <path>', "file with the member's BLS12-381 secret key, 64 hexadecimal digits")
    .requiredOption('--for <account>', 'account that will register it, as 0x address; no other can')
    .option('--chain-id <number>', 'chain of the registry; without it the network is asked')
    .description('print what is registered of a member, where its key is; the key stays there')
    .addHelpText(
      'after',
      '\nExample:\n  zerog da node prepare --bls-key-file node.key --for 0x… --chain-id 4242 --json > member.json\n' +
        '\nNothing in it is secret. Elsewhere: zerog da node register --registration member.json --socket host:port.\n',
    )
    .action(
      act(async (context, options: { blsKeyFile: string; for: string; chainId?: string }) => {
        const { prepareMember } = await import('@zerog/sdk/da-operator')
        const secretKey = await readBlsKey(options.blsKeyFile)
        const account = await parseAddress(context, options.for)
        const { chainId: given } = options
        const chainId =
          given === undefined
            ? Number(await (await readingClient(context)).chainId())
            : parseInteger(given, { what: '--chain-id', min: 1, max: Number.MAX_SAFE_INTEGER })
        return { data: prepareMember({ secretKey, chainId, account }) }
      }),
    )

  node
    .command('probe')
    .argument('<account>', '0x address, account name, or dev0 to dev9')
    .option('--socket <text>', 'look there instead of where it is registered, e.g. before a move')
    .description('shake hands with a member of another installation as services do, and check that it is the registered one')
    .action(
      act(async (context, text: string, options: { socket?: string }) => {
        const { checkMemberCertificate, getMember, memberPlace } = await import('@zerog/sdk/da-operator')
        const { learnCertificate } = await import('@zerog/runtime')
        const client = await readingClient(context)
        const member = await getMember(client, await parseAddress(context, text))
        const { publicKey, socket: registered, votes, active } = member
        if (publicKey === undefined) throw new ZerogError('NOT_FOUND', { message: `${member.address} has registered no member` })
        const socket = options.socket ?? registered
        const place = memberPlace(socket)
        if (place.kind === 'instance') {
          throw new ZerogError('INVALID_ARGUMENT', {
            message: `${socket} is an instance of its own installation; only members with host:port are reached from here`,
          })
        }
        const certificate = await learnCertificate(place, { timeoutMs: HANDSHAKE_MS })
        const shown = {
          subjectAltName: certificate.subjectAltName,
          publicKey: certificate.publicKey.export({ type: 'spki', format: 'der' }),
        }
        const chainId = Number(await client.chainId())
        const { expirySeconds } = checkMemberCertificate(shown, { publicKey, chainId, nowMs: Date.now() })
        const provenUntil = new Date(Number(expirySeconds) * 1000).toISOString()
        const fingerprint = certificate.fingerprint256
        return { data: { account: member.address, socket, registered, publicKey, provenUntil, fingerprint, votes, active } }
      }),
    )
}

/** @throws ZerogError CONFIG_INVALID */
export async function readBlsKey(path: string): Promise<Uint8Array> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new ZerogError('CONFIG_INVALID', { message: `cannot read the key file ${path}: ${cause.code ?? cause.message}`, cause })
  })
  const hex: Hex = `0x${text.trim().replace(/^0x/, '')}`
  if (isHex(hex, 32)) return fromHex(hex)
  throw new ZerogError('CONFIG_INVALID', { message: `${path} holds no BLS12-381 secret key: expected 64 hexadecimal digits` })
}

/** What `prepare` printed, with --json or without the document around it. @throws ZerogError INVALID_ARGUMENT */
export async function readRegistration(path: string): Promise<MemberRegistration> {
  const { parseRegistration } = await import('@zerog/sdk/da-operator')
  const text = new TextDecoder().decode(await readInput(path))
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ZerogError('INVALID_ARGUMENT', { message: `${path} is no JSON; make it by zerog da node prepare … --json`, cause })
  }
  const document = value as { readonly data?: unknown } | null
  return parseRegistration(typeof document === 'object' && document?.data !== undefined ? document.data : value)
}

import { ZerogError } from '@zerog/primitives'
import { z } from 'zod'

const port = z.coerce.number().int().min(0).max(65_535)

/** Flags of `zerog up`, after reading. */
export const upOptionsSchema = z.strictObject({
  processes: z.boolean().default(false).describe('one process per target instead of one for all'),
  detach: z.boolean().default(false).describe('return when the devnet is ready and leave it running'),
  reset: z.boolean().default(false).describe('delete the data of this devnet first'),
  port: port.optional().describe('port of the gateway; 0 takes free ports everywhere'),
  portOffset: z.coerce.number().int().min(0).max(50_000).default(0).describe('added to every default port'),
  chainOnly: z.boolean().default(false).describe('only the chain, with development methods (evm_revert, time travel)'),
  blockTime: z.coerce
    .number()
    .min(0)
    .max(3_600)
    .optional()
    .describe('seconds between blocks; without it a block is made when there is something to put in'),
  baseFee: z.enum(['constant', 'eip1559']).default('constant').describe('constant 1 gwei, or the rule of EIP-1559'),
  storageNodes: z.coerce.number().int().min(1).max(16).default(1).describe('storage nodes'),
  rpcReplicas: z.coerce.number().int().min(0).max(16).default(1).describe('chain-rpc replicas'),
  accounts: z.coerce.number().int().min(1).max(100).default(10).describe('funded accounts of the standard mnemonic'),
})

export type UpOptions = z.output<typeof upOptionsSchema>

/** commander hands over text; the first thing wrong is named with its flag. */
export function parseUpOptions(flags: Record<string, unknown>): UpOptions {
  const known = Object.fromEntries(Object.keys(upOptionsSchema.shape).map((name) => [name, flags[name]]))
  const parsed = upOptionsSchema.safeParse(Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const flag = String(issue?.path[0] ?? '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  throw new ZerogError('INVALID_ARGUMENT', { message: `--${flag}: ${issue?.message ?? 'invalid'}` })
}

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
  verifyWith: z
    .enum(['ethereumjs'])
    .optional()
    .describe('executes every block a second time with @ethereumjs/vm; a difference stops the devnet'),
  storageNodes: z.coerce.number().int().min(1).max(12).default(1).describe('storage nodes'),
  daNodes: z.coerce.number().int().min(1).max(12).default(4).describe('members of the DA committee, chosen at the first start'),
  rpcReplicas: z.coerce.number().int().min(0).max(10).default(1).describe('chain-rpc replicas'),
  computeWorkers: z.coerce.number().int().min(1).max(3).default(1).describe('workers that the broker shares its requests among'),
  accounts: z.coerce.number().int().min(1).max(100).default(10).describe('funded accounts of the standard mnemonic'),
})

/** What people may write, by flag; the schema says the same to the machine. */
const FORMS: Readonly<Record<string, string>> = {
  port: 'a port from 0 to 65535; 0 takes free ones',
  portOffset: 'a whole number from 0 to 50000',
  blockTime: 'seconds from 0 to 3600',
  baseFee: 'constant or eip1559',
  verifyWith: 'ethereumjs',
  storageNodes: 'a whole number from 1 to 12',
  daNodes: 'a whole number from 1 to 12',
  rpcReplicas: 'a whole number from 0 to 10',
  computeWorkers: 'a whole number from 1 to 3',
  accounts: 'a whole number from 1 to 100',
}

export type UpOptions = z.output<typeof upOptionsSchema>

/** commander hands over text; the first thing wrong is named with its flag. */
export function parseUpOptions(flags: Record<string, unknown>): UpOptions {
  const known = Object.fromEntries(Object.keys(upOptionsSchema.shape).map((name) => [name, flags[name]]))
  const parsed = upOptionsSchema.safeParse(Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)))
  if (parsed.success) {
    if (parsed.data.verifyWith === undefined || !parsed.data.chainOnly) return parsed.data
    throw new ZerogError('INVALID_ARGUMENT', {
      message:
        '--verify-with checks blocks by the rules of Ethereum, which the development methods of --chain-only break: leave one out',
    })
  }
  const issue = parsed.error.issues[0]
  const flag = String(issue?.path[0] ?? '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const form = FORMS[String(issue?.path[0])] ?? 'what --help shows'
  throw new ZerogError('INVALID_ARGUMENT', { message: `--${flag} ${String(known[String(issue?.path[0])])}: expected ${form}` })
}

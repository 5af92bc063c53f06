import { ZerogError } from '@zerog/primitives'
import type { Link, LinkState, TrustedVerdict } from '@zerog/sdk/verify'
import type { Command } from 'commander'
import type { Act, ActionContext } from '../action.ts'
import { EXIT } from '../exit-codes.ts'
import { readInput } from './files.ts'
import { parseHash, parseInteger } from './values.ts'

type Flags = {
  readonly trust?: string
  readonly chainId?: string
  readonly epoch?: string
  readonly epochLength?: string
  readonly request?: string
  readonly response?: string
}

export function addVerifyCommand(program: Command, act: Act): void {
  program
    .command('verify')
    .argument('<file>', 'evidence of an answer')
    .option('--trust <hash>', 'hash of the validator set that you believe, from somebody other than whoever gave you the file')
    .option('--chain-id <n>', 'chain that it must be of; default: what the validators of the file signed')
    .option('--epoch <n>', 'epoch of the trusted set; default: the one from which the file begins')
    .option('--epoch-length <n>', 'blocks per epoch', '28800')
    .option('--request <file>', 'bytes of the request, where the file holds only their hash')
    .option('--response <file>', 'bytes of the answer, where the file holds only their hash')
    .description('check every link from an answer to the validators, offline')
    .addHelpText(
      'after',
      '\nNothing is asked of any network. Exit code 9 when a link is broken, 8 when none is but no set was named by --trust.\n' +
        '\nExample:\n  zerog verify ./answer.0gev --trust 0x5c1f…\n',
    )
    .action(act(async (context, file: string, flags: Flags) => verifyFile(context, file, flags)))
}

async function verifyFile(context: ActionContext, file: string, flags: Flags) {
  const [{ verifyEvidence }, { blstMultisignature }] = await Promise.all([
    import('@zerog/sdk/verify'),
    import('@zerog/consensus/blst'),
  ])
  const number = (what: string, text: string, min: number) =>
    BigInt(parseInteger(text, { what, min, max: Number.MAX_SAFE_INTEGER }))
  const trust = {
    ...(flags.trust === undefined ? {} : { validatorSetHash: parseHash(flags.trust, 'validator set hash') }),
    ...(flags.chainId === undefined ? {} : { chainId: number('--chain-id', flags.chainId, 1) }),
    ...(flags.epoch === undefined ? {} : { epoch: number('--epoch', flags.epoch, 0) }),
    ...(flags.epochLength === undefined ? {} : { epochLength: number('--epoch-length', flags.epochLength, 1) }),
  }
  const bodies = {
    ...(flags.request === undefined ? {} : { request: await readInput(flags.request) }),
    ...(flags.response === undefined ? {} : { response: await readInput(flags.response) }),
  }
  const nowSeconds = BigInt(Math.floor(Date.now() / 1_000))
  const bytes = await readInput(file)
  const verdict = orRefused(() => verifyEvidence(bytes, trust, { multisignature: blstMultisignature, nowSeconds, ...bodies }))
  if (!verdict.ok) context.exitWith(EXIT.verificationFailed)
  else if (!verdict.trusted) context.exitWith(EXIT.partial)
  const { ok, trusted, links, trust: used } = verdict
  return {
    data: { ok, trusted, chainId: used.chainId, validatorSetHash: used.validatorSetHash, links },
    text: describe(verdict, context.output.colors),
  }
}

/** A file that is no evidence at all proves as little as a broken one: the same exit code. */
function orRefused(verify: () => TrustedVerdict): TrustedVerdict {
  try {
    return verify()
  } catch (error) {
    if (!(error instanceof ZerogError) || (error.reason !== 'ENCODING_INVALID' && error.reason !== 'PROOF_INVALID')) throw error
    throw new ZerogError('VERIFICATION_FAILED', { message: error.message, metadata: error.metadata, cause: error })
  }
}

type Colors = ActionContext['output']['colors']

const MARKS: Record<LinkState, string> = { proven: 'ok', 'not-required': '-', 'not-shown': '?', broken: 'BROKEN' }

function describe({ ok, trusted, links, trust }: TrustedVerdict, colors: Colors): string {
  const paint = (state: LinkState) =>
    ({ proven: colors.green, 'not-required': colors.dim, 'not-shown': colors.yellow, broken: colors.red })[state]
  const line = ({ name, state, detail }: Link) => `${name.padEnd(18)}${paint(state)(MARKS[state].padEnd(8))}${detail}`
  const broken = links.filter((link) => !link.ok).map(({ name }) => name)
  const chain = `chain ${trust.chainId}, validators ${trust.validatorSetHash}`
  const summary = !ok
    ? colors.red(`broken: ${broken.join(', ')}`)
    : trusted
      ? colors.green('every link holds')
      : colors.yellow('no link is broken, but nobody vouches for the validators: name their set with --trust')
  return [...links.map(line), '', `${summary} (${chain})`].join('\n')
}

import { ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'
import type { Act, ActionContext } from '../action.ts'
import { readingClient, signingClient } from './client.ts'
import { addDoorCommands, readBlsKey, readRegistration } from './da-member.ts'
import { parseAddress } from './values.ts'

/** `zerog da epoch` and `zerog da node`: the registry of members on chain, for whoever runs them. */
export function addDaOperatorCommands(da: Command, act: Act): void {
  addEpochCommands(da.command('epoch').description('epochs of the committee'), act)
  const node = da.command('node').description('members of the committee, in the registry on chain')
  addDoorCommands(node, act)
  addMembershipCommands(node, act)

  node
    .command('set-votes')
    .argument('<account>', '0x address, account name, or dev0 to dev9')
    .argument('<votes>', 'weight from the next epoch on; 0 takes the member out')
    .description('weigh a member; only the weigher of the registry may, on a devnet dev0')
    .action(
      act(async (context, text: string, votes: string) => {
        if (!/^\d{1,20}$/.test(votes))
          throw new ZerogError('INVALID_ARGUMENT', { message: `<votes>: ${votes} is no whole number` })
        const account = await parseAddress(context, text)
        const { setVotes } = await import('@zerog/sdk/da-operator')
        const options = { ...(await optionsOf(context)), account, votes: BigInt(votes) }
        const done = await setVotes(await signingClient(context), options)
        return { data: { ...planned(context), account, votes: BigInt(votes), ...done } }
      }),
    )

  node
    .command('status')
    .argument('<account>', '0x address, account name, or dev0 to dev9')
    .description('a member as the registry has it: votes, address, whether it is in the next committee')
    .action(
      act(async (context, text: string) => {
        const { getMember } = await import('@zerog/sdk/da-operator')
        return { data: await getMember(await readingClient(context), await parseAddress(context, text)) }
      }),
    )
}

function addEpochCommands(epoch: Command, act: Act): void {
  epoch
    .command('make')
    .description('begin the next epoch: anybody once the present one is over, the owner of the registry before')
    .action(
      act(async (context) => {
        const { makeEpoch } = await import('@zerog/sdk/da-operator')
        return { data: { ...planned(context), ...(await makeEpoch(await signingClient(context), await optionsOf(context))) } }
      }),
    )

  epoch
    .command('status')
    .description('the present epoch, the block from which the next one may begin, and its members')
    .action(
      act(async (context) => {
        const { getEpochSchedule } = await import('@zerog/sdk/da-operator')
        return { data: await getEpochSchedule(await readingClient(context)) }
      }),
    )
}

function addMembershipCommands(node: Command, act: Act): void {
  node
    .command('register')
    .option('--bls-key-file <path>', "file with the member's BLS12-381 secret key, 64 hexadecimal digits")
    .option('--registration <path>', 'instead of the key: what zerog da node prepare printed where the key is')
    .requiredOption('--socket <text>', 'where services reach it: the ordinal of its instance, or host:port of its door')
    .description("register a member's key for the account that signs, with a proof of possession, or replace it")
    .addHelpText(
      'after',
      '\nExamples:\n  zerog da node register --bls-key-file node.key --socket 4 --key-file account.key\n' +
        '  zerog da node register --registration member.json --socket da.example.org:7443 --key-file account.key\n' +
        '\nIt is in the next committee once the weigher gave it votes: zerog da node set-votes.\n',
    )
    .action(
      act(async (context, options: { blsKeyFile?: string; registration?: string; socket: string }) => {
        const { registerMember } = await import('@zerog/sdk/da-operator')
        const { socket, blsKeyFile, registration: file } = options
        if ((blsKeyFile === undefined) === (file === undefined)) {
          throw new ZerogError('INVALID_ARGUMENT', { message: 'give one of --bls-key-file and --registration' })
        }
        const proof =
          blsKeyFile === undefined
            ? { registration: await readRegistration(file as string) } // one of the two is given
            : { secretKey: await readBlsKey(blsKeyFile) }
        const done = await registerMember(await signingClient(context), { ...(await optionsOf(context)), ...proof, socket })
        return { data: { ...planned(context), socket, ...done } }
      }),
    )

  node
    .command('update')
    .requiredOption('--socket <text>', 'where services reach it from now on: the ordinal of its instance, or host:port')
    .description('tell where the member of the account that signs is reached')
    .action(
      act(async (context, { socket }: { socket: string }) => {
        const { updateMember } = await import('@zerog/sdk/da-operator')
        const done = await updateMember(await signingClient(context), { ...(await optionsOf(context)), socket })
        return { data: { ...planned(context), socket, ...done } }
      }),
    )

  node
    .command('leave')
    .description('be in no committee from the next epoch on; keep the member running until what it signed expires')
    .action(
      act(async (context) => {
        const { leaveCommittee } = await import('@zerog/sdk/da-operator')
        return {
          data: { ...planned(context), ...(await leaveCommittee(await signingClient(context), await optionsOf(context))) },
        }
      }),
    )
}

async function optionsOf(context: ActionContext) {
  const { timeoutMs } = await context.settings()
  return { dryRun: context.flags.dryRun === true, timeoutMs, signal: context.signal }
}

function planned({ flags }: ActionContext): { readonly dryRun?: true } {
  return flags.dryRun === true ? { dryRun: true } : {}
}

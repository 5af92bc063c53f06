import { formatEther } from 'viem'
import type { Output } from '../output/output.ts'
import type { DevnetEndpoints } from './endpoints.ts'

/** What a developer needs after the start: accounts, keys, endpoints, what to try. */
export function banner(
  endpoints: DevnetEndpoints,
  facts: {
    readonly mnemonic: string
    readonly balanceWei: bigint
    readonly seconds: number
    readonly isNew: boolean
    readonly dataDir: string
  },
  colors: Output['colors'],
): string {
  const width = String(endpoints.accounts.length - 1).length + 2
  const accounts = endpoints.accounts.map(
    ({ address }, index) => `${`(${index})`.padEnd(width)} ${address} (${formatEther(facts.balanceWei)} 0G at genesis)`,
  )
  const keys = endpoints.accounts.map(({ privateKey }, index) => `${`(${index})`.padEnd(width)} ${privateKey}`)
  const heading = (text: string): string => colors.bold(text)
  const rows: [string, string][] = [
    ['JSON-RPC', endpoints.rpcUrl],
    ['WebSocket', endpoints.wsUrl],
    ['Status', `${endpoints.gatewayUrl}/status`],
    ...(endpoints.storage === undefined
      ? []
      : ([
          ['Storage indexer', endpoints.storage.indexerUrl],
          ['Storage node', endpoints.storage.nodeUrl],
          ['Flow contract', endpoints.storage.flow],
        ] satisfies [string, string][])),
    ...(endpoints.da === undefined ? [] : ([['DA disperser', endpoints.da.disperser]] satisfies [string, string][])),
    ...(endpoints.compute === undefined
      ? []
      : ([
          ['OpenAI API', endpoints.compute.openaiUrl ?? ''],
          ['OpenAI key', endpoints.compute.openaiKey ?? ''],
          ['Compute broker', endpoints.compute.brokerUrl],
        ] satisfies [string, string][])),
    ['Chain id', String(endpoints.chainId)],
  ]
  const flags = facts.dataDir.endsWith('/.zerog/devnet') ? '' : ` --data-dir ${facts.dataDir}`
  return [
    '',
    heading('Accounts') + colors.dim('  (public development keys: never send them anything of value)'),
    ...accounts,
    '',
    heading('Private keys'),
    ...keys,
    '',
    `${heading('Mnemonic')}  ${facts.mnemonic}`,
    '',
    heading('Endpoints'),
    ...rows.map(([name, value]) => `${name.padEnd(16)} ${value}`),
    '',
    heading('Try next'),
    `npm run demo${flags === '' ? '' : ` --${flags}`}`,
    `npm run zerog -- chain balance dev0${flags}`,
    ...(endpoints.storage === undefined ? [] : [`npm run zerog -- storage cp README.md zg://${flags}`]),
    '',
    colors.green(`ready in ${facts.seconds.toFixed(1)} s`) +
      colors.dim(facts.isNew ? ' (new devnet)' : ' (existing data; --reset starts afresh)'),
  ].join('\n')
}

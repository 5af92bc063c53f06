import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder } from './devnet.ts'

jest.setTimeout(120_000)

const ROOT = join(import.meta.dirname, '../..')
/** What each program prints when it worked, and the page that shows it. */
const EXAMPLES: Readonly<Record<string, { readonly page: string; readonly prints: RegExp }>> = {
  'viem.ts': { page: 'README.md', prints: /^success in block \d+n$/m },
  '0g-storage.ts': { page: 'README.md', prints: /rootHash: '0x[0-9a-f]{64}'/ },
  'ethers.ts': { page: 'docs/chain.md', prints: /^success in block \d+$/m },
  'openai.ts': { page: 'README.md', prints: /npm test/ },
  'blob.ts': { page: 'docs/data-availability.md', prints: /^0x[0-9a-f]{64} hello zerog$/m },
  'zerog-sdk.ts': { page: 'docs/storage.md', prints: /^0x[0-9a-f]{64} hello zerog$/m },
}

test('every example is run and shown', () => {
  const present = readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.ts'))
  expect(present.toSorted()).toEqual(Object.keys(EXAMPLES).toSorted())
})

test.each(Object.entries(EXAMPLES))('%s stands in the page that shows it, letter by letter', (name, { page }) => {
  const text = readFileSync(join(ROOT, 'examples', name), 'utf8')
  expect(readFileSync(join(ROOT, page), 'utf8')).toContain(`\`\`\`ts\n${text}\`\`\``)
})

describe('on a devnet', () => {
  let devnet: TestDevnet
  beforeAll(async () => {
    devnet = await startDevnet(await temporaryFolder())
  })
  afterAll(() => removeDevnet(devnet.dataDir))

  test.each(Object.entries(EXAMPLES))('%s does what it shows', async (name, { prints }) => {
    const { NODE_OPTIONS: _options, ...env } = process.env
    const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, 'examples', name)], {
      env: { ...env, ETH_RPC_URL: devnet.endpoints.rpcUrl },
      timeout: 60_000,
    })
    expect(stdout).toMatch(prints)
  })
})

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const SCRIPT = join(import.meta.dirname, '../chaos/da-kill/run.ts')
const runs = process.env.ZEROG_TEST_LONG === '1' ? test : test.skip

runs(
  'no accepted blob is lost and none is recorded twice while disperser, encoder and members are killed',
  () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, '--rounds', '3'], { encoding: 'utf8' })
    expect({ status, problems: status === 0 ? '' : `${stdout}\n${stderr}` }).toEqual({ status: 0, problems: '' })
  },
  600_000,
)

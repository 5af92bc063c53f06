import { describe, expect, it } from '@jest/globals'
import { encodeFunctionData } from 'viem'
import { flowAbi } from './index.ts'

const data = { length: 1n, tags: '0x', nodes: [{ root: `0x${'11'.repeat(32)}`, height: 0n }] } as const
const submitter = '0x00000000000000000000000000000000000a11ce'

describe('viem picks the generation of submit by the shape of its argument', () => {
  it.each([
    ['submit', [{ data, submitter }], '0xbc8c11f8'],
    ['submit', [data], '0xef3e12dc'],
    ['batchSubmit', [[{ data, submitter }]], '0x49aa3395'],
    ['batchSubmit', [[data]], '0x9e62a38e'],
  ] as const)('%s', (functionName, args, selector) => {
    expect(encodeFunctionData({ abi: flowAbi, functionName, args } as never).slice(0, 10)).toBe(selector)
  })
})

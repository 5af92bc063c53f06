import { expect, it } from '@jest/globals'
import { renderKernels, staleKernels } from '../tools/generate.ts'

it('the checked-in kernels are what assembly/ compiles to', async () => {
  const rendered = await renderKernels()
  expect(Object.keys(rendered)).toEqual([
    'keccak.wasm.ts',
    'sha256.wasm.ts',
    'erasure.wasm.ts',
    'transformer.wasm.ts',
    'evm.wasm.ts',
    'train.wasm.ts',
    'erasure-relaxed.wasm.ts',
  ])
  expect(staleKernels(rendered)).toEqual([])
  expect(staleKernels({ 'keccak.wasm.ts': `${rendered['keccak.wasm.ts']}//` })).toEqual(['keccak.wasm.ts'])
}, 300_000)

import { describe, expect, it } from '@jest/globals'
import { type AbiEvent, type AbiFunction, type AbiParameter, toEventSelector, toFunctionSelector } from 'viem'
import { artifacts } from '../../src/index.ts'
import { createComputeClient } from '../support/compute-client.ts'
import { fineTuningServingAbi, inferenceServingAbi, ledgerManagerAbi } from './official-abi.ts'

type Item = { readonly type: string; readonly name?: string; readonly inputs?: readonly AbiParameter[] }

const shape = (parameter: AbiParameter): unknown =>
  'components' in parameter ? [parameter.type, parameter.components.map((part) => [part.name, shape(part)])] : parameter.type

/** What a client sees of an item: selector, names and types inside structs, indexed fields. */
function facts(item: Item): unknown {
  if (item.type === 'receive') return 'receive'
  if (item.type === 'event') {
    const event = item as AbiEvent
    return [
      toEventSelector(event),
      event.inputs.map(({ name, indexed, ...rest }) => [name, indexed === true, shape(rest as AbiParameter)]),
    ]
  }
  const { inputs = [] } = item
  const named = [item.type, item.name, inputs.map(shape)]
  if (item.type === 'error') return named
  const fn = item as AbiFunction
  return [toFunctionSelector(fn), named, fn.outputs.map(shape), fn.stateMutability === 'payable']
}

describe("every function, event and error that 0G's SDK knows", () => {
  it.each([
    ['LedgerManager', ledgerManagerAbi, artifacts.ledgerManager.abi],
    ['InferenceServing', inferenceServingAbi, artifacts.inferenceServing.abi],
    ['FineTuningServing', fineTuningServingAbi, artifacts.fineTuningServing.abi],
  ] as const)('is in %s, with the same selector and shape', (_, official, ours) => {
    const have = new Set((ours as readonly Item[]).map((item) => JSON.stringify(facts(item))))
    const missing = (official as readonly Item[]).filter((item) => !have.has(JSON.stringify(facts(item))))
    expect(missing.map(({ name }) => name)).toEqual([])
  })

  it.each([
    ['LedgerManager', ledgerManagerAbi, artifacts.ledgerManager.abi],
    ['InferenceServing', inferenceServingAbi, artifacts.inferenceServing.abi],
    ['FineTuningServing', fineTuningServingAbi, artifacts.fineTuningServing.abi],
  ] as const)('gives its results in %s by the names that clients read them by', (_, official, ours) => {
    const names = (item: AbiFunction): string[] => item.outputs.map(({ name }) => name ?? '')
    for (const item of official as readonly Item[]) {
      if (item.type !== 'function') continue
      const fn = item as AbiFunction
      const other = (ours as readonly Item[]).find(({ type, name }) => type === 'function' && name === fn.name) as AbiFunction
      const expected = names(fn).map((name, index) => (name === '' ? names(other)[index] : name))
      expect([fn.name, names(other)]).toEqual([fn.name, expected])
    }
  })
})

describe('selectors', () => {
  /** From the reference, not from any ABI of this repository. */
  const published = {
    ledgerManager: `c5e53f7e 8d0d8cb6 f585f3ea 278ecde1 2ba43b82 31404a19 410b3815 f7cd6af9 987086f0 aef42173 e032f732 b8d5e581 9ade3972
      0e864174 d4dca96d a2610565 1ef4dc44 8158c9e5 dd8a4118 ffc22b5f`,
    inferenceServing: `a09cfca9 15a52302 fd590847 5bd7ace2 1d73b9f5 4fe63f4d ba16a750 398c8e4e bbee42d9 7ff6fc1c b2394d09 ddf96abd
      1d07cb97 17c30a03 cab33d8f 405a85e8 0d668087 d1d20056 8be74119 28b60476 fbfa4e11 e50688f9 745e87f7 6c79158d 4e3c4f22 97216725`,
    fineTuningServing: '3d60456a 6dc7513d a296bf4f a134f9e1 9622e934 21fe0f30 15a52302 43d96bb3',
  } as const
  it.each(Object.entries(published))('of %s are those that are published', (name, selectors) => {
    const { abi } = artifacts[name as keyof typeof published]
    const ours = (abi as readonly Item[]).flatMap((item) =>
      item.type === 'function' ? toFunctionSelector(item as AbiFunction) : [],
    )
    for (const selector of selectors.split(/\s+/)) expect(ours).toContain(`0x${selector}`)
  })
})

it('services answer ERC-165 for the interface that the ledger asks for, and for nothing else', async () => {
  const client = await createComputeClient()
  for (const name of ['inference', 'tuning'] as const) {
    const supports = (id: string): Promise<unknown> => client.read(name, 'supportsInterface', [id])
    expect(await Promise.resolve(supports('0x160841b1'))).toBe(true)
    expect(await supports('0x01ffc9a7')).toBe(true)
    expect(await supports('0xffffffff')).toBe(false)
  }
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { TARGETS } from '../../packages/cli/src/devnet/modules.ts'
import { planInstances } from '../../packages/cli/src/devnet/plan.ts'
import { LAYERS } from '../charts/helm.ts'
import { folderOf, misplaced, SPLITS, treesOf } from './skew/plan.ts'
import { HERE, treeOf } from './skew/trees.ts'

type Target = { readonly calls?: readonly string[]; readonly callsPorts?: Readonly<Record<string, number>> }

const folders = { split: '/old', rest: '/new' }
const instances = planInstances({ chainOnly: false, rpcReplicas: 1, storageNodes: 1, daNodes: 4, computeWorkers: 1 }).map(
  ({ name }) => name,
)
/** Caller and callee of every call that the charts let through. */
const calls = LAYERS.flatMap((layer) => {
  const values = parse(readFileSync(join(import.meta.dirname, `../../helm/${layer}/values.yaml`), 'utf8'))
  return Object.entries(values.targets as Record<string, Target>).flatMap(([caller, { calls = [], callsPorts = {} }]) =>
    [...calls, ...Object.keys(callsPorts)].map((callee) => ({ caller, callee })),
  )
})
const instancesOf = (target: string) => instances.filter((name) => name.replace(/-\d+$/, '') === target)

test('the splits name targets and instances of a devnet', () => {
  for (const split of SPLITS) expect(split.filter((name) => !instances.includes(name))).toEqual([])
  expect(new Set(instances.map((name) => name.replace(/-\d+$/, '')))).toEqual(new Set(TARGETS))
})

test('every call of the charts crosses from one release to the other in some split', () => {
  expect(calls.length).toBeGreaterThan(25)
  const uncut = calls.filter(
    ({ caller, callee }) =>
      !SPLITS.some((split) => {
        const trees = treesOf(split, folders)
        return instancesOf(caller).some((from) => instancesOf(callee).some((to) => folderOf(from, trees) !== folderOf(to, trees)))
      }),
  )
  expect(uncut).toEqual([])
})

test('members of DA are of both releases', () => {
  const of = SPLITS.map((split) => new Set(instancesOf('da-node').map((name) => folderOf(name, treesOf(split, folders)))))
  expect(of.some((set) => set.size === 2)).toBe(true)
})

test('a process that runs from another folder than it should is named', () => {
  const trees = treesOf(['chain-validator', 'da-node-1'], folders)
  const from = (folder: string) => ['node', `${folder}/packages/cli/src/main.ts`, 'run']
  const right = { 'chain-validator': from('/old'), 'da-node': from('/new'), 'da-node-1': from('/old'), gateway: from('/new') }
  expect(misplaced(right, trees)).toEqual([])
  expect(misplaced({ ...right, 'chain-validator': from('/new'), 'da-node-1': from('/new') }, trees)).toEqual([
    'chain-validator',
    'da-node-1',
  ])
})

test('the working tree needs no installation, and a ref that does not exist is refused before anything is unpacked', () => {
  expect(treeOf(HERE).main).toBe(join(import.meta.dirname, '../../packages/cli/src/main.ts'))
  expect(() => treeOf('no-such-ref')).toThrow('git knows no commit no-such-ref')
})

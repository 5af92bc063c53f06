import { assert } from '@zerog/primitives'
import { container, must } from '../../../tools/containers.ts'

/** A podman network of our own whose addresses are dealt by hand, so that every pod can know every other before any is started. */
export type PodNetwork = { readonly name: string; readonly address: (index: number) => string; readonly remove: () => void }

/** Addresses that a network of pods may have: /24, the first ten for podman itself. */
const FIRST = 10
const PODS_MAX = 200

export function createNetwork(name: string): PodNetwork {
  must('podman', ['network', 'create', name])
  const subnet: string = JSON.parse(must('podman', ['network', 'inspect', name]))[0].subnets[0].subnet
  const prefix = /^(\d+\.\d+\.\d+)\.0\/24$/.exec(subnet)?.[1]
  assert(prefix !== undefined, `network ${name} has subnet ${subnet} instead of a /24`)
  return {
    name,
    address(index) {
      assert(index < PODS_MAX, `more than ${PODS_MAX} pods`)
      return `${prefix}.${FIRST + index}`
    },
    remove: () => void container('podman', ['network', 'rm', '--force', name]),
  }
}

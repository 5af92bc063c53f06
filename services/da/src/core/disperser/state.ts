import { type Batch, createPacker, type Packer, type PackLimits, type Part } from './packer.ts'
import type { Window, WindowEffect } from './window.ts'

export type DisperserRules = PackLimits & {
  /** Bundles that are coded and handed out at once. */
  readonly codingMax: number
  /** Windows below their threshold at once: further bundles share the next one. */
  readonly windowsMax: number
  readonly windowBundlesMax: number
  /** How long a certified window goes on collecting. */
  readonly graceMs: number
  readonly retryFirstMs: number
  readonly retryMaxMs: number
  /** A bundle that finds no two thirds for so long is given up; trouble of our own services never ends one. */
  readonly giveUpMs: number
  /** Members that missed their rows are tried again so many times. */
  readonly refillsMax: number
  readonly refillFirstMs: number
}

/** coding: rows are on their way (or wait for their turn); ready: two thirds hold their rows. */
export type Phase = 'coding' | 'ready' | 'signing' | 'certified' | 'waiting'

export type DrivenBundle = {
  readonly id: string
  readonly epoch: bigint
  readonly committee: number
  readonly stakes: readonly bigint[]
  readonly sinceMs: number
  phase: Phase
  /** The call to the encoder runs. */
  running: boolean
  /** In the queue for an encoder. */
  queued: boolean
  /** Members whose rows are durable. */
  readonly stored: boolean[]
  /** Members that answered in the present run. */
  readonly answered: boolean[]
  attempts: number
  refills: number
  retryAtMs: number | undefined
  /** It shared a window that failed: next time it goes alone. */
  solo: boolean
  failure: Failure | undefined
}

export type Failure = { readonly reason: string; readonly message: string }

/** Changed in place by `step`. */
export type DisperserState = {
  readonly packer: Packer
  /** In the order of their creation. */
  readonly bundles: Map<string, DrivenBundle>
  readonly windows: Map<string, Window>
  /** Batches whose bundle is being made. */
  creating: number
  windowCount: number
  draining: boolean
}

export type DisperserEvent =
  | { readonly kind: 'part_accepted'; readonly part: Part; readonly retentionSeconds: number }
  /** Its row in the repository exists, with its parts. */
  | {
      readonly kind: 'bundle_created'
      readonly id: string
      readonly epoch: bigint
      readonly committee: number
      readonly stakes: readonly bigint[]
    }
  /** The batch could not become a bundle: its blobs are gone or given up. */
  | { readonly kind: 'bundle_dropped' }
  /** Out of the repository, after a restart. */
  | {
      readonly kind: 'bundle_restored'
      readonly id: string
      readonly epoch: bigint
      readonly committee: number
      readonly stakes: readonly bigint[]
      readonly stored: readonly boolean[]
      readonly certified: boolean
    }
  /** Its epoch was over before anybody certified it: other members, from the beginning. */
  | {
      readonly kind: 'bundle_renewed'
      readonly id: string
      readonly epoch: bigint
      readonly committee: number
      readonly stakes: readonly bigint[]
    }
  | { readonly kind: 'outcome'; readonly id: string; readonly member: number; readonly stored: boolean }
  | { readonly kind: 'coding_ended'; readonly id: string; readonly failure?: Failure }
  | { readonly kind: 'signature'; readonly windowId: string; readonly member: number }
  | { readonly kind: 'refused'; readonly windowId: string; readonly member: number }
  | {
      readonly kind: 'verified'
      readonly windowId: string
      readonly proven: readonly number[]
      readonly liars: readonly number[]
    }
  | { readonly kind: 'wake' }
  | { readonly kind: 'drain' }

export type DisperserEffect =
  | { readonly kind: 'create'; readonly batch: Batch }
  /** Codes the bundle and hands its rows to every member that is not `done`. */
  | {
      readonly kind: 'code'
      readonly id: string
      readonly done: readonly number[]
      readonly attempt: number
      readonly refill: boolean
    }
  | { readonly kind: 'open'; readonly windowId: string; readonly bundleIds: readonly string[] }
  | Extract<WindowEffect, { kind: 'ask' | 'verify' }>
  /** The certificate of these members is right: keep it before anybody hears of it. Again where it grew. */
  | { readonly kind: 'certify'; readonly windowId: string; readonly members: readonly number[] }
  /** It grows no further: it may go to the chain. */
  | { readonly kind: 'submit'; readonly windowId: string }
  | { readonly kind: 'drop_window'; readonly windowId: string }
  | { readonly kind: 'fail'; readonly id: string; readonly failure: Failure }
  /** Nothing more to do for the bundle but to wait for the chain. */
  | { readonly kind: 'settled'; readonly id: string; readonly stored: readonly boolean[] }

export function createState(): DisperserState {
  return { packer: createPacker(), bundles: new Map(), windows: new Map(), creating: 0, windowCount: 0, draining: false }
}

import type { Multisignature } from '@zerog/consensus'
import { nobleMultisignature } from '@zerog/consensus/noble'
import { ZerogError } from '@zerog/primitives'
import { decodeEvidence, type Evidence } from './bundle.ts'
import { createFacts } from './facts.ts'
import { type Finding, LINK_NAMES, type Link, type LinkName } from './link.ts'
import { checkAvailability } from './links/availability.ts'
import { checkBlock, checkValidators } from './links/chain.ts'
import { checkCommittee } from './links/committee.ts'
import { checkModel } from './links/model.ts'
import { checkBatch, checkBody, checkSettlement, checkSignature, checkSigner } from './links/receipt.ts'
import type { Trust } from './trust.ts'

export type VerifyOptions = {
  /** BLS12-381; by default JavaScript alone. `@zerog/verifier/blst` is 20 times faster in Node. */
  readonly multisignature?: Multisignature
  /** Seconds since 1970: a block that is ahead of it is refused. Absent: no time is compared. */
  readonly nowSeconds?: bigint
  /** Bytes on the wire, for bundles that hold only their hashes. What the bundle itself holds goes first. */
  readonly request?: Uint8Array
  readonly response?: Uint8Array
}

export type Verdict = {
  /** No link is broken. */
  readonly ok: boolean
  readonly links: readonly Link[]
  readonly evidence: Evidence
}

/**
 * Checks every link of a bundle with nothing but `trust`. All links are reported, whatever others say.
 * @throws ZerogError ENCODING_INVALID with `offset` and `section` where the bytes are no bundle at all
 * @example const { ok, links } = verifyBundle(bytes, trustOf({ chainId: 31337n, validatorSetHash }))
 */
export function verifyBundle(bytes: Uint8Array, trust: Trust, options: VerifyOptions = {}): Verdict {
  const evidence = decodeEvidence(bytes)
  const { multisignature = nobleMultisignature, nowSeconds } = options
  const { receipt } = evidence.receipt.signed
  const facts = createFacts(evidence.facts, trust.contracts)
  const deps = { facts, trust, multisignature }
  const checks: Record<LinkName, () => Finding> = {
    'request-bytes': () => checkBody('request', evidence.answer?.request ?? options.request, receipt),
    'response-bytes': () => checkBody('response', evidence.answer?.response ?? options.response, receipt),
    'receipt-signature': () => checkSignature(evidence, trust),
    'signer-registered': () => checkSigner(evidence, facts),
    batch: () => checkBatch(evidence, trust),
    'data-availability': () => checkAvailability(evidence, deps),
    'da-committee': () => checkCommittee(evidence, deps),
    settlement: () => checkSettlement(evidence, facts),
    block: () => checkBlock(evidence, { facts, trust, nowSeconds }),
    validators: () => checkValidators(evidence, deps),
    model: () => checkModel(evidence, facts),
  }
  const found = new Map(ORDER.map((name) => [name, attempt(checks[name])]))
  const isWhole = ![...found.values()].some(({ state }) => state === 'broken')
  if (isWhole && !facts.isExact()) found.set('block', INEXACT)
  const links = LINK_NAMES.map((name): Link => {
    const finding = found.get(name) as Finding // every name has a check
    return { name, ok: finding.state !== 'broken', ...finding }
  })
  return { ok: links.every(({ ok }) => ok), links, evidence }
}

/** Links that read facts go first, as `factPlan` orders them: nodes must stand in the order of their first use. */
const FACT_LINKS: readonly LinkName[] = ['signer-registered', 'settlement', 'data-availability', 'da-committee', 'model']
const ORDER: readonly LinkName[] = [...FACT_LINKS, ...LINK_NAMES.filter((name) => !FACT_LINKS.includes(name))]

const INEXACT: Finding = {
  state: 'broken',
  detail: 'The trie nodes are not exactly those of the facts, each once and in their order.',
}

function attempt(check: () => Finding): Finding {
  try {
    return check()
  } catch (error) {
    // Anything else is a bug of ours and must not look like a forged bundle.
    if (!(error instanceof ZerogError)) throw error
    return { state: 'broken', detail: error.message }
  }
}

import { encodeCertificate as encodeDaCertificate, decodeCertificate as readDaCertificate } from '@zerog/availability'
import { decodeCertificate, encodeCertificate } from '@zerog/consensus'
import { decodeSumProof, encodeSumProof, type InferenceReceipt } from '@zerog/evidence'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import type { Evidence, LinkName } from '../src/index.ts'

/** A change of one field, and the links that then are broken: exactly these. */
export type Mutation = {
  readonly field: string
  readonly change: (evidence: Evidence) => Evidence
  readonly broken: readonly LinkName[]
}

export const flipByte = (bytes: Uint8Array, at = bytes.length - 1): Uint8Array =>
  bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
const flipHex = (hex: Hex): Hex => toHex(flipByte(fromHex(hex)))
const without = <Item>(items: readonly Item[], at: number): Item[] => items.toSpliced(at, 1)

const SIGNED: readonly LinkName[] = ['receipt-signature', 'batch']

/** Which links read a field of the receipt besides signature and commitment. */
const RECEIPT_READERS: Partial<Record<keyof InferenceReceipt, readonly LinkName[]>> = {
  requestHash: ['request-bytes'],
  responseHash: ['response-bytes'],
  modelRoot: ['model'],
  user: ['data-availability', 'settlement'],
  provider: ['signer-registered', 'data-availability', 'settlement'],
  fee: ['data-availability'],
}

function receiptMutations(): Mutation[] {
  const names = [
    ...([
      'requestHash',
      'responseHash',
      'modelRoot',
      'paramsHash',
      'traceRoot',
      'user',
      'provider',
      'agentId',
      'memoryRoot',
    ] as const),
    ...(['promptTokens', 'completionTokens', 'fee', 'nonce', 'finishedAt', 'mode'] as const),
  ]
  return names.map((name) => ({
    field: `receipt.${name}`,
    change: (evidence) => {
      const { signed } = evidence.receipt
      const value = signed.receipt[name]
      const changed = typeof value === 'string' ? flipHex(value) : typeof value === 'bigint' ? value + 1n : 1
      const receipt = { ...signed.receipt, [name]: changed } as InferenceReceipt // the same types as before
      return { ...evidence, receipt: { ...evidence.receipt, signed: { ...signed, receipt } } }
    },
    broken: [...SIGNED, ...(RECEIPT_READERS[name] ?? [])],
  }))
}

const inReceipt = (
  field: string,
  change: (part: Evidence['receipt']) => Evidence['receipt'],
  ...broken: LinkName[]
): Mutation => ({
  field: `receipt.${field}`,
  change: (evidence) => ({ ...evidence, receipt: change(evidence.receipt) }),
  broken,
})
const inBatch = (
  field: string,
  change: (part: Evidence['batch']) => Partial<Evidence['batch']>,
  ...broken: LinkName[]
): Mutation => ({
  field: `batch.${field}`,
  change: (evidence) => ({ ...evidence, batch: { ...evidence.batch, ...change(evidence.batch) } }),
  broken,
})
const inDa = (
  field: string,
  change: (part: Evidence['availability']) => Partial<Evidence['availability']>,
  ...broken: LinkName[]
): Mutation => ({
  field: `availability.${field}`,
  change: (evidence) => ({ ...evidence, availability: { ...evidence.availability, ...change(evidence.availability) } }),
  broken,
})
type DaCertificate = ReturnType<typeof readDaCertificate>
const inDaCertificate = (
  field: string,
  change: (part: DaCertificate) => Partial<DaCertificate>,
  ...broken: LinkName[]
): Mutation =>
  inDa(
    `certificate.${field}`,
    ({ certificate }) => {
      const decoded = readDaCertificate(certificate)
      return { certificate: encodeDaCertificate({ ...decoded, ...change(decoded) }) }
    },
    ...broken,
  )
type Decoded = ReturnType<typeof decodeCertificate>
const inCertificate = (field: string, change: (decoded: Decoded) => Decoded, ...broken: LinkName[]): Mutation => ({
  field: `block.certificate.${field}`,
  change: (evidence) => {
    const { context, certificate, validatorCount } = change(decodeCertificate(evidence.block.certificate))
    return { ...evidence, block: { ...evidence.block, certificate: encodeCertificate(context, certificate, validatorCount) } }
  },
  broken,
})
const inBlock = (field: string, change: (headers: readonly Uint8Array[]) => Uint8Array[]): Mutation => ({
  field: `block.${field}`,
  change: (evidence) => ({ ...evidence, block: { ...evidence.block, headers: change(evidence.block.headers) } }),
  broken: ['block'],
})
const inValidators = (field: string, change: (part: Evidence['validators']) => Partial<Evidence['validators']>): Mutation => ({
  field: `validators.${field}`,
  change: (evidence) => ({ ...evidence, validators: { ...evidence.validators, ...change(evidence.validators) } }),
  broken: ['validators'],
})
const inStep = (field: 'header' | 'certificate' | 'next'): Mutation[] => [
  inValidators(`steps.${field}`, ({ steps }) => ({ steps: steps.map((step) => ({ ...step, [field]: flipByte(step[field]) })) })),
]
const sibling = (proof: Uint8Array): Uint8Array => flipByte(proof, 9)
const place = (proof: Uint8Array): Uint8Array => {
  const decoded = decodeSumProof(proof)
  return encodeSumProof({ ...decoded, index: decoded.index ^ 1 })
}

/** For full evidence with a carry, three headers, one epoch step, a model with its lineage, and proofs that have siblings. */
export const MUTATIONS: readonly Mutation[] = [
  { field: 'chainId', change: (evidence) => ({ ...evidence, chainId: evidence.chainId + 1n }), broken: ['block'] },
  {
    field: 'answer.request',
    change: (e) => ({
      ...e,
      answer: { request: flipByte(e.answer?.request as Uint8Array), response: e.answer?.response as Uint8Array },
    }),
    broken: ['request-bytes'],
  },
  {
    field: 'answer.response',
    change: (e) => ({
      ...e,
      answer: { request: e.answer?.request as Uint8Array, response: flipByte(e.answer?.response as Uint8Array, 3) },
    }),
    broken: ['response-bytes'],
  },
  ...receiptMutations(),
  inReceipt(
    'signature',
    (part) => ({ ...part, signed: { ...part.signed, signature: toHex(flipByte(fromHex(part.signed.signature), 40)) } }),
    'receipt-signature',
  ),
  inReceipt('salt', (part) => ({ ...part, salt: flipByte(part.salt) }), 'batch'),
  inReceipt('signer', (part) => ({ ...part, signer: flipHex(part.signer) }), 'receipt-signature', 'signer-registered'),
  inBatch('commitment', ({ commitment }) => ({ commitment: flipHex(commitment) }), 'batch', 'data-availability'),
  inBatch('requestsHash', ({ requestsHash }) => ({ requestsHash: flipHex(requestsHash) }), 'batch', 'settlement'),
  inBatch('sum', ({ sum }) => ({ sum: sum + 1n }), 'batch', 'settlement'),
  inBatch('claimProof sibling', ({ claimProof }) => ({ claimProof: sibling(claimProof) }), 'batch'),
  inBatch('claimProof place', ({ claimProof }) => ({ claimProof: place(claimProof) }), 'batch', 'data-availability'),
  inBatch('claimProof cut', ({ claimProof }) => ({ claimProof: claimProof.slice(0, -48) }), 'batch', 'data-availability'),
  inBatch('batchRoot', ({ batchRoot }) => ({ batchRoot: flipHex(batchRoot) }), 'batch', 'data-availability'),
  inBatch('batchSum', ({ batchSum }) => ({ batchSum: batchSum + 1n }), 'batch', 'data-availability'),
  inBatch('userProof sibling', ({ userProof }) => ({ userProof: sibling(userProof) }), 'batch'),
  inBatch('userProof place', ({ userProof }) => ({ userProof: place(userProof) }), 'batch', 'data-availability'),
  inDa('commitment', ({ commitment }) => ({ commitment: flipByte(commitment) }), 'data-availability'),
  inDa('k', ({ k }) => ({ k: 2 * k }), 'data-availability', 'da-committee'),
  inDa('n', ({ n }) => ({ n: n + 1 }), 'data-availability', 'da-committee'),
  inDa('rowBytes', ({ rowBytes }) => ({ rowBytes: rowBytes + 64 }), 'data-availability', 'da-committee'),
  inDa('payloadBytes', ({ payloadBytes }) => ({ payloadBytes: payloadBytes + 70_000 }), 'data-availability', 'da-committee'),
  inDa('payloadBytes by one', ({ payloadBytes }) => ({ payloadBytes: payloadBytes + 1 }), 'data-availability'),
  inDa('payloadBytes zero', () => ({ payloadBytes: 0 }), 'data-availability', 'da-committee'),
  inDa('epoch', ({ epoch }) => ({ epoch: epoch + 1n }), 'data-availability', 'da-committee'),
  inDa('committee', () => ({ committee: 1 }), 'data-availability', 'da-committee'),
  inDa('expiry', ({ expiry }) => ({ expiry: expiry + 1n }), 'data-availability'),
  inDa('blobIndex', () => ({ blobIndex: 0 }), 'data-availability'),
  inDa('blobIndex far', () => ({ blobIndex: 2 ** 31 }), 'data-availability'),
  inDa('windowIndex', () => ({ windowIndex: 0 }), 'data-availability'),
  inDa('windowPath', ({ windowPath }) => ({ windowPath: windowPath.map((hash) => flipByte(hash)) }), 'data-availability'),
  inDa('windowPath cut', ({ windowPath }) => ({ windowPath: without(windowPath, 0) }), 'data-availability'),
  inDa('userOffset', ({ userOffset }) => ({ userOffset: userOffset + 49 }), 'data-availability'),
  inDa('userOffset far', () => ({ userOffset: 2 ** 32 - 1 }), 'data-availability'),
  inDa('rows content', ({ rows }) => ({ rows: rows.map((row) => ({ ...row, row: flipByte(row.row) })) }), 'data-availability'),
  inDa('rows index', ({ rows }) => ({ rows: rows.map((row) => ({ ...row, index: row.index + 1 })) }), 'data-availability'),
  inDa(
    'rows path',
    ({ rows }) => ({ rows: rows.map((row) => ({ ...row, path: row.path.map((hash) => flipByte(hash)) })) }),
    'data-availability',
  ),
  inDa(
    'rows rlcPath',
    ({ rows }) => ({ rows: rows.map((row) => ({ ...row, rlcPath: row.rlcPath.map((hash) => flipByte(hash)) })) }),
    'data-availability',
  ),
  inDa('rows without the first', ({ rows }) => ({ rows: rows.length > 1 ? without(rows, 0) : [] }), 'data-availability'),
  inDa('rows without the last', ({ rows }) => ({ rows: rows.slice(0, -1) }), 'data-availability'),
  inDaCertificate('chainId', ({ chainId }) => ({ chainId: chainId + 1n }), 'data-availability', 'da-committee'),
  inDaCertificate('epoch', ({ epoch }) => ({ epoch: epoch + 1n }), 'data-availability', 'da-committee'),
  inDaCertificate('committee', () => ({ committee: 1 }), 'data-availability', 'da-committee'),
  inDaCertificate('committeeRoot', ({ committeeRoot }) => ({ committeeRoot: flipByte(committeeRoot) }), 'da-committee'),
  inDaCertificate('count', ({ count }) => ({ count: count + 1 }), 'da-committee'),
  inDaCertificate('count without this place', () => ({ count: 1 }), 'data-availability', 'da-committee'),
  inDaCertificate('windowRoot', ({ windowRoot }) => ({ windowRoot: flipByte(windowRoot) }), 'data-availability', 'da-committee'),
  inDaCertificate('bitmap', ({ bitmap }) => ({ bitmap: bitmap.map((byte) => byte ^ 1) }), 'da-committee'),
  inDaCertificate('signature', ({ signature }) => ({ signature: flipByte(signature) }), 'da-committee'),
  {
    field: 'committeeCode',
    change: (evidence) => ({ ...evidence, committeeCode: evidence.committeeCode.map((code) => flipByte(code)) }),
    broken: ['da-committee'],
  },
  {
    field: 'committeeCode members',
    change: (evidence) => ({ ...evidence, committeeCode: evidence.committeeCode.map((code) => code.slice(0, -124)) }),
    broken: ['da-committee'],
  },
  {
    field: 'committeeCode added',
    change: (evidence) => ({ ...evidence, committeeCode: [...evidence.committeeCode, Uint8Array.of(0)] }),
    broken: ['da-committee'],
  },
  { field: 'facts added', change: (e) => ({ ...e, facts: [...e.facts, Uint8Array.of(0x80)] }), broken: ['block'] },
  { field: 'facts twice', change: (e) => ({ ...e, facts: [...e.facts, e.facts[1] as Uint8Array] }), broken: ['block'] },
  {
    field: 'facts order',
    change: (e) => ({ ...e, facts: [e.facts[0], e.facts[2], e.facts[1], ...e.facts.slice(3)] as Uint8Array[] }),
    broken: ['block'],
  },
  inBlock('headers first', (headers) => headers.with(0, flipByte(headers[0] as Uint8Array, 100))),
  inBlock('headers last', (headers) => headers.with(-1, flipByte(headers.at(-1) as Uint8Array, 100))),
  inBlock('headers without the first', (headers) => without(headers, 0)),
  inBlock('headers without the middle', (headers) => without(headers, 1)),
  inBlock('headers without the last', (headers) => headers.slice(0, -1)),
  inCertificate('chainId', (d) => ({ ...d, context: { ...d.context, chainId: 1n } }), 'validators'),
  inCertificate('epoch', (d) => ({ ...d, context: { ...d.context, epoch: d.context.epoch + 1n } }), 'block', 'validators'),
  inCertificate(
    'view',
    (d) => ({
      ...d,
      certificate: { ...d.certificate, ballot: { ...d.certificate.ballot, view: 6 } as typeof d.certificate.ballot },
    }),
    'validators',
  ),
  inCertificate(
    'kind',
    (d) => ({
      ...d,
      certificate: { ...d.certificate, ballot: { ...d.certificate.ballot, kind: 'notarize' } as typeof d.certificate.ballot },
    }),
    'block',
    'validators',
  ),
  inCertificate(
    'blockHash',
    (d) => {
      const { ballot } = d.certificate
      return {
        ...d,
        certificate: { ...d.certificate, ballot: { ...ballot, blockHash: flipHex(ballot.blockHash) } as typeof ballot },
      }
    },
    'block',
    'validators',
  ),
  inCertificate(
    'signers',
    (d) => ({ ...d, certificate: { ...d.certificate, signers: without(d.certificate.signers, 0) } }),
    'validators',
  ),
  inCertificate(
    'signature',
    (d) => ({ ...d, certificate: { ...d.certificate, signature: flipByte(d.certificate.signature) } }),
    'validators',
  ),
  inCertificate('validatorCount', (d) => ({ ...d, validatorCount: d.validatorCount + 1 }), 'validators'),
  inValidators('trusted', ({ trusted }) => ({ trusted: flipByte(trusted) })),
  inValidators('steps removed', () => ({ steps: [] })),
  inValidators('steps twice', ({ steps }) => ({ steps: [...steps, ...steps] })),
  inValidators('steps.next removed', ({ steps }) => ({ steps: steps.map((step) => ({ ...step, next: new Uint8Array(0) })) })),
  ...inStep('header'),
  ...inStep('certificate'),
  ...inStep('next'),
  { field: 'lineage', change: (e) => ({ ...e, lineage: flipByte(e.lineage) }), broken: ['model'] },
]

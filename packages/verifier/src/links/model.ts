import { RECEIPT_MODES } from '@zerog/evidence'
import { fromHex, type Hex } from '@zerog/primitives'
import type { Evidence } from '../bundle.ts'
import type { Facts } from '../facts.ts'
import { decodeLineage, lineageHash } from '../lineage.ts'
import type { Finding } from '../link.ts'
import { refuse } from '../refusal.ts'

/** Whether the model that the receipt names is registered, and how it was made if that is shown. */
export function checkModel({ receipt: { signed }, lineage }: Evidence, facts: Facts): Finding {
  const { modelRoot, mode } = signed.receipt
  if (BigInt(modelRoot) === 0n) {
    if (mode === RECEIPT_MODES.reExecutable) refuse('A re-executable answer names its model, this receipt names none.')
    if (lineage.length > 0) refuse('A lineage is shown, but the receipt names no model.')
    return { state: 'not-required', detail: 'The receipt names no model: the answer came from an upstream.' }
  }
  const entry = facts.model(modelRoot)
  if (BigInt(entry.owner) === 0n) refuse(`Model ${modelRoot} is not registered.`)
  if (mode > entry.mode) refuse(`The receipt has mode ${mode}, model ${modelRoot} allows at most ${entry.mode}.`)
  return {
    state: 'proven',
    detail:
      `Model ${modelRoot} was registered by ${entry.owner} under ${licenceText(entry.licence)}` +
      `${lineageText(lineage, { modelRoot, named: entry.lineage })}.`,
  }
}

function lineageText(encoded: Uint8Array, { modelRoot, named }: { modelRoot: Hex; named: Hex }): string {
  if (encoded.length === 0) return BigInt(named) === 0n ? '' : `; its lineage ${named} is not shown`
  if (lineageHash(encoded) !== named) refuse(`The lineage that is shown is not the one that the registry names for the model.`)
  const lineage = decodeLineage(encoded)
  if (lineage.modelRoot !== modelRoot) refuse(`The lineage is of model ${lineage.modelRoot}.`)
  return `, its owner says that it was made of dataset ${lineage.datasetRoot} by task ${lineage.taskRoot}`
}

/** SPDX text, padded with zeros; whoever registered chose it, so nothing but printable ASCII is shown. */
function licenceText(licence: Hex): string {
  const text = String.fromCharCode(...fromHex(licence, 32)).replace(/\0+$/, '')
  if (text === '') return 'no licence'
  return /^[\x20-\x7e]+$/.test(text) ? text : 'a licence that is no text'
}

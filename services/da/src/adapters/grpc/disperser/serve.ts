import type { Random, Rpc } from '@zerog/ports'
import type { Committees } from '../../../app/committees.ts'
import type { AcceptRules } from '../../../app/disperser/accept.ts'
import type { Disperser } from '../../../app/disperser/disperser.ts'
import { disperse } from './disperse.ts'
import { getBlob } from './get-blob.ts'
import { getCertificate } from './get-certificate.ts'
import { getCommittee } from './get-committee.ts'
import { getQuote } from './get-quote.ts'
import { disperserService } from './service.ts'
import { watchBlob } from './watch-blob.ts'

export function serveDisperser(
  rpc: Rpc,
  disperser: Disperser,
  deps: { readonly rules: AcceptRules; readonly committees: Committees; readonly random: Random },
): void {
  rpc.serve(disperserService, {
    disperse: disperse(disperser, deps.random),
    watchBlob: watchBlob(disperser.views),
    getBlob: getBlob(disperser.views),
    getCertificate: getCertificate(disperser.views),
    getQuote: getQuote(deps.rules, deps.committees),
    getCommittee: getCommittee(deps.committees),
  })
}

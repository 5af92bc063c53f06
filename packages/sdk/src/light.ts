// What checks instead of believing: apart from the main entry, because codes and curves would make every bundle three times as large.
export { nobleMultisignature } from '@zerog/consensus/noble'
export { type ProvenBlock, proveAccount, proveBlock, type TrustOptions } from './chain/light.ts'
export { readFrames, type SampledRow, type SampleOptions, type SampleReport, sampleBundle } from './da/light.ts'

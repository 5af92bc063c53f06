export { type DevnetEndpoints, readEndpoints } from './devnet/endpoints.ts'
export { EXIT } from './exit-codes.ts'

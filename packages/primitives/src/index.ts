export { AssertionError, assert } from './assert.ts'
export { bigintToBytes, bytesToBigint, compareBytes, concatBytes, equalBytes, fromHex, type Hex, isHex, toHex } from './bytes.ts'
export { type ErrorDetails, ZerogError } from './error.ts'
export { HTTP_STATUS, REASONS, type Reason, type Status } from './reasons.ts'

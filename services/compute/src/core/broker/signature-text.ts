import type { Hex } from '@zerog/primitives'

/** 0G's text about an answer: hexadecimal SHA-256 of request and response bytes (reference compute 1.5). */
export function signatureText(requestHash: Hex, responseHash: Hex): string {
  return `${requestHash.slice(2)}:${responseHash.slice(2)}`
}

import { ZerogError } from '@zerog/primitives'

/** Newer engines convert natively; `Buffer` and `btoa` serve the others. */
type Native = { toBase64?: () => string }
type NativeStatic = { fromBase64?: (text: string) => Uint8Array }

export function bytesToBase64(bytes: Uint8Array): string {
  const native = (bytes as Native).toBase64
  if (native !== undefined) return native.call(bytes)
  if (globalThis.Buffer !== undefined) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  let text = ''
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000))
  }
  return btoa(text)
}

/** Throws ZerogError for text that is no base64. */
export function base64ToBytes(text: string): Uint8Array {
  try {
    const native = (Uint8Array as NativeStatic).fromBase64
    if (native !== undefined) return native.call(Uint8Array, text)
    if (globalThis.Buffer !== undefined) return new Uint8Array(Buffer.from(text, 'base64'))
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch (cause) {
    throw new ZerogError('VERIFICATION_FAILED', { message: 'a segment came back as something that is no base64', cause })
  }
}

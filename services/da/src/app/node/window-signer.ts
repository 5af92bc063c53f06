/** The key that a member is registered with. */
export type WindowSigner = {
  /** Affine point of G1, x ‖ y, 96 bytes. */
  readonly key: Uint8Array
  /** BLS12-381 min-pk signature, compressed, 96 bytes; tag and suite in docs/spec/data-availability.md. */
  sign(message: Uint8Array): Uint8Array
}

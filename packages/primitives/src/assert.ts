/** Thrown when our own code is wrong. Nothing catches it on purpose: the process stops. */
export class AssertionError extends Error {
  override name = 'AssertionError'
}

/** States what must be true. For what a peer, a user or a disk can do wrong, throw a `ZerogError` instead. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

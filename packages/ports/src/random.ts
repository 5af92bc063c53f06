export interface Random {
  bytes(length: number): Uint8Array
  /** Uniform integer in [0, bound), bound in [1, 2^32]. */
  below(bound: number): number
  /** RFC 4122 version 4 text. */
  uuid(): string
}

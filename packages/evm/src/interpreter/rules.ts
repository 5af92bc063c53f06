/** The forks whose rules the interpreter knows. The chain runs Prague; Cancun is what the published state tests end with. */
export type Fork = 'cancun' | 'prague'

/** What differs between the forks, decided once per engine. */
export type Rules = {
  readonly fork: Fork
  /** EIP-7702: code of the form 0xef0100 and an address runs the code of that address. */
  readonly delegation: boolean
  /** EIP-7623: calldata has a price below which no transaction gets. */
  readonly floorGas: boolean
  /** EIP-2537: the precompiles 0x0b to 0x11. */
  readonly bls: boolean
}

export function rulesOf(fork: Fork): Rules {
  const prague = fork === 'prague'
  return { fork, delegation: prague, floorGas: prague, bls: prague }
}

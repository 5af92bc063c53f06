/** One word for why a message failed, from either engine's text; undefined if it did not. */
function errorClass(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  return ERROR_CLASSES.find(([pattern]) => pattern.test(text))?.[1] ?? text
}

/** Ours speaks as geth does, the oracle as its library. What only geth tells apart is one class. */
const ERROR_CLASSES: readonly (readonly [RegExp, string])[] = [
  [/^(execution reverted|revert)$/, 'revert'],
  [
    /^(out of gas|code store out of gas|contract creation code storage out of gas|gas uint64 overflow|return data out of bounds|value out of range)/,
    'gas or bounds',
  ],
  [/^(max code size exceeded|code size to deposit exceeds)/, 'gas or bounds'],
  [/^(max initcode size exceeded|initcode exceeds)/, 'gas or bounds'],
  [/^stack underflow/, 'stack underflow'],
  [/^stack (limit reached|overflow)/, 'stack overflow'],
  [/^(invalid jump destination|invalid JUMP)/, 'jump'],
  [/^invalid opcode/, 'opcode'],
  [/^(write protection|static state change)/, 'static'],
  [/^(contract address collision|create collision)/, 'collision'],
  [/^(invalid code: must not begin with 0xef|invalid bytecode deployed)/, 'code 0xef'],
]

/**
 * Whether two texts name the same failure. Every failure but a revert takes all gas, so where one opcode fails twice the state does
 * not show which check came first: ours has geth's order, the library another one in two places. How a precompile names bad input
 * is its own business.
 */
export function sameError(ours: string | undefined, oracle: string | undefined, precompile: boolean): boolean {
  const [a, b] = [errorClass(ours), errorClass(oracle)]
  if (a === b) return true
  if (a === undefined || b === undefined) return false
  if (precompile) return a !== 'revert'
  return LATER_CHECKS[a]?.includes(b) === true
}

/** Our class, and the classes of later checks that the library makes first. */
const LATER_CHECKS: Readonly<Record<string, readonly string[]>> = {
  'gas or bounds': ['static'],
  'stack underflow': ['gas or bounds', 'static'],
  'stack overflow': ['gas or bounds'],
  'code 0xef': ['gas or bounds'],
}

/** Names as geth prints them, with what each takes from the stack and leaves on it. */
const TABLE: readonly (readonly [code: number, name: string, pops: number, pushes: number])[] = [
  [0x00, 'STOP', 0, 0],
  ...arithmetic(0x01, ['ADD', 'MUL', 'SUB', 'DIV', 'SDIV', 'MOD', 'SMOD'], 2),
  ...arithmetic(0x08, ['ADDMOD', 'MULMOD'], 3),
  ...arithmetic(0x0a, ['EXP', 'SIGNEXTEND'], 2),
  ...arithmetic(0x10, ['LT', 'GT', 'SLT', 'SGT', 'EQ'], 2),
  [0x15, 'ISZERO', 1, 1],
  ...arithmetic(0x16, ['AND', 'OR', 'XOR'], 2),
  [0x19, 'NOT', 1, 1],
  ...arithmetic(0x1a, ['BYTE', 'SHL', 'SHR', 'SAR'], 2),
  [0x20, 'KECCAK256', 2, 1],
  [0x30, 'ADDRESS', 0, 1],
  [0x31, 'BALANCE', 1, 1],
  [0x32, 'ORIGIN', 0, 1],
  [0x33, 'CALLER', 0, 1],
  [0x34, 'CALLVALUE', 0, 1],
  [0x35, 'CALLDATALOAD', 1, 1],
  [0x36, 'CALLDATASIZE', 0, 1],
  [0x37, 'CALLDATACOPY', 3, 0],
  [0x38, 'CODESIZE', 0, 1],
  [0x39, 'CODECOPY', 3, 0],
  [0x3a, 'GASPRICE', 0, 1],
  [0x3b, 'EXTCODESIZE', 1, 1],
  [0x3c, 'EXTCODECOPY', 4, 0],
  [0x3d, 'RETURNDATASIZE', 0, 1],
  [0x3e, 'RETURNDATACOPY', 3, 0],
  [0x3f, 'EXTCODEHASH', 1, 1],
  [0x40, 'BLOCKHASH', 1, 1],
  [0x41, 'COINBASE', 0, 1],
  [0x42, 'TIMESTAMP', 0, 1],
  [0x43, 'NUMBER', 0, 1],
  // geth keeps the old name also after the merge.
  [0x44, 'DIFFICULTY', 0, 1],
  [0x45, 'GASLIMIT', 0, 1],
  [0x46, 'CHAINID', 0, 1],
  [0x47, 'SELFBALANCE', 0, 1],
  [0x48, 'BASEFEE', 0, 1],
  [0x49, 'BLOBHASH', 1, 1],
  [0x4a, 'BLOBBASEFEE', 0, 1],
  [0x50, 'POP', 1, 0],
  [0x51, 'MLOAD', 1, 1],
  [0x52, 'MSTORE', 2, 0],
  [0x53, 'MSTORE8', 2, 0],
  [0x54, 'SLOAD', 1, 1],
  [0x55, 'SSTORE', 2, 0],
  [0x56, 'JUMP', 1, 0],
  [0x57, 'JUMPI', 2, 0],
  [0x58, 'PC', 0, 1],
  [0x59, 'MSIZE', 0, 1],
  [0x5a, 'GAS', 0, 1],
  [0x5b, 'JUMPDEST', 0, 0],
  [0x5c, 'TLOAD', 1, 1],
  [0x5d, 'TSTORE', 2, 0],
  [0x5e, 'MCOPY', 3, 0],
  ...Array.from({ length: 33 }, (_, size) => [0x5f + size, `PUSH${size}`, 0, 1] as const),
  ...Array.from({ length: 16 }, (_, depth) => [0x80 + depth, `DUP${depth + 1}`, depth + 1, depth + 2] as const),
  ...Array.from({ length: 16 }, (_, depth) => [0x90 + depth, `SWAP${depth + 1}`, depth + 2, depth + 2] as const),
  ...Array.from({ length: 5 }, (_, topics) => [0xa0 + topics, `LOG${topics}`, topics + 2, 0] as const),
  [0xf0, 'CREATE', 3, 1],
  [0xf1, 'CALL', 7, 1],
  [0xf2, 'CALLCODE', 7, 1],
  [0xf3, 'RETURN', 2, 0],
  [0xf4, 'DELEGATECALL', 6, 1],
  [0xf5, 'CREATE2', 4, 1],
  [0xfa, 'STATICCALL', 6, 1],
  [0xfd, 'REVERT', 2, 0],
  [0xfe, 'INVALID', 0, 0],
  [0xff, 'SELFDESTRUCT', 1, 0],
]

const byCode = new Map(TABLE.map(([code, name, pops, pushes]) => [code, { name, pops, growth: pushes - pops }]))

/** geth's `OpCode.String()`. */
export function opcodeName(code: number): string {
  return byCode.get(code)?.name ?? `opcode 0x${code.toString(16)} not defined`
}

export function stackItems(code: number): { readonly pops: number; readonly growth: number } {
  return byCode.get(code) ?? { pops: 0, growth: 0 }
}

function arithmetic(first: number, names: readonly string[], pops: number) {
  return names.map((name, index) => [first + index, name, pops, 1] as const)
}

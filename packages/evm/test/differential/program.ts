/**
 * Contract code as a tree, so that a failing program can be cut down without breaking its jumps: plain hex, loops, jumps over
 * bytes that are not code, and creations with their own programs.
 */
export type Item =
  | string
  | { readonly loop: number; readonly body: readonly Item[] }
  | { readonly skip: string }
  | { readonly create: Creation }
  | { readonly deploy: readonly Item[]; readonly size?: number }

export type Creation = {
  readonly op: 'f0' | 'f5'
  /** Hex that pushes the value. */
  readonly value: string
  readonly salt: number
  readonly init: readonly Item[]
  /** Bytes of zero after the init code. */
  readonly padding?: number
}

/** Memory words that generated programs use for themselves: the last created address, and loop counters below. */
export const CREATED_SLOT = 0x3c0
const COUNTER_SLOT = 0x3e0

/** Hex of the program; data of creations follows the code. */
export function assemble(items: readonly Item[]): string {
  const assembly: Assembly = { code: '', data: [], depth: 0 }
  for (const item of items) emit(assembly, item)
  let { code } = assembly
  let offset = code.length / 2
  for (const { at, hex } of assembly.data) {
    code = code.slice(0, 2 * at) + word16(offset) + code.slice(2 * at + 4)
    offset += hex.length / 2
  }
  return code + assembly.data.map(({ hex }) => hex).join('')
}

type Assembly = { code: string; readonly data: { readonly at: number; readonly hex: string }[]; depth: number }

function emit(assembly: Assembly, item: Item): void {
  if (typeof item === 'string') assembly.code += item
  else if ('loop' in item) emitLoop(assembly, item.loop, item.body)
  else if ('skip' in item) {
    const target = assembly.code.length / 2 + 4 + item.skip.length / 2
    assembly.code += `61${word16(target)}56${item.skip}5b`
  } else if ('create' in item) emitCreate(assembly, item.create)
  else {
    const code = assemble(item.deploy)
    copyData(assembly, code, code.length / 2)
    assembly.code += `62${(item.size ?? code.length / 2).toString(16).padStart(6, '0')}5ff3`
  }
}

/** The counter lies in memory, because the body may leave anything on the stack. */
function emitLoop(assembly: Assembly, times: number, body: readonly Item[]): void {
  const slot = word16(COUNTER_SLOT + 32 * assembly.depth)
  assembly.code += `60${byte(times)}61${slot}52`
  const label = word16(assembly.code.length / 2)
  assembly.code += '5b'
  assembly.depth += 1
  for (const item of body) emit(assembly, item)
  assembly.depth -= 1
  assembly.code += `600161${slot}51038061${slot}5261${label}57`
}

function emitCreate(assembly: Assembly, { op, value, salt, init, padding = 0 }: Creation): void {
  const code = assemble(init)
  copyData(assembly, code, code.length / 2)
  const size = (code.length / 2 + padding).toString(16).padStart(6, '0')
  const salted = op === 'f5' ? `60${byte(salt)}` : ''
  assembly.code += `${salted}62${size}5f${value}${op}61${word16(CREATED_SLOT)}52`
}

/** Copies `hex` from the end of the code to memory 0. */
function copyData(assembly: Assembly, hex: string, size: number): void {
  assembly.code += `61${word16(size)}61`
  assembly.data.push({ at: assembly.code.length / 2, hex })
  assembly.code += '00005f39'
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

function word16(value: number): string {
  return (value & 0xffff).toString(16).padStart(4, '0')
}

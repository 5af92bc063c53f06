import { ZerogError } from '@zerog/primitives'

export type TomlTable = { [key: string]: string | number | boolean | TomlTable }

/**
 * The part of TOML that a config file of `zerog` needs: `[table.names]`, `key = "text" | 123 | true`, comments. Anything else is
 * refused with its line number.
 */
export function parseToml(text: string, file: string): TomlTable {
  const root: TomlTable = Object.create(null)
  let table = root
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const header = /^\[([\w.-]+)\]\s*(?:#.*)?$/.exec(trimmed)
    const pair = /^([\w-]+)\s*=\s*(?:"([^"\\]*)"|'([^']*)'|(true|false)|(-?\d+))\s*(?:#.*)?$/.exec(trimmed)
    if (header !== null)
      table = openTable(root, header[1] ?? '', () => refuse(file, index, 'a table cannot have the name of a value'))
    else if (pair !== null) table[pair[1] ?? ''] = scalarOf(pair)
    else throw refuse(file, index, 'expected [table] or key = "value"')
  }
  return root
}

function openTable(root: TomlTable, path: string, refusal: () => ZerogError): TomlTable {
  let table = root
  for (const name of path.split('.')) {
    const inner = table[name] ?? (Object.create(null) as TomlTable)
    if (typeof inner !== 'object') throw refusal()
    table[name] = inner
    table = inner
  }
  return table
}

function scalarOf([, , double, single, flag, integer]: RegExpExecArray): string | number | boolean {
  if (flag !== undefined) return flag === 'true'
  return integer === undefined ? (double ?? single ?? '') : Number(integer)
}

function refuse(file: string, index: number, problem: string): ZerogError {
  return new ZerogError('CONFIG_INVALID', {
    message: `${file}:${index + 1}: ${problem}`,
    metadata: { file, line: String(index + 1) },
  })
}

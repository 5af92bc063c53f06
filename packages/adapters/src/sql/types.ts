import pg from 'pg'

/** Object identifiers from PostgreSQL's pg_type.dat. */
const INT8 = 20
const BYTEA = 17
const INT8_ARRAY = 1016

/** Parsers of one pool. pg's own registry is global to the process, so it is not touched. */
export const sqlTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (format !== 'binary') {
      if (oid === INT8) return BigInt
      if (oid === BYTEA) return parseBytes
      if (oid === INT8_ARRAY) return (text: string) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(BigInt))
    }
    // The registry's signature has one overload per known type; the call is the same for all.
    return pg.types.getTypeParser(oid, format as 'text')
  }) as pg.CustomTypesConfig['getTypeParser'],
}

/** `\x` and two digits per byte (bytea_output = hex, the default since 9.0). */
function parseBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}

type Json = Readonly<Record<string, unknown>>

/**
 * Puts the streamed deltas of an upstream together to the fields of one message: strings of one name are appended, items of a list
 * meet by their `index` (tool calls), anything else is replaced. `content` and `role` are ours and left out.
 */
export function mergeDeltas(deltas: readonly Json[]): Json {
  let merged: Json = {}
  for (const delta of deltas) merged = mergeObject(merged, delta)
  const { content: _content, role: _role, ...fields } = merged
  const calls = fields.tool_calls
  return Array.isArray(calls) ? { ...fields, tool_calls: calls.map(withoutIndex) } : fields
}

/** One delta of an upstream as our stream sends it on; undefined where it is no JSON object. */
export function readDelta(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (!isJson(value)) return undefined
    const { content: _content, role: _role, ...fields } = value
    return fields
  } catch {
    return undefined
  }
}

function mergeObject(into: Json, from: Json): Json {
  // Null-prototype: a field may be called __proto__.
  const merged: Record<string, unknown> = Object.assign(Object.create(null), into)
  for (const [name, value] of Object.entries(from)) merged[name] = mergeValue(merged[name], value, name)
  return merged
}

function mergeValue(into: unknown, from: unknown, name: string): unknown {
  // Names and kinds come whole, and some upstreams repeat them.
  const whole = name === 'id' || name === 'type' || name === 'name'
  if (typeof into === 'string' && typeof from === 'string') return whole ? from || into : into + from
  if (Array.isArray(into) && Array.isArray(from)) return mergeList(into, from)
  if (Array.isArray(from)) return mergeList([], from)
  if (isJson(into) && isJson(from)) return mergeObject(into, from)
  return from ?? into
}

function mergeList(into: readonly unknown[], from: readonly unknown[]): unknown[] {
  const merged = [...into]
  for (const item of from) {
    const at =
      isJson(item) && 'index' in item ? merged.findIndex((present) => isJson(present) && present.index === item.index) : -1
    const present = merged[at]
    if (isJson(present) && isJson(item)) merged[at] = mergeObject(present, item)
    else merged.push(item)
  }
  return merged
}

function withoutIndex(call: unknown): unknown {
  if (!isJson(call)) return call
  const { index: _index, ...rest } = call
  return rest
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A selector of an expression: the series that it names and the labels that it asks of them. */
export type Selector = { readonly metric: string; readonly labels: readonly string[] }

export type Names = {
  readonly selectors: readonly Selector[]
  /** Labels that results are grouped or matched by. */
  readonly grouped: readonly string[]
}

const FUNCTIONS = new Set(
  'rate irate increase delta sum min max avg count quantile histogram_quantile time vector label_values clamp_min abs'.split(' '),
)
const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'])
const OPERATORS = new Set(['and', 'or', 'unless', 'bool', 'offset'])
const TOKEN = /"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9][0-9.eE]*|[{}(),]|[=!<>~^+*/%-]+|\s+/g

/**
 * Names in a PromQL expression. No parser, which promtool is: it tells selectors, labels, functions and operators apart, and throws on
 * anything that it does not know.
 */
export function namesIn(expression: string): Names {
  const text = expression.replaceAll('$__rate_interval', '5m').replaceAll('$namespace', 'any')
  const tokens = (text.match(TOKEN) ?? []).filter((token) => token.trim() !== '')
  if (tokens.join('') !== text.replaceAll(/\s+(?=(?:[^"]*"[^"]*")*[^"]*$)/g, '')) throw new Error(`unreadable: ${expression}`)
  const selectors: { metric: string; labels: string[] }[] = []
  const grouped: string[] = []
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] as string // in range
    const next = tokens[at + 1]
    if (token === '{') throw new Error(`a selector without a name: ${expression}`)
    if (!/^[a-zA-Z_:]/.test(token) || OPERATORS.has(token)) continue
    if (GROUPING.has(token)) {
      const end = tokens.indexOf(')', at)
      grouped.push(...tokens.slice(at + 2, end).filter((one) => one !== ','))
      at = end
    } else if (FUNCTIONS.has(token)) {
      if (next !== '(' && !GROUPING.has(next ?? '')) throw new Error(`${token} is no function here: ${expression}`)
    } else {
      if (next === '(') throw new Error(`unknown function ${token}: ${expression}`)
      const labels: string[] = []
      if (next === '{') {
        const end = tokens.indexOf('}', at)
        for (let inner = at + 2; inner < end; inner++) {
          const one = tokens[inner] as string // below `end`
          if (/^[a-zA-Z_]/.test(one)) labels.push(one)
        }
        at = end
      }
      selectors.push({ metric: token, labels })
    }
  }
  return { selectors, grouped }
}

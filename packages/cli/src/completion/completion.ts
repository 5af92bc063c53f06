import { ZerogError } from '@zerog/primitives'
import type { Command } from 'commander'

/** Words that may follow each command path: `''` for the root, `chain`, `chain send`. */
export function completionWords(program: Command): ReadonlyMap<string, readonly string[]> {
  const words = new Map<string, readonly string[]>()
  const globals = optionsOf(program)
  const visit = (command: Command, path: string): void => {
    const names = command.commands.flatMap((child) => [child.name(), ...child.aliases()])
    words.set(path, [...names, ...(command === program ? [] : optionsOf(command)), ...globals])
    for (const child of command.commands) {
      for (const name of [child.name(), ...child.aliases()]) visit(child, path === '' ? name : `${path} ${name}`)
    }
  }
  visit(program, '')
  return words
}

/** A script for the shell, made of the command tree, so that it cannot disagree with --help. */
export function completionScript(program: Command, shell: string): string {
  const words = completionWords(program)
  switch (shell) {
    case 'bash':
      return bash(words)
    case 'zsh':
      return `autoload -U +X bashcompinit && bashcompinit\n${bash(words)}`
    case 'fish':
      return fish(words)
    case 'pwsh':
      return powershell(words)
    default:
      throw new ZerogError('INVALID_ARGUMENT', { message: `no completion for ${shell}; there are bash, zsh, fish and pwsh` })
  }
}

function optionsOf(command: Command): readonly string[] {
  return command.options.flatMap((option) => (option.long === undefined || option.long === null ? [] : [option.long]))
}

function bash(words: ReadonlyMap<string, readonly string[]>): string {
  const cases = [...words].map(([path, next]) => `    '${path}') words='${next.join(' ')}' ;;`)
  return `_zerog() {
  local path='' words='' word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ "$word" == -* ]] && continue
    path="\${path:+$path }$word"
  done
  case "$path" in
${cases.join('\n')}
  esac
  if [[ -n "$words" ]]; then
    COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  else
    COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
  fi
}
complete -o default -F _zerog zerog
`
}

function fish(words: ReadonlyMap<string, readonly string[]>): string {
  const lines = [...words].map(([path, next]) => {
    const seen = path
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
    const condition = seen.length === 0 ? '__fish_use_subcommand' : seen.join('; and ')
    return `complete -c zerog -n '${condition}' -a '${next.join(' ')}'`
  })
  return `${lines.join('\n')}\n`
}

function powershell(words: ReadonlyMap<string, readonly string[]>): string {
  const entries = [...words].map(([path, next]) => `  '${path}' = @(${next.map((word) => `'${word}'`).join(', ')})`)
  return `$zerogWords = @{
${entries.join('\n')}
}
Register-ArgumentCompleter -Native -CommandName zerog -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $path = ($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" } | Where-Object { $_ -notlike '-*' -and $_ -ne $wordToComplete }) -join ' '
  $zerogWords[$path] | Where-Object { $_ -like "$wordToComplete*" }
}
`
}

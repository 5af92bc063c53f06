import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
/// <reference path="./solc.d.ts" />
import solc from 'solc'

export type Artifact = {
  readonly abi: readonly unknown[]
  readonly bytecode: string
  readonly deployedBytecode: string
  /** Where variables live, `struct.member` flattened: slot number, byte offset from the right, size in bytes. */
  readonly storage: Readonly<Record<string, { readonly slot: number; readonly offset: number; readonly bytes: number }>>
}

type SolcOutput = {
  errors?: { severity: string; errorCode: string; formattedMessage: string }[]
  contracts?: Record<string, Record<string, SolcContract>>
}
type SolcContract = {
  abi: unknown[]
  evm: { bytecode: { object: string }; deployedBytecode: { object: string } }
  storageLayout: { storage: SolcVariable[]; types: Record<string, SolcType> | null }
}
type SolcVariable = { label: string; offset: number; slot: string; type: string }
type SolcType = { encoding: string; label: string; numberOfBytes: string; members?: SolcVariable[]; base?: string }

/** The package's own sources, `storage/Flow.sol` by path below `solidity/`. */
export const SOLIDITY_FOLDER = fileURLToPath(new URL('../solidity', import.meta.url))

/** Solidity files below `folder`, by path with forward slashes. */
export function readSources(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.sol'))
  return Object.fromEntries(
    names.sort().map((name) => [relative('.', name).split(sep).join('/'), readFileSync(join(folder, name), 'utf8')]),
  )
}

/** Assembly that writes transient storage should clear it again; so does each place of ours that does (locks per user). */
const TSTORE_WARNING = '2394'

export type CompileOptions = {
  readonly runs?: number
  /** Path and name of the only contract that is made; every source is still read, so the bytes are the same. */
  readonly only?: readonly [path: string, name: string]
}

/** What the compiler is given: all that its output depends on but itself. */
export function compilerInput(sources: Record<string, string>, { runs = 100_000, only = ['*', '*'] }: CompileOptions = {}) {
  return {
    language: 'Solidity',
    sources: Object.fromEntries(Object.entries(sources).map(([path, content]) => [path, { content }])),
    settings: {
      viaIR: true,
      optimizer: { enabled: true, runs },
      evmVersion: 'prague',
      metadata: { appendCBOR: false, bytecodeHash: 'none' },
      outputSelection: {
        [only[0]]: { [only[1]]: ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'storageLayout'] },
      },
    },
  }
}

/**
 * Compiles with the settings of every checked-in artifact. No metadata is appended, so equal sources give equal bytes on every
 * machine. Throws the compiler's own messages; a warning is an error.
 */
export function compile(sources: Record<string, string>, options: CompileOptions = {}): Record<string, Artifact> {
  const input = compilerInput(sources, options)
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as SolcOutput
  const problems = (output.errors ?? []).filter(({ severity, errorCode }) => severity !== 'info' && errorCode !== TSTORE_WARNING)
  if (problems.length > 0) throw new Error(problems.map((problem) => problem.formattedMessage).join('\n'))
  const artifacts: Record<string, Artifact> = {}
  for (const contracts of Object.values(output.contracts ?? {})) {
    for (const [name, contract] of Object.entries(contracts)) {
      if (isDeployable(contract)) artifacts[name] = artifactOf(contract)
    }
  }
  return artifacts
}

/** Interfaces have no code, libraries of internal functions nothing to call. */
function isDeployable({ abi, evm }: SolcContract): boolean {
  return evm.bytecode.object.length > 0 && (abi as { type: string }[]).some(({ type }) => type === 'function')
}

function artifactOf({ abi, evm, storageLayout }: SolcContract): Artifact {
  return {
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
    storage: Object.fromEntries(storageLayout.storage.flatMap((variable) => flatten(variable, storageLayout.types ?? {}, '', 0))),
  }
}

function flatten(
  variable: SolcVariable,
  types: Record<string, SolcType>,
  prefix: string,
  baseSlot: number,
): [string, Artifact['storage'][string]][] {
  const type = types[variable.type] as SolcType // solc describes every type that it names
  const slot = baseSlot + Number(variable.slot)
  const name = `${prefix}${variable.label}`
  if (type.members !== undefined) return type.members.flatMap((member) => flatten(member, types, `${name}.`, slot))
  // Of a mapping or a dynamic array it is the slot that the places of its elements are hashed from.
  return [[name, { slot, offset: variable.offset, bytes: Number(type.numberOfBytes) }]]
}

import { bytesToBigint, fromHex, type Hex, isHex, keccak256, toHex } from '@zerog/primitives'
import { SLOTS_MAX } from './limits.ts'
import { bytesOf, decodeRlp, listOf, refuse } from './rlp.ts'
import { type LoadNode, readTrie, verifyTrieProof } from './trie-proof.ts'

export type ProvenAccount = {
  readonly nonce: bigint
  readonly balance: bigint
  readonly storageRoot: Hex
  readonly codeHash: Hex
}

/** The result of eth_getProof (EIP-1186) as JSON carries it. */
export type ProofResponse = {
  readonly address: string
  readonly accountProof: readonly string[]
  readonly balance: string
  readonly nonce: string
  readonly codeHash: string
  readonly storageHash: string
  readonly storageProof: readonly { readonly key: string; readonly value: string; readonly proof: readonly string[] }[]
}

const EMPTY_ACCOUNT: ProvenAccount = {
  nonce: 0n,
  balance: 0n,
  storageRoot: toHex(keccak256(Uint8Array.of(0x80))),
  codeHash: toHex(keccak256(new Uint8Array(0))),
}

/** The account at a 20-byte address under a state root, or undefined when it is proven not to exist. Throws PROOF_INVALID. */
export function verifyAccount(stateRoot: Hex, address: Hex, proof: readonly Uint8Array[]): ProvenAccount | undefined {
  return accountOf(verifyTrieProof(bytes(stateRoot, 32), keccak256(bytes(address, 20)), proof))
}

/** The same from nodes that several proofs share. Throws PROOF_INVALID. */
export function readAccount(stateRoot: Hex, address: Hex, loadNode: LoadNode): ProvenAccount | undefined {
  return accountOf(readTrie(bytes(stateRoot, 32), keccak256(bytes(address, 20)), loadNode))
}

/** The word at a 32-byte slot under an account's storage root; 0 when it is proven not to be set. Throws PROOF_INVALID. */
export function verifyStorage(storageRoot: Hex, slot: Hex, proof: readonly Uint8Array[]): bigint {
  return wordOf(verifyTrieProof(bytes(storageRoot, 32), keccak256(bytes(slot, 32)), proof))
}

/** The same from nodes that several proofs share. Throws PROOF_INVALID. */
export function readStorage(storageRoot: Hex, slot: Hex, loadNode: LoadNode): bigint {
  return wordOf(readTrie(bytes(storageRoot, 32), keccak256(bytes(slot, 32)), loadNode))
}

function accountOf(encoded: Uint8Array | undefined): ProvenAccount | undefined {
  if (encoded === undefined) return undefined
  const [nonce, balance, storageRoot, codeHash] = listOf(decodeRlp(encoded), 'account', 4)
  return {
    nonce: integer(bytesOf(nonce, 'nonce'), 8),
    balance: integer(bytesOf(balance, 'balance'), 32),
    storageRoot: toHex(bytesOf(storageRoot, 'storage root', 32)),
    codeHash: toHex(bytesOf(codeHash, 'code hash', 32)),
  }
}

function wordOf(encoded: Uint8Array | undefined): bigint {
  if (encoded === undefined) return 0n
  const value = integer(bytesOf(decodeRlp(encoded), 'value'), 32)
  return value > 0n ? value : refuse('a slot holds an encoded zero')
}

/**
 * Checks everything that an eth_getProof answer claims against a state root, for the address and slots that were asked for.
 * Throws PROOF_INVALID. The root must come from a header that `verifyFinality` returned.
 */
export function verifyProofResponse(
  stateRoot: Hex,
  asked: { readonly address: Hex; readonly slots: readonly Hex[] },
  response: ProofResponse,
): { readonly account: ProvenAccount | undefined; readonly storage: readonly bigint[] } {
  if (asked.slots.length > SLOTS_MAX) refuse(`${asked.slots.length} slots`)
  const account = verifyAccount(stateRoot, asked.address, nodes(response.accountProof))
  const found = account ?? EMPTY_ACCOUNT
  if (!isSameHex(response.address, asked.address)) refuse('another address than was asked for')
  if (quantity(response.nonce) !== found.nonce) refuse('the claimed nonce is not the proven one')
  if (quantity(response.balance) !== found.balance) refuse('the claimed balance is not the proven one')
  if (!isSameHex(response.storageHash, found.storageRoot)) refuse('the claimed storage root is not the proven one')
  if (!isSameHex(response.codeHash, found.codeHash)) refuse('the claimed code hash is not the proven one')
  if (response.storageProof.length !== asked.slots.length) refuse('another number of slots than was asked for')
  const storage = asked.slots.map((slot, index) => {
    const { key, value, proof } = response.storageProof[index] as ProofResponse['storageProof'][number]
    // Some nodes answer with the key as a quantity.
    if (quantity(key) !== bytesToBigint(bytes(slot, 32))) refuse('another slot than was asked for')
    const proven = verifyStorage(found.storageRoot, slot, nodes(proof))
    if (quantity(value) !== proven) refuse('the claimed value is not the proven one')
    return proven
  })
  return { account, storage }
}

function bytes(text: string, length?: number): Uint8Array {
  return isHex(text, length)
    ? fromHex(text)
    : refuse(`expected 0x and ${length === undefined ? 'whole bytes' : `${length} bytes`}`)
}

const nodes = (proof: readonly string[]): Uint8Array[] => proof.map((node) => bytes(node))

const isSameHex = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

function quantity(text: string): bigint {
  return /^0x[0-9a-fA-F]{1,64}$/.test(text) ? BigInt(text) : refuse('a claimed number is no 256-bit quantity')
}

function integer(value: Uint8Array, bytesMax: number): bigint {
  if (value.length > bytesMax || value[0] === 0) refuse('an integer is too long or has a leading zero')
  return bytesToBigint(value)
}

import { bytesToBigint, fromHex, type Hex, toHex } from '@zerog/primitives'
import { rlpDecode, toBytes } from './codec/rlp.ts'
import type { Account, AccountProof } from './executor.ts'
import { type AccountRecord, decodeAccount, EMPTY_CODE_HASH, NEW_ACCOUNT } from './state/account.ts'
import { hashedKey, type NodeStore } from './state/node-store.ts'
import { stateKey } from './state/world-state.ts'
import { type NodeSource, trieGet, trieProof } from './trie/trie.ts'

/** Reads of one state root straight from the trie: no engine, no journal. `present` throws for a state that is kept no longer. */
export function createReads(store: NodeStore, present: (stateRoot: Hex) => void) {
  const record = (stateRoot: Hex, address: Hex): AccountRecord | undefined => {
    present(stateRoot)
    const encoded = trieGet(fromHex(stateRoot, 32), hashedKey(stateKey(address)), store.node)
    return encoded && decodeAccount(encoded)
  }
  const nodesOf = (address: Hex) => store.nodesOf(hashedKey(stateKey(address)))
  const slotValue = (address: Hex, storageRoot: Uint8Array, slot: Hex): Uint8Array => {
    const encoded = trieGet(storageRoot, hashedKey(stateKey(slot)), nodesOf(address))
    return encoded === undefined ? new Uint8Array(0) : toBytes(rlpDecode(encoded), 'slot')
  }
  return {
    account: async (stateRoot: Hex, address: Hex): Promise<Account | undefined> => {
      const found = record(stateRoot, address)
      return found && toAccount(found)
    },
    code: async (stateRoot: Hex, address: Hex): Promise<Hex> => {
      const hash = record(stateRoot, address)?.codeHash ?? EMPTY_CODE_HASH
      return hash === EMPTY_CODE_HASH ? '0x' : toHex(store.code(hash))
    },
    storage: async (stateRoot: Hex, address: Hex, slot: Hex): Promise<Hex> => {
      const value = slotValue(address, (record(stateRoot, address) ?? NEW_ACCOUNT).storageRoot, slot)
      return `0x${Buffer.from(value).toString('hex').padStart(64, '0')}`
    },
    proof: async (stateRoot: Hex, address: Hex, slots: readonly Hex[]): Promise<AccountProof> => {
      const found = record(stateRoot, address) ?? NEW_ACCOUNT
      const { balance, nonce, codeHash, storageRoot } = toAccount(found)
      const nodes = (root: Uint8Array, key: Hex, source: NodeSource): Hex[] =>
        trieProof(root, hashedKey(stateKey(key)), source).map((node) => toHex(node))
      return {
        address,
        balance,
        nonce,
        codeHash,
        storageHash: storageRoot,
        accountProof: nodes(fromHex(stateRoot, 32), address, store.node),
        storageProof: slots.map((slot) => ({
          key: slot,
          value: bytesToBigint(slotValue(address, found.storageRoot, slot)),
          proof: nodes(found.storageRoot, slot, nodesOf(address)),
        })),
      }
    },
  }
}

function toAccount({ nonce, balance, codeHash, storageRoot }: AccountRecord): Account {
  return { nonce, balance, codeHash: toHex(codeHash), storageRoot: toHex(storageRoot) }
}

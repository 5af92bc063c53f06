import type { AccountFields, StateManagerInterface } from '@ethereumjs/common'
import { Account, type Address } from '@ethereumjs/util'
import { assert } from '@zerog/primitives'
import { latin1 } from './node-store.ts'
import { type AccountRecord, NEW_ACCOUNT, type WorldState } from './world-state.ts'

/** The face of a `WorldState` that @ethereumjs/evm works with: asynchronous in form, answered at once. */
export function createStateManager(state: WorldState): StateManagerInterface {
  const manager: StateManagerInterface = {
    getAccount: async (address) => toAccount(state.account(latin1(address.bytes))),
    putAccount: async (address, account) => state.putAccount(latin1(address.bytes), account && toRecord(account)),
    deleteAccount: async (address) => state.deleteAccount(latin1(address.bytes)),
    modifyAccountFields: async (address, fields) => {
      const key = latin1(address.bytes)
      state.putAccount(key, { ...(state.account(key) ?? NEW_ACCOUNT), ...definedFields(fields) })
    },
    putCode: async (address, value) => state.putCode(latin1(address.bytes), value),
    getCode: async (address) => codeOf(state, address),
    getCodeSize: async (address) => codeOf(state, address).length,
    getStorage: async (address, key) => state.storage(latin1(address.bytes), latin1(key)),
    putStorage: async (address, key, value) => state.putStorage(latin1(address.bytes), latin1(key), value),
    clearStorage: async (address) => state.clearStorage(latin1(address.bytes)),
    checkpoint: async () => state.checkpoint(),
    commit: async () => state.commit(),
    revert: async () => state.revert(),
    getStateRoot: async () => notForEvm(),
    setStateRoot: async () => notForEvm(),
    hasStateRoot: async () => notForEvm(),
    originalStorageCache: {
      get: async (address, key) => state.originalStorage(latin1(address.bytes), latin1(key)),
      clear: () => state.endTransaction(),
    },
    clearCaches: () => undefined,
    shallowCopy: () => manager,
  }
  return manager
}

function notForEvm(): never {
  assert(false, 'roots are opened and sealed by the executor, not by the interpreter')
}

/** A fresh object each time: the interpreter changes what it gets before it puts it back. */
function toAccount(record: AccountRecord | undefined): Account | undefined {
  return record && new Account(record.nonce, record.balance, record.storageRoot, record.codeHash)
}

function toRecord({ nonce, balance, storageRoot, codeHash }: Account): AccountRecord {
  return { nonce, balance, storageRoot, codeHash }
}

function definedFields(fields: AccountFields): Partial<AccountRecord> {
  return {
    ...(fields.nonce !== undefined && { nonce: fields.nonce }),
    ...(fields.balance !== undefined && { balance: fields.balance }),
    ...(fields.codeHash !== undefined && { codeHash: fields.codeHash }),
  }
}

function codeOf(state: WorldState, address: Address): Uint8Array {
  const record = state.account(latin1(address.bytes))
  return record === undefined ? EMPTY : state.code(record.codeHash)
}

const EMPTY = new Uint8Array(0)

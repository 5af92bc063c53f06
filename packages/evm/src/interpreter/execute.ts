import { keccak256 } from '../codec/keccak.ts'
import { EMPTY_CODE_HASH } from '../state/world-state.ts'
import { callOp } from './call-ops.ts'
import { isJumpTarget } from './code.ts'
import { createOp } from './create-ops.ts'
import { checkOperation, fail, INVALID_JUMP, OUT_OF_GAS, RETURN_DATA_OUT_OF_BOUNDS, undefinedOperation } from './faults.ts'
import {
  BLOCK,
  ENDED,
  type Exit,
  type Frame,
  type Mode,
  NEXT,
  PAUSED,
  PRECISE,
  RESUME_PRECISE,
  RESUME_RUN,
  REVERTED,
  RUN,
} from './frame.ts'
import { COLD_SLOT_GAS, COPY_WORD_GAS, EXP_BYTE_GAS, KECCAK_WORD_GAS } from './gas-table.ts'
import type { Machine } from './machine.ts'
import { EMPTY } from './memory.ts'
import {
  codeOf,
  copyOp,
  logOp,
  pushBlockHash,
  pushCodeHash,
  selfDestructOp,
  storeOp,
  transientStoreOp,
  warmAccountGas,
} from './state-ops.ts'
import { emitStep } from './steps.ts'
import * as word from './word.ts'

/**
 * Runs a frame until it ends, calls, fails or the machine wants a pause. Program counter, stack height and gas are local variables, and
 * no closure sees them, so that they stay in registers; they are written back where the frame is left or another function needs them.
 * What is more than arithmetic and memory stands in call-ops, create-ops and state-ops. One function beyond a screen: a call per
 * operation would cost as much as most operations do.
 */
export function execute(machine: Machine, frame: Frame): Exit {
  const { stack: s, memory, code, input } = frame
  const { bytes, blockAt, blocks } = code
  const { state, substate, environment } = machine
  let { pc, sp, gas } = frame
  let mode: Mode = frame.mode
  let { ticks } = machine

  for (; ; pc++) {
    const op = bytes[pc] as number
    if (mode !== RUN) {
      if (mode === BLOCK) {
        const block = blockAt[pc] as number
        gas -= blocks[block] as number
        if (gas >= 0 && sp >= (blocks[block + 1] as number) && sp + (blocks[block + 2] as number) <= s.length) mode = RUN
        else {
          // The block fails somewhere: its operations one by one say where and why. A block behind a JUMPDEST has its gas too.
          gas += blocks[block] as number
          mode = PRECISE
          if (pc > 0 && bytes[pc - 1] === 0x5b) gas -= 1
          if (gas < 0) return fail(machine, OUT_OF_GAS)
        }
      }
      if (mode === PRECISE) {
        frame.pc = pc
        frame.sp = sp
        frame.gas = gas
        if (machine.hooks?.step !== undefined) emitStep(machine, frame, op)
        gas = checkOperation(machine, frame, op)
        if (gas < 0) return fail(machine, machine.fault)
      } else if (mode === RESUME_RUN) mode = RUN
      else if (mode === RESUME_PRECISE) mode = PRECISE
    }

    switch (op) {
      case 0x00: // STOP
        frame.output = EMPTY
        return leave(machine, frame, { gas, ticks, exit: ENDED })
      case 0x01:
        word.add(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x02:
        word.mul(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x03:
        word.sub(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x04:
        word.div(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x05:
        word.sdiv(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x06:
        word.mod(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x07:
        word.smod(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x08:
        word.addmod(s, sp - 8, sp - 16, sp - 24)
        sp -= 16
        break
      case 0x09:
        word.mulmod(s, sp - 8, sp - 16, sp - 24)
        sp -= 16
        break
      case 0x0a: // EXP
        gas -= EXP_BYTE_GAS * word.byteLength(s, sp - 16)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        word.exp(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x0b:
        word.signextend(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x10:
        word.setBoolean(s, sp - 16, word.isLess(s, sp - 8, sp - 16))
        sp -= 8
        break
      case 0x11:
        word.setBoolean(s, sp - 16, word.isLess(s, sp - 16, sp - 8))
        sp -= 8
        break
      case 0x12:
        word.setBoolean(s, sp - 16, word.isLessSigned(s, sp - 8, sp - 16))
        sp -= 8
        break
      case 0x13:
        word.setBoolean(s, sp - 16, word.isLessSigned(s, sp - 16, sp - 8))
        sp -= 8
        break
      case 0x14:
        word.setBoolean(s, sp - 16, word.isEqual(s, sp - 8, sp - 16))
        sp -= 8
        break
      case 0x15:
        word.setBoolean(s, sp - 8, word.isZero(s, sp - 8))
        break
      case 0x16:
        word.and(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x17:
        word.or(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x18:
        word.xor(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x19:
        word.not(s, sp - 8)
        break
      case 0x1a:
        word.byte(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x1b:
        word.shl(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x1c:
        word.shr(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x1d:
        word.sar(s, sp - 8, sp - 16)
        sp -= 8
        break
      case 0x20: {
        // KECCAK256
        const offset = word.toNumber(s, sp - 8)
        const length = word.toNumber(s, sp - 16)
        gas -= KECCAK_WORD_GAS * Math.ceil(length / 32)
        gas -= memory.reach(offset, length, gas)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        sp -= 8
        const hash = length === 0 ? EMPTY_CODE_HASH : keccak256(memory.bytes.subarray(offset, offset + length))
        word.setBytes(s, sp - 8, hash, 0, 32)
        mode ||= BLOCK
        ticks -= 1 + (length >>> 8)
        if (ticks <= 0) {
          if (machine.isDue()) return pause(frame, { pc: pc + 1, sp, gas, mode })
          ;({ ticks } = machine)
        }
        break
      }
      case 0x30:
        word.setKey(s, sp, frame.address)
        sp += 8
        break
      case 0x31: {
        // BALANCE
        const address = word.addressKey(s, sp - 8)
        gas -= warmAccountGas(machine, address)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        word.setBigint(s, sp - 8, state.account(address)?.balance ?? 0n)
        break
      }
      case 0x32:
        word.setKey(s, sp, environment.origin)
        sp += 8
        break
      case 0x33:
        word.setKey(s, sp, frame.caller)
        sp += 8
        break
      case 0x34:
        word.setBigint(s, sp, frame.value)
        sp += 8
        break
      case 0x35: {
        // CALLDATALOAD
        const offset = word.toNumber(s, sp - 8)
        if (offset + 32 <= input.length) word.setBytes(s, sp - 8, input, offset, 32)
        else word.setPadded(s, sp - 8, input, offset)
        break
      }
      case 0x36:
        word.setNumber(s, sp, input.length)
        sp += 8
        break
      case 0x37: // CALLDATACOPY
        gas -= copyOp(frame, sp, input, gas)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        sp -= 24
        break
      case 0x38:
        word.setNumber(s, sp, code.length)
        sp += 8
        break
      case 0x39: // CODECOPY; what lies behind the code are zeros anyway
        gas -= copyOp(frame, sp, bytes, gas)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        sp -= 24
        break
      case 0x3a:
        word.setBigint(s, sp, environment.gasPrice)
        sp += 8
        break
      case 0x3b: {
        // EXTCODESIZE
        const address = word.addressKey(s, sp - 8)
        gas -= warmAccountGas(machine, address)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        word.setNumber(s, sp - 8, codeOf(machine, address).length)
        break
      }
      case 0x3c: {
        // EXTCODECOPY
        const address = word.addressKey(s, sp - 8)
        gas -= warmAccountGas(machine, address)
        sp -= 8
        gas -= copyOp(frame, sp, codeOf(machine, address), gas)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        sp -= 24
        break
      }
      case 0x3d:
        word.setNumber(s, sp, frame.returned.length)
        sp += 8
        break
      case 0x3e: {
        // RETURNDATACOPY: may not read beyond the end (EIP-211)
        const end = word.toNumber(s, sp - 16) + word.toNumber(s, sp - 24)
        if (end > frame.returned.length) return fail(machine, RETURN_DATA_OUT_OF_BOUNDS)
        gas -= copyOp(frame, sp, frame.returned, gas)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        sp -= 24
        mode ||= BLOCK
        break
      }
      case 0x3f: {
        // EXTCODEHASH
        const address = word.addressKey(s, sp - 8)
        gas -= warmAccountGas(machine, address)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        pushCodeHash(machine, s, sp - 8)
        break
      }
      case 0x40:
        pushBlockHash(machine, s, sp - 8)
        break
      case 0x41:
        word.setKey(s, sp, environment.beneficiary)
        sp += 8
        break
      case 0x42:
        word.setBigint(s, sp, environment.timestampSeconds)
        sp += 8
        break
      case 0x43:
        word.setBigint(s, sp, environment.height)
        sp += 8
        break
      case 0x44: // PREVRANDAO (EIP-4399)
        word.setBytes(s, sp, environment.prevRandao, 0, 32)
        sp += 8
        break
      case 0x45:
        word.setBigint(s, sp, environment.gasLimit)
        sp += 8
        break
      case 0x46:
        word.setBigint(s, sp, environment.chainId)
        sp += 8
        break
      case 0x47:
        word.setBigint(s, sp, state.account(frame.address)?.balance ?? 0n)
        sp += 8
        break
      case 0x48:
        word.setBigint(s, sp, environment.baseFeePerGas)
        sp += 8
        break
      case 0x49: {
        // BLOBHASH: in a block of ours there is none at any index
        const hash = environment.blobHashes[word.toNumber(s, sp - 8)]
        if (hash === undefined) word.setNumber(s, sp - 8, 0)
        else word.setBigint(s, sp - 8, BigInt(hash))
        break
      }
      case 0x4a: // BLOBBASEFEE
        word.setBigint(s, sp, environment.blobBaseFee)
        sp += 8
        break
      case 0x50:
        sp -= 8
        break
      case 0x51: {
        // MLOAD
        const offset = word.toNumber(s, sp - 8)
        if (offset + 32 > memory.size) {
          gas -= memory.reach(offset, 32, gas)
          if (gas < 0) return fail(machine, OUT_OF_GAS)
        }
        const { view } = memory
        s[sp - 1] = view.getInt32(offset)
        s[sp - 2] = view.getInt32(offset + 4)
        s[sp - 3] = view.getInt32(offset + 8)
        s[sp - 4] = view.getInt32(offset + 12)
        s[sp - 5] = view.getInt32(offset + 16)
        s[sp - 6] = view.getInt32(offset + 20)
        s[sp - 7] = view.getInt32(offset + 24)
        s[sp - 8] = view.getInt32(offset + 28)
        break
      }
      case 0x52: {
        // MSTORE
        const offset = word.toNumber(s, sp - 8)
        if (offset + 32 > memory.size) {
          gas -= memory.reach(offset, 32, gas)
          if (gas < 0) return fail(machine, OUT_OF_GAS)
        }
        const { view } = memory
        view.setInt32(offset, s[sp - 9] as number)
        view.setInt32(offset + 4, s[sp - 10] as number)
        view.setInt32(offset + 8, s[sp - 11] as number)
        view.setInt32(offset + 12, s[sp - 12] as number)
        view.setInt32(offset + 16, s[sp - 13] as number)
        view.setInt32(offset + 20, s[sp - 14] as number)
        view.setInt32(offset + 24, s[sp - 15] as number)
        view.setInt32(offset + 28, s[sp - 16] as number)
        sp -= 16
        break
      }
      case 0x53: {
        // MSTORE8
        const offset = word.toNumber(s, sp - 8)
        gas -= memory.reach(offset, 1, gas)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        memory.bytes[offset] = s[sp - 16] as number
        sp -= 16
        break
      }
      case 0x54: {
        // SLOAD
        const slot = word.slotKey(s, sp - 8)
        if (substate.warmSlot(frame.address, slot)) {
          gas -= COLD_SLOT_GAS
          if (gas < 0) return fail(machine, OUT_OF_GAS)
        }
        word.setBytes(s, sp - 8, state.storage(frame.address, slot))
        break
      }
      case 0x55: // SSTORE
        frame.sp = sp
        gas = storeOp(machine, frame, gas)
        if (gas < 0) return fail(machine, machine.fault)
        sp -= 16
        mode ||= BLOCK
        break
      case 0x56: {
        // JUMP
        sp -= 8
        const target = word.toNumber(s, sp)
        if (!isJumpTarget(code, target)) return fail(machine, INVALID_JUMP)
        if (mode === RUN) {
          pc = target
          mode = BLOCK
        } else pc = target - 1
        ticks -= 1
        if (ticks <= 0) {
          if (machine.isDue()) return pause(frame, { pc: pc + 1, sp, gas, mode })
          ;({ ticks } = machine)
        }
        break
      }
      case 0x57: {
        // JUMPI
        sp -= 16
        if (word.isZero(s, sp)) {
          mode ||= BLOCK
          break
        }
        const target = word.toNumber(s, sp + 8)
        if (!isJumpTarget(code, target)) return fail(machine, INVALID_JUMP)
        if (mode === RUN) {
          pc = target
          mode = BLOCK
        } else pc = target - 1
        ticks -= 1
        if (ticks <= 0) {
          if (machine.isDue()) return pause(frame, { pc: pc + 1, sp, gas, mode })
          ;({ ticks } = machine)
        }
        break
      }
      case 0x58:
        word.setNumber(s, sp, pc)
        sp += 8
        break
      case 0x59:
        word.setNumber(s, sp, memory.size)
        sp += 8
        break
      case 0x5a: // GAS
        word.setNumber(s, sp, gas)
        sp += 8
        mode ||= BLOCK
        break
      case 0x5b: // JUMPDEST: a block begins behind it and has its gas
        mode ||= BLOCK
        break
      case 0x5c: {
        // TLOAD
        const value = substate.transient(frame.address, word.slotKey(s, sp - 8))
        if (value === undefined) word.setNumber(s, sp - 8, 0)
        else s.set(value, sp - 8)
        break
      }
      case 0x5d: // TSTORE
        frame.sp = sp
        if (!transientStoreOp(machine, frame)) return fail(machine, machine.fault)
        sp -= 16
        mode ||= BLOCK
        break
      case 0x5e: {
        // MCOPY
        const to = word.toNumber(s, sp - 8)
        const from = word.toNumber(s, sp - 16)
        const length = word.toNumber(s, sp - 24)
        gas -= COPY_WORD_GAS * Math.ceil(length / 32)
        gas -= memory.reach(Math.max(to, from), length, gas)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        if (length > 0) memory.bytes.copyWithin(to, from, from + length)
        sp -= 24
        break
      }
      case 0x5f:
        word.setNumber(s, sp, 0)
        sp += 8
        break
      case 0x60:
        word.setSmall(s, sp, bytes[pc + 1] as number)
        sp += 8
        pc += 1
        break
      case 0x61:
        word.setSmall(s, sp, ((bytes[pc + 1] as number) << 8) | (bytes[pc + 2] as number))
        sp += 8
        pc += 2
        break
      case 0x62:
      case 0x63:
      case 0x64:
      case 0x65:
      case 0x66:
      case 0x67:
      case 0x68:
      case 0x69:
      case 0x6a:
      case 0x6b:
      case 0x6c:
      case 0x6d:
      case 0x6e:
      case 0x6f:
      case 0x70:
      case 0x71:
      case 0x72:
      case 0x73:
      case 0x74:
      case 0x75:
      case 0x76:
      case 0x77:
      case 0x78:
      case 0x79:
      case 0x7a:
      case 0x7b:
      case 0x7c:
      case 0x7d:
      case 0x7e:
      case 0x7f:
        word.setBytes(s, sp, bytes, pc + 1, op - 0x5f)
        sp += 8
        pc += op - 0x5f
        break
      case 0x80:
      case 0x81:
      case 0x82:
      case 0x83:
      case 0x84:
      case 0x85:
      case 0x86:
      case 0x87:
      case 0x88:
      case 0x89:
      case 0x8a:
      case 0x8b:
      case 0x8c:
      case 0x8d:
      case 0x8e:
      case 0x8f:
        word.copy(s, sp - 8 * (op - 0x7f), sp)
        sp += 8
        break
      case 0x90:
      case 0x91:
      case 0x92:
      case 0x93:
      case 0x94:
      case 0x95:
      case 0x96:
      case 0x97:
      case 0x98:
      case 0x99:
      case 0x9a:
      case 0x9b:
      case 0x9c:
      case 0x9d:
      case 0x9e:
      case 0x9f:
        word.swap(s, sp - 8, sp - 8 * (op - 0x8e))
        break
      case 0xa0:
      case 0xa1:
      case 0xa2:
      case 0xa3:
      case 0xa4:
        frame.sp = sp
        gas = logOp(machine, frame, { gas, topicCount: op - 0xa0 })
        if (gas < 0) return fail(machine, machine.fault)
        sp -= 8 * (op - 0x9e)
        mode ||= BLOCK
        break
      case 0xf0:
      case 0xf5:
      case 0xf1:
      case 0xf2:
      case 0xf4:
      case 0xfa: {
        mode ||= BLOCK
        frame.pc = pc + 1
        frame.sp = sp
        frame.gas = gas
        frame.mode = mode
        machine.ticks = ticks
        const exit = op === 0xf0 || op === 0xf5 ? createOp(machine, frame, op) : callOp(machine, frame, op)
        if (exit === NEXT) {
          ;({ sp, gas } = frame)
          ;({ ticks } = machine)
          break
        }
        if (exit === PAUSED) {
          // Nothing has happened yet but the static gas.
          frame.pc = pc
          frame.mode = mode === PRECISE ? RESUME_PRECISE : RESUME_RUN
        }
        return exit
      }
      case 0xf3:
      case 0xfd: {
        // RETURN, REVERT
        const offset = word.toNumber(s, sp - 8)
        const length = word.toNumber(s, sp - 16)
        gas -= memory.reach(offset, length, gas)
        if (gas < 0) return fail(machine, OUT_OF_GAS)
        frame.output = memory.slice(offset, length)
        return leave(machine, frame, { gas, ticks, exit: op === 0xf3 ? ENDED : REVERTED })
      }
      case 0xff: // SELFDESTRUCT
        frame.sp = sp
        gas = selfDestructOp(machine, frame, gas)
        if (gas < 0) return fail(machine, machine.fault)
        frame.output = EMPTY
        return leave(machine, frame, { gas, ticks, exit: ENDED })
      default:
        return fail(machine, undefinedOperation(op))
    }
  }
}

type Registers = { readonly pc: number; readonly sp: number; readonly gas: number; readonly mode: Mode }

function pause(frame: Frame, { pc, sp, gas, mode }: Registers): Exit {
  frame.pc = pc
  frame.sp = sp
  frame.gas = gas
  frame.mode = mode
  return PAUSED
}

function leave(
  machine: Machine,
  frame: Frame,
  { gas, ticks, exit }: { readonly gas: number; readonly ticks: number; readonly exit: Exit },
): Exit {
  frame.gas = gas
  machine.ticks = ticks
  return exit
}

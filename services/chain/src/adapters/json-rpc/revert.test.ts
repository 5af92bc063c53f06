import { describe, expect, test } from '@jest/globals'
import { toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { revertText } from './revert.ts'

const word = (value: bigint | number) => value.toString(16).padStart(64, '0')

describe('revertText', () => {
  test('Error(string) shows its reason', () => {
    const reason = Buffer.from('user error').toString('hex').padEnd(64, '0')
    expect(revertText(`0x08c379a0${word(32)}${word(10)}${reason}`)).toBe('execution reverted: user error')
  })
  test('Panic(uint256) shows what the code means', () => {
    expect(revertText(`0x4e487b71${word(1)}`)).toBe('execution reverted: assert(false)')
    expect(revertText(`0x4e487b71${word(0x11)}`)).toBe('execution reverted: arithmetic underflow or overflow')
    expect(revertText(`0x4e487b71${word(0x99)}`)).toBe('execution reverted: unknown panic code: 0x99')
  })
  test('data of another form is not interpreted', () => {
    expect(revertText('0x')).toBe('execution reverted')
    expect(revertText('0x08c379a0')).toBe('execution reverted')
    expect(revertText(`0x08c379a0${word(1n << 200n)}${word(5)}`)).toBe('execution reverted')
    expect(revertText(`0x08c379a0${word(32)}${word(1n << 255n)}`)).toBe('execution reverted')
  })
  test('no bytes make it throw', () => {
    const tail = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(fc.constantFrom('0x08c379a0', '0x4e487b71', '0x'), tail, (head, rest) => {
        expect(revertText(`0x${head.slice(2)}${toHex(rest).slice(2)}`)).toMatch(/^execution reverted/)
      }),
    )
  })
})

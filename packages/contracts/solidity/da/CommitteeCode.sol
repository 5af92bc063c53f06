// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls} from "./Bls.sol";

/// A committee as the code of accounts that nobody can call: written once, read by EXTCODECOPY. Storage would cost 4 slots a member to
/// write (88,000 gas against 25,000) and 3 slots an absentee to read (6,300 against 112).
///
///   first account  0x00, root 32, sum of all keys 96, stake u64, members u32, 5 addresses of further accounts, then 196 members
///   others         0x00, then 196 members each
///   member         address 20, stake u64, key 96 (x, y)
///
/// All of it is immutable: epochs with the same members share it.
library CommitteeCode {
    struct Header {
        bytes32 root;
        Bls.G1 key;
        uint64 stake;
        uint32 members;
    }

    struct Member {
        address account;
        uint64 stake;
        Bls.G1 key;
    }

    uint256 internal constant MEMBERS_MAX = 1_024;
    uint256 private constant MEMBER_BYTES = 124;
    uint256 private constant MEMBERS_PER_ACCOUNT = 196;
    uint256 private constant HEADER_BYTES = 240;
    uint256 private constant FURTHER_ACCOUNTS = 5;
    uint256 private constant FURTHER_OFFSET = 141;

    error BitmapInvalid();
    error MemberUnknown(uint256 member);

    /// Stores `members` encoded members, whose keys and stakes add up as given.
    function write(bytes memory members, bytes32 root, Bls.G1 memory key, uint64 stake) internal returns (address first) {
        uint256 count = members.length / MEMBER_BYTES;
        bytes memory further;
        for (uint256 part = 1; part <= FURTHER_ACCOUNTS; part++) {
            bool exists = part * MEMBERS_PER_ACCOUNT < count;
            further = abi.encodePacked(further, exists ? _create(_slice(members, part)) : address(0));
        }
        bytes memory coordinates = abi.encodePacked(uint128(key.xHigh), key.xLow, uint128(key.yHigh), key.yLow);
        return _create(abi.encodePacked(root, coordinates, stake, uint32(count), further, _slice(members, 0)));
    }

    function header(address code) internal view returns (Header memory found) {
        uint256 stakeAndMembers;
        Bls.G1 memory key = found.key;
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            extcodecopy(code, scratch, 1, 140)
            mstore(found, mload(scratch))
            mstore(key, shr(128, mload(add(scratch, 32))))
            mstore(add(key, 32), mload(add(scratch, 48)))
            mstore(add(key, 64), shr(128, mload(add(scratch, 80))))
            mstore(add(key, 96), mload(add(scratch, 96)))
            stakeAndMembers := mload(add(scratch, 108)) // its last 12 bytes
        }
        found.stake = uint64(stakeAndMembers >> 32);
        found.members = uint32(stakeAndMembers);
    }

    function member(address code, uint256 index, uint256 count) internal view returns (Member memory found) {
        require(index < count, MemberUnknown(index));
        uint256 part = index / MEMBERS_PER_ACCOUNT;
        uint256 offset = 1 + (index % MEMBERS_PER_ACCOUNT) * MEMBER_BYTES;
        uint256 accountAndStake;
        Bls.G1 memory key = found.key;
        assembly ("memory-safe") {
            switch part
            case 0 { offset := add(offset, HEADER_BYTES) }
            default {
                mstore(0, 0)
                extcodecopy(code, 12, add(FURTHER_OFFSET, mul(20, sub(part, 1))), 20)
                code := mload(0)
            }
            let scratch := mload(0x40)
            extcodecopy(code, scratch, offset, MEMBER_BYTES)
            accountAndStake := mload(scratch) // and 4 bytes of the key
            mstore(key, shr(128, mload(add(scratch, 28))))
            mstore(add(key, 32), mload(add(scratch, 44)))
            mstore(add(key, 64), shr(128, mload(add(scratch, 76))))
            mstore(add(key, 96), mload(add(scratch, 92)))
        }
        found.account = address(uint160(accountAndStake >> 96));
        found.stake = uint64(accountAndStake >> 32);
    }

    /// Sum of the keys and of the stakes of the members in `bitmap` (bit i % 8, from the lowest, of byte i / 8), by taking the absent ones
    /// away from the whole: a few hundred gas for each.
    function signers(address code, Header memory whole, bytes calldata bitmap) internal view returns (Bls.G1 memory key, uint64 stake) {
        uint256 count = whole.members;
        require(bitmap.length == (count + 7) / 8, BitmapInvalid());
        stake = whole.stake;
        bool anyAbsent;
        Bls.G1 memory absentKey;
        for (uint256 first = 0; first < count; first += 256) {
            uint256 absent = _absentees(bitmap, first, count);
            while (absent != 0) {
                uint256 lowest = absent & (~absent + 1);
                absent ^= lowest;
                uint256 place = _log2(lowest);
                Member memory found = member(code, first + 8 * (31 - place / 8) + (place % 8), count);
                stake -= found.stake;
                absentKey = anyAbsent ? Bls.add(absentKey, found.key) : found.key;
                anyAbsent = true;
            }
        }
        key = anyAbsent ? Bls.add(whole.key, Bls.negate(absentKey)) : whole.key;
    }

    /// Bits of `bitmap` that are not set among those of members `first` to `first` + 255, as they stand in the word.
    function _absentees(bytes calldata bitmap, uint256 first, uint256 count) private pure returns (uint256) {
        uint256 here = count - first < 256 ? count - first : 256;
        uint256 word;
        uint256 valid = type(uint256).max;
        assembly ("memory-safe") {
            word := calldataload(add(bitmap.offset, shr(3, first)))
        }
        if (here < 256) {
            uint256 whole = here / 8;
            // Whole bytes at the top, then the lower bits of the next; calldata behind the bitmap is not its.
            uint256 bytesMask = whole == 0 ? 0 : type(uint256).max << (256 - 8 * whole);
            uint256 partMask = here % 8 == 0 ? 0 : ((1 << (here % 8)) - 1) << (248 - 8 * whole);
            valid = bytesMask | partMask;
            uint256 own = here % 8 == 0 ? bytesMask : bytesMask | (0xff << (248 - 8 * whole));
            require(word & own & ~valid == 0, BitmapInvalid());
        }
        return ~word & valid;
    }

    function _slice(bytes memory members, uint256 part) private pure returns (bytes memory slice) {
        uint256 from = part * MEMBERS_PER_ACCOUNT * MEMBER_BYTES;
        uint256 length = members.length - from;
        if (length > MEMBERS_PER_ACCOUNT * MEMBER_BYTES) length = MEMBERS_PER_ACCOUNT * MEMBER_BYTES;
        slice = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(slice, 32), add(add(members, 32), from), length)
        }
    }

    /// An account whose code is 0x00 (STOP) and `data`.
    function _create(bytes memory data) private returns (address account) {
        // PUSH2 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN: the 10 bytes before what they return.
        bytes memory code = abi.encodePacked(hex"61", uint16(data.length + 1), hex"80600a5f395ff3", hex"00", data);
        assembly ("memory-safe") {
            account := create(0, add(code, 32), mload(code))
        }
        require(account != address(0));
    }

    /// Of a power of two.
    function _log2(uint256 power) private pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := shl(7, lt(0xffffffffffffffffffffffffffffffff, power))
            result := or(result, shl(6, lt(0xffffffffffffffff, shr(result, power))))
            result := or(result, shl(5, lt(0xffffffff, shr(result, power))))
            result := or(result, shl(4, lt(0xffff, shr(result, power))))
            result := or(result, shl(3, lt(0xff, shr(result, power))))
            result := or(result, shl(2, lt(0xf, shr(result, power))))
            result := or(result, shl(1, lt(0x3, shr(result, power))))
            result := or(result, lt(0x1, shr(result, power)))
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// BLS12-381 by the precompiles of EIP-2537: keys in G1, signatures in G2 ("min-pk"), messages hashed by the suite
/// BLS12381G2_XMD:SHA-256_SSWU_RO (RFC 9380) with the tag that Ethereum's consensus layer and blst use.
///
/// Points are as the precompiles take them: coordinates of 64 bytes, big-endian, the upper 16 bytes zero; infinity is all zeros.
library Bls {
    struct G1 {
        uint256 xHigh;
        uint256 xLow;
        uint256 yHigh;
        uint256 yLow;
    }

    struct G2 {
        uint256 x0High;
        uint256 x0Low;
        uint256 x1High;
        uint256 x1Low;
        uint256 y0High;
        uint256 y0Low;
        uint256 y1High;
        uint256 y1Low;
    }

    error PointInvalid();
    /// A precompile would fail for want of gas, which must not be taken for a wrong signature.
    error NotEnoughGas();

    uint256 private constant SHA256 = 0x02;
    uint256 private constant MODEXP = 0x05;
    uint256 private constant G1_ADD = 0x0b;
    uint256 private constant G2_ADD = 0x0d;
    uint256 private constant PAIRING = 0x0f;
    uint256 private constant MAP_FP2_TO_G2 = 0x11;

    /// Order of the field, 381 bits: the upper 128 and the lower 256.
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    /// (p - 1) / 2: the greater of y and -y is above it.
    uint256 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// -G of G1.
    uint256 private constant NEGATIVE_X_HIGH = 0x17f1d3a73197d7942695638c4fa9ac0f;
    uint256 private constant NEGATIVE_X_LOW = 0xc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb;
    uint256 private constant NEGATIVE_Y_HIGH = 0x114d1d6855d545a8aa7d76c8cf2e21f2;
    uint256 private constant NEGATIVE_Y_LOW = 0x67816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca;

    /// "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_" and its length, 43: 44 bytes, then zeros.
    uint256 private constant TAG_FIRST = 0x424c535f5349475f424c53313233383147325f584d443a5348412d3235365f53;
    uint256 private constant TAG_LAST = 0x5357555f524f5f504f505f2b0000000000000000000000000000000000000000;

    uint256 private constant PAIRING_GAS = 37_700;
    uint256 private constant PAIRING_GAS_PER_PAIR = 32_600;
    /// What `hashToG2` costs at least: two maps.
    uint256 private constant HASH_GAS = 60_000;
    uint256 private constant G1_ADD_GAS = 375;
    uint256 private constant G2_ADD_GAS = 600;

    /// Both on the curve, else PointInvalid. The subgroup is not checked.
    function add(G1 memory a, G1 memory b) internal view returns (G1 memory sum) {
        bool success;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 128)
            mcopy(add(input, 128), b, 128)
            success := staticcall(G1_ADD_GAS, G1_ADD, input, 256, sum, 128)
        }
        require(success, PointInvalid());
    }

    function add(G2 memory a, G2 memory b) internal view returns (G2 memory sum) {
        bool success;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 256)
            mcopy(add(input, 256), b, 256)
            success := staticcall(G2_ADD_GAS, G2_ADD, input, 512, sum, 256)
        }
        require(success, PointInvalid());
    }

    /// Of a point with reduced coordinates.
    function negate(G1 memory point) internal pure returns (G1 memory) {
        if (isInfinity(point)) return point;
        uint256 low;
        uint256 borrow;
        unchecked {
            low = P_LOW - point.yLow;
            borrow = point.yLow > P_LOW ? 1 : 0;
            return G1(point.xHigh, point.xLow, P_HIGH - point.yHigh - borrow, low);
        }
    }

    function isInfinity(G1 memory point) internal pure returns (bool) {
        return (point.xHigh | point.xLow | point.yHigh | point.yLow) == 0;
    }

    function isInfinity(G2 memory point) internal pure returns (bool) {
        return (point.x0High | point.x0Low | point.x1High | point.x1Low | point.y0High | point.y0Low | point.y1High | point.y1Low) == 0;
    }

    function equal(G1 memory a, G1 memory b) internal pure returns (bool) {
        return a.xLow == b.xLow && a.yLow == b.yLow && a.xHigh == b.xHigh && a.yHigh == b.yHigh;
    }

    /// The 48 bytes of the usual encoding: x, and in its three spare bits "compressed" and whether y is the greater one.
    function compress(G1 memory point) internal pure returns (bytes memory) {
        bool greater = point.yHigh > HALF_HIGH || (point.yHigh == HALF_HIGH && point.yLow > HALF_LOW);
        return abi.encodePacked(uint128(point.xHigh | (greater ? 0xa << 124 : 0x8 << 124)), point.xLow);
    }

    /// Whether e(G, signature) = product of e(keys[i], hashes[i]): `signature` is the sum of one signature by each key over its hash.
    /// False too where a point is not on its curve or not in its subgroup. Callers refuse keys at infinity.
    function verify(G2 memory signature, G1[] memory keys, G2[] memory hashes, uint256 count) internal view returns (bool) {
        uint256 pairs = count + 1;
        bytes memory input = new bytes(384 * pairs);
        uint256 cost = PAIRING_GAS + PAIRING_GAS_PER_PAIR * pairs;
        // A call is given at most 63 of 64 parts of what is left.
        require(gasleft() > cost + cost / 60 + 500 * pairs, NotEnoughGas());
        bool success;
        uint256 result;
        assembly ("memory-safe") {
            let at := add(input, 32)
            mstore(at, NEGATIVE_X_HIGH)
            mstore(add(at, 32), NEGATIVE_X_LOW)
            mstore(add(at, 64), NEGATIVE_Y_HIGH)
            mstore(add(at, 96), NEGATIVE_Y_LOW)
            mcopy(add(at, 128), signature, 256)
            for { let index := 0 } lt(index, count) { index := add(index, 1) } {
                at := add(at, 384)
                let offset := add(32, mul(32, index))
                mcopy(at, mload(add(keys, offset)), 128)
                mcopy(add(at, 128), mload(add(hashes, offset)), 256)
            }
            // A failing precompile keeps all the gas that it was given: it gets what it costs, no more.
            success := staticcall(cost, PAIRING, add(input, 32), mload(input), 0, 32)
            result := mload(0)
        }
        return success && result == 1;
    }

    /// RFC 9380, section 3: two field elements from 256 uniform bytes, both mapped, the sum. Clearing the cofactor is the precompile's.
    function hashToG2(bytes memory message) internal view returns (G2 memory hash) {
        require(gasleft() > HASH_GAS, NotEnoughGas());
        bool success;
        assembly ("memory-safe") {
            // Scratch from the free pointer on; nothing else allocates before it is used up.
            // 0: 256 uniform bytes, 256: 256 bytes of field elements, 512: two mapped points of 256 bytes, 1024: input of hashes.
            let scratch := mload(0x40)
            let elements := add(scratch, 256)
            let points := add(scratch, 512)
            let input := add(scratch, 1024)

            // b_0 = H(64 zeros, message, 256 as u16, 0, tag)
            let length := mload(message)
            calldatacopy(input, calldatasize(), 64)
            mcopy(add(input, 64), add(message, 32), length)
            let tail := add(add(input, 64), length)
            mstore(tail, shl(232, 0x010000))
            mstore(add(tail, 3), TAG_FIRST)
            mstore(add(tail, 35), TAG_LAST)
            success := staticcall(gas(), SHA256, input, add(length, 111), 0, 32)
            let first := mload(0)

            // b_i = H(b_0 xor b_(i-1), i, tag); b_0 itself for i = 1
            mstore(add(input, 33), TAG_FIRST)
            mstore(add(input, 65), TAG_LAST)
            let previous := 0
            for { let index := 1 } lt(index, 9) { index := add(index, 1) } {
                mstore(input, xor(first, previous))
                mstore8(add(input, 32), index)
                let target := add(scratch, mul(32, sub(index, 1)))
                success := and(success, staticcall(gas(), SHA256, input, 77, target, 32))
                previous := mload(target)
            }

            // Each 64 bytes modulo p, by MODEXP with exponent 1: u32 lengths 64, 1, 48, then base, exponent, modulus.
            mstore(input, 64)
            mstore(add(input, 32), 1)
            mstore(add(input, 64), 48)
            mstore(add(input, 160), shl(248, 1))
            mstore(add(input, 161), shl(128, P_HIGH))
            mstore(add(input, 177), P_LOW)
            for { let index := 0 } lt(index, 4) { index := add(index, 1) } {
                let offset := mul(64, index)
                mcopy(add(input, 96), add(scratch, offset), 64)
                let target := add(elements, offset)
                mstore(target, 0)
                success := and(success, staticcall(gas(), MODEXP, input, 209, add(target, 16), 48))
            }

            success := and(success, staticcall(gas(), MAP_FP2_TO_G2, elements, 128, points, 256))
            success := and(success, staticcall(gas(), MAP_FP2_TO_G2, add(elements, 128), 128, add(points, 256), 256))
            success := and(success, staticcall(gas(), G2_ADD, points, 512, hash, 256))
        }
        require(success, PointInvalid());
    }
}

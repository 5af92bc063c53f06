// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

struct EpochRange {
    uint128 start;
    uint128 end;
}

struct EpochRangeWithContextDigest {
    uint128 start;
    uint128 end;
    bytes32 digest;
}

struct MineContext {
    uint256 epoch;
    uint256 mineStart;
    bytes32 flowRoot;
    uint256 flowLength;
    bytes32 blockDigest;
    bytes32 digest;
}

library Epochs {
    /// keccak256(""): marks an epoch that nobody can mine because its first block's hash is out of reach.
    bytes32 internal constant EMPTY_HASH = 0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470;
    /// EIP-2935 keeps the hashes of this many blocks.
    uint256 private constant HISTORY_WINDOW = 8191;
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    function initial(uint256 firstBlock) internal pure returns (MineContext memory) {
        return MineContext(0, firstBlock, bytes32(0), 1, EMPTY_HASH, EMPTY_HASH);
    }

    /// Hash of block `start` and the digest of the epoch that begins there; both EMPTY_HASH if the hash is out of reach.
    function digests(uint256 start, bytes32 flowRoot, uint256 flowLength)
        internal
        view
        returns (bytes32 blockDigest, bytes32 digest)
    {
        blockDigest = start + HISTORY_WINDOW < block.number ? bytes32(0) : _hashOf(start);
        if (blockDigest == 0) return (EMPTY_HASH, EMPTY_HASH);
        return (blockDigest, keccak256(abi.encode(blockDigest, flowRoot, flowLength)));
    }

    /// The range that contains `position`, by binary search; ranges follow one another without gaps.
    function find(EpochRangeWithContextDigest[] storage history, uint256 position)
        internal
        view
        returns (EpochRangeWithContextDigest memory range)
    {
        uint256 low = 0;
        uint256 high = history.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            range = history[middle];
            if (position >= range.end) low = middle + 1;
            else if (position < range.start) high = middle;
            else return range;
        }
        revert("Can not find proper context");
    }

    /// 0 if unknown. The opcode reaches 256 blocks, the history contract of EIP-2935 the rest of the window.
    function _hashOf(uint256 height) private view returns (bytes32) {
        if (height + 256 >= block.number) return blockhash(height);
        (bool found, bytes memory result) = HISTORY.staticcall(abi.encode(height));
        return found && result.length == 32 ? bytes32(result) : bytes32(0);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The flow tree in memory: a Merkle tree over all sectors ever submitted, the rest of the last power of two being zero
/// sectors. It is a binary counter: bit i of `length` set means that `nodes[i]` is the root of a complete subtree of 2^i
/// sectors, and these subtrees lie side by side, largest first. Only they are ever needed again.
struct FlowTree {
    uint256 length;
    /// Bit i: `nodes[i]` differs from storage.
    uint256 dirty;
    bytes32[65] nodes;
    /// Root of 2^i zero sectors, known for i < zerosKnown.
    bytes32[65] zeros;
    uint256 zerosKnown;
}

library FlowTreeLib {
    uint256 internal constant SEGMENT_SECTORS = 1024;
    /// keccak256 of 256 zero bytes.
    bytes32 internal constant ZERO_SECTOR = 0xd397b3b043d87fcd6fad1291ff0bfd16401c274896d8c63a923727f077b8e0b5;

    /// No slot is ever zero, so that a subtree of a height that nobody used yet costs its submitter no more than others (ADR 0056).
    function prepare(bytes32[65] storage stored) internal {
        for (uint256 i = 0; i < 65; ++i) stored[i] = bytes32(uint256(1));
    }

    function load(bytes32[65] storage stored, uint256 length) internal view returns (FlowTree memory tree) {
        tree.length = length;
        // The first sector, which nobody submitted, is 32 zero bytes.
        if (length == 1) return tree;
        for (uint256 i = 0; length >> i != 0; ++i) {
            if ((length >> i) & 1 == 1) tree.nodes[i] = stored[i];
        }
    }

    function store(FlowTree memory tree, bytes32[65] storage stored) internal {
        uint256 write = tree.dirty & tree.length;
        for (uint256 i = 0; write >> i != 0; ++i) {
            if ((write >> i) & 1 == 1) stored[i] = tree.nodes[i];
        }
    }

    /// Where a submission of `sectors` whose first node has `height` will start: aligned to its first node, and moved to the next
    /// segment if it would cross into one without starting at it.
    function startOf(uint256 length, uint256 height, uint256 sectors) internal pure returns (uint256 start) {
        start = ((length + (1 << height) - 1) >> height) << height;
        if (start % SEGMENT_SECTORS != 0 && start / SEGMENT_SECTORS != (start + sectors - 1) / SEGMENT_SECTORS) {
            start = (start / SEGMENT_SECTORS + 1) * SEGMENT_SECTORS;
        }
    }

    /// Appends a subtree. The length is a multiple of 2^height.
    function append(FlowTree memory tree, bytes32 node, uint256 height) internal pure {
        uint256 length = tree.length;
        uint256 i = height;
        while ((length >> i) & 1 == 1) {
            node = hashPair(tree.nodes[i], node);
            ++i;
        }
        tree.nodes[i] = node;
        tree.dirty |= 1 << i;
        tree.length = length + (1 << height);
    }

    /// Appends zero sectors up to `end`, in the largest aligned pieces.
    function fill(FlowTree memory tree, uint256 end) internal pure {
        uint256 height = 0;
        while (tree.length < end) {
            while ((tree.length >> height) & 1 == 0) ++height;
            append(tree, zeroRoot(tree, height), height);
        }
    }

    /// Root over the next power of two of sectors.
    function root(FlowTree memory tree) internal pure returns (bytes32 node) {
        uint256 length = tree.length;
        uint256 i = 0;
        while ((length >> i) & 1 == 0) ++i;
        node = tree.nodes[i];
        if (length == 1 << i) return node;
        node = hashPair(node, zeroRoot(tree, i));
        for (++i; length >> i != 0; ++i) {
            node = (length >> i) & 1 == 1 ? hashPair(tree.nodes[i], node) : hashPair(node, zeroRoot(tree, i));
        }
    }

    function zeroRoot(FlowTree memory tree, uint256 height) private pure returns (bytes32) {
        uint256 known = tree.zerosKnown;
        if (known == 0) {
            tree.zeros[0] = ZERO_SECTOR;
            known = 1;
        }
        for (; known <= height; ++known) tree.zeros[known] = hashPair(tree.zeros[known - 1], tree.zeros[known - 1]);
        tree.zerosKnown = known;
        return tree.zeros[height];
    }

    function hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(32, right)
            result := keccak256(0, 64)
        }
    }
}

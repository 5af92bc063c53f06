// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The tree over the statements of a window: leaf sha256(0x00 ‖ statement), node sha256(0x01 ‖ left ‖ right), an odd node is promoted.
library WindowTree {
    function leaf(bytes32 statement) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0), statement));
    }

    /// Uses up `nodes`, at least one.
    function root(bytes32[] memory nodes) internal pure returns (bytes32) {
        uint256 width = nodes.length;
        while (width > 1) {
            uint256 next = (width + 1) / 2;
            for (uint256 index = 0; index < next; index++) {
                nodes[index] = 2 * index + 1 < width
                    ? sha256(abi.encodePacked(uint8(1), nodes[2 * index], nodes[2 * index + 1]))
                    : nodes[2 * index];
            }
            width = next;
        }
        return nodes[0];
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A perfect subtree of a file's Merkle tree: 2^height sectors of 256 bytes.
struct SubmissionNode {
    bytes32 root;
    uint256 height;
}

/// `length` is the file's size in bytes; `nodes` are its subtrees, largest first.
struct SubmissionData {
    uint256 length;
    bytes tags;
    SubmissionNode[] nodes;
}

struct Submission {
    SubmissionData data;
    address submitter;
}

error InvalidSubmission();

library SubmissionLib {
    uint256 internal constant SECTOR_BYTES = 256;
    uint256 internal constant HEIGHT_END = 64;
    /// Largest minus smallest height is below this, so there are at most four nodes.
    uint256 internal constant HEIGHT_SPREAD = 4;

    /// Sectors of a well-formed submission; reverts with InvalidSubmission for any other.
    function checkedSectors(SubmissionData calldata data) internal pure returns (uint256 sectors) {
        SubmissionNode[] calldata nodes = data.nodes;
        require(nodes.length != 0, InvalidSubmission());
        uint256 first = nodes[0].height;
        require(first < HEIGHT_END, InvalidSubmission());
        sectors = 1 << first;
        uint256 previous = first;
        for (uint256 i = 1; i < nodes.length; ++i) {
            uint256 height = nodes[i].height;
            require(height < previous && first - height < HEIGHT_SPREAD, InvalidSubmission());
            sectors += 1 << height;
            previous = height;
        }
        // The file reaches into the last part that flow padding knows: more padding than the rule gives is refused.
        uint256 unpadded;
        if (sectors < 16) unpadded = sectors - 1;
        else if (nodes.length == 1) unpadded = sectors - sectors / 16;
        else unpadded = sectors - (1 << (first - HEIGHT_SPREAD + 1));
        require(data.length <= sectors * SECTOR_BYTES && data.length > unpadded * SECTOR_BYTES, InvalidSubmission());
    }

    /// 0G's digest: keccak256 of the node roots. Not the file root, and blind to heights and length.
    function identity(SubmissionData calldata data) internal pure returns (bytes32) {
        SubmissionNode[] calldata nodes = data.nodes;
        bytes32[] memory roots = new bytes32[](nodes.length);
        for (uint256 i = 0; i < nodes.length; ++i) roots[i] = nodes[i].root;
        return keccak256(abi.encodePacked(roots));
    }

    /// What two submissions must share to be the same entry: who, which subtrees of which heights, and how many bytes.
    function entryKey(SubmissionData calldata data, address submitter) internal pure returns (bytes32) {
        return keccak256(abi.encode(submitter, data.length, data.nodes));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The most gas that a call to the flow can take, whatever was submitted before it (ADR 0056).
///
/// What a submission costs depends on the tree that it meets, and nobody knows that tree when gas is estimated. So a call that
/// inserts demands the worst case at its start; what it does not use stays with the sender. The demand may depend on the call but not on
/// what others submitted: if it grew from the estimate to the block, an exact estimate would be refused. It steps up once in the life of a
/// network, with the sector that makes the tree deeper than LEVELS.
///
/// Figures are costs of Prague: 2,100 for a slot's first read, 2,900 for a change of a slot that was read, 5,000 for one that was not,
/// 22,100 for one that was zero. test/flow-gas.test.ts searches for states that need more.
library SubmissionGas {
    /// 2^40 sectors are 256 TiB.
    uint256 private constant LEVELS = 40;
    uint256 private constant LEVELS_MAX = 64;

    /// Cursor, price, fee, refund to a caller without code, dispatch and results.
    uint256 private constant CALL = 40_000;
    /// One epoch ends between estimate and block: block hash, range, history, context, event; its zero slots at the network's first.
    uint256 private constant EPOCH = 165_000;
    /// A UTC day begins: the market's new period.
    uint256 private constant DAY = 57_000;
    /// A level's node is read, and its zero root computed.
    uint256 private constant LEVEL = 3_200;
    /// Until it is known whether the entry exists and lives: decoding, checks, digests, the event.
    uint256 private constant ITEM = 8_000;
    /// What each subtree adds to ITEM, and each byte of tags.
    uint256 private constant ITEM_NODE = 1_500;
    uint256 private constant ITEM_TAG_BYTE = 9;
    /// The market's binary search over ten years of days.
    uint256 private constant SEARCH = 35_000;
    /// The root after the submission and its key, both new.
    uint256 private constant ENTRY = 44_800;
    /// Alignment, carries and the root hash this often per level.
    uint256 private constant INSERT_LEVEL = 600;
    /// A node of the frontier is written: each subtree's, and one of alignment.
    uint256 private constant INSERT_NODE = 6_000;
    /// The refund's own gas and a new slot of credit, if the caller is a contract.
    uint256 private constant CONTRACT_REFUND = 76_000;

    /// What a call takes that inserts anything, without its items.
    function ofCall(uint256 flowLength, address caller) internal view returns (uint256 gas) {
        gas = CALL + EPOCH + DAY + LEVEL * _levels(flowLength);
        if (caller.code.length != 0) gas += CONTRACT_REFUND;
    }

    /// What every item takes, inserted or not.
    function ofItem(uint256 nodeCount, uint256 tagBytes) internal pure returns (uint256) {
        return ITEM + ITEM_NODE * nodeCount + ITEM_TAG_BYTE * tagBytes;
    }

    /// What asking the market for an entry's end takes.
    function ofSearch() internal pure returns (uint256) {
        return SEARCH;
    }

    /// What an item takes that is inserted, `ofItem` aside.
    function ofInsertion(uint256 flowLength, uint256 sectors, uint256 nodeCount) internal pure returns (uint256) {
        return ENTRY + INSERT_LEVEL * _levels(flowLength | sectors) + INSERT_NODE * (nodeCount + 1);
    }

    function _levels(uint256 length) private pure returns (uint256) {
        return length >> LEVELS == 0 ? LEVELS : LEVELS_MAX;
    }
}

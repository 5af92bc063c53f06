// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IDAEntrance {
    function commitmentExists(bytes32 dataRoot, uint256 epoch, uint256 quorumId) external view returns (bool);
}

/// Where the receipts of a batch are published. Two slots; the first is not zero where there is an anchor.
struct Anchor {
    bytes32 dataRoot;
    /// wei that all users of the batch owe by it
    uint128 sum;
    uint64 epoch;
    /// with the place of the blob in its bundle, as clients name it
    uint64 quorumId;
}

/// Ties a provider's batch of receipts to the DA blob that holds its leaves. The settlement is another transaction: it demands the
/// provider as caller. Nobody owns this contract, and an anchor never changes. Formats: docs/spec/receipt.md.
contract ReceiptAnchor {
    address public daEntrance;
    mapping(address provider => mapping(bytes32 batchRoot => Anchor)) private anchors;

    event ReceiptsAnchored(
        address indexed provider,
        bytes32 indexed batchRoot,
        bytes32 indexed dataRoot,
        uint64 epoch,
        uint64 quorumId,
        uint128 sum
    );

    error ZeroRoot();
    error AlreadyAnchored(address provider, bytes32 batchRoot);
    /// Publish the blob and wait until it is verified on chain.
    error DataNotAvailable(bytes32 dataRoot, uint256 epoch, uint256 quorumId);

    constructor(address daEntrance_) {
        daEntrance = daEntrance_;
    }

    /// Called by the provider itself. A batch whose sum is 0 is anchored too; it just needs no settlement.
    function anchor(bytes32 batchRoot, bytes32 dataRoot, uint64 epoch, uint64 quorumId, uint128 sum) external {
        require(batchRoot != 0 && dataRoot != 0, ZeroRoot());
        Anchor storage entry = anchors[msg.sender][batchRoot];
        require(entry.dataRoot == 0, AlreadyAnchored(msg.sender, batchRoot));
        require(
            IDAEntrance(daEntrance).commitmentExists(dataRoot, epoch, quorumId), DataNotAvailable(dataRoot, epoch, quorumId)
        );
        (entry.dataRoot, entry.sum, entry.epoch, entry.quorumId) = (dataRoot, sum, epoch, quorumId);
        emit ReceiptsAnchored(msg.sender, batchRoot, dataRoot, epoch, quorumId, sum);
    }

    /// All zero where nothing is anchored.
    function anchorOf(address provider, bytes32 batchRoot) external view returns (Anchor memory) {
        return anchors[provider][batchRoot];
    }
}

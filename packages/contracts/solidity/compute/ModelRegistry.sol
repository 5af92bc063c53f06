// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Four slots; `owner` is not zero where a model is registered.
struct Model {
    address owner;
    /// Seconds since 1970.
    uint64 registeredAt;
    /// The highest mode of a receipt that answers of this model can have (docs/spec/receipt.md).
    uint8 mode;
    /// SPDX identifier, ASCII, padded with zeros.
    bytes32 licence;
    /// wei per million tokens that the owner asks of whoever serves the model; agreed on off chain, nothing collects it yet
    uint128 pricePerMillionTokens;
    /// Hash of the statement how the model was made (dataset, training task), zero where none is given.
    bytes32 lineage;
}

/// Who registered a model first, and on what terms. The first to name a root owns its entry: that proves a time and an account,
/// not authorship. Nobody owns this contract.
contract ModelRegistry {
    uint8 private constant MAX_MODE = 4;

    mapping(bytes32 root => Model) private models;
    mapping(bytes32 root => address) public pendingOwners;

    event ModelRegistered(bytes32 indexed root, address indexed owner, uint8 mode, bytes32 licence, bytes32 lineage);
    event ModelTermsSet(bytes32 indexed root, bytes32 licence, uint128 pricePerMillionTokens);
    event ModelTransferStarted(bytes32 indexed root, address indexed owner, address indexed newOwner);
    event ModelTransferred(bytes32 indexed root, address indexed previousOwner, address indexed owner);

    error ZeroRoot();
    error UnknownMode(uint8 mode);
    error ModelExists(bytes32 root, address owner);
    error NotModelOwner(bytes32 root, address account);

    modifier onlyModelOwner(bytes32 root) {
        require(msg.sender == models[root].owner, NotModelOwner(root, msg.sender));
        _;
    }

    /// `root` is the storage root of the model's file. Mode and lineage are facts and never change.
    function register(bytes32 root, uint8 mode, bytes32 licence, uint128 pricePerMillionTokens, bytes32 lineage) external {
        require(root != 0, ZeroRoot());
        require(mode <= MAX_MODE, UnknownMode(mode));
        address owner = models[root].owner;
        require(owner == address(0), ModelExists(root, owner));
        models[root] = Model(msg.sender, uint64(block.timestamp), mode, licence, pricePerMillionTokens, lineage);
        emit ModelRegistered(root, msg.sender, mode, licence, lineage);
        emit ModelTermsSet(root, licence, pricePerMillionTokens);
    }

    function setTerms(bytes32 root, bytes32 licence, uint128 pricePerMillionTokens) external onlyModelOwner(root) {
        models[root].licence = licence;
        models[root].pricePerMillionTokens = pricePerMillionTokens;
        emit ModelTermsSet(root, licence, pricePerMillionTokens);
    }

    /// The new owner has to accept; zero takes the offer back.
    function transfer(bytes32 root, address newOwner) external onlyModelOwner(root) {
        pendingOwners[root] = newOwner;
        emit ModelTransferStarted(root, msg.sender, newOwner);
    }

    function acceptTransfer(bytes32 root) external {
        require(msg.sender == pendingOwners[root], NotModelOwner(root, msg.sender));
        emit ModelTransferred(root, models[root].owner, msg.sender);
        models[root].owner = msg.sender;
        delete pendingOwners[root];
    }

    /// All zero where the root is not registered.
    function modelOf(bytes32 root) external view returns (Model memory) {
        return models[root];
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Owner, one-time initialization and a reentrancy lock, with the messages that 0G's clients know (OpenZeppelin 4).
/// Different from it: ownership is handed over in two steps, so that a mistyped address loses nothing.
abstract contract ComputeOwned {
    address public owner;
    bool public initialized;
    address public pendingOwner;
    bool private transient entered;

    event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner);
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);
    event Initialized(uint8 version);

    error AlreadyInitialized();
    error DirectDepositsDisabled();

    modifier onlyOwner() {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        _;
    }

    modifier nonReentrant() {
        require(!entered, "ReentrancyGuard: reentrant call");
        entered = true;
        _;
        entered = false;
    }

    function transferOwnership(address newOwner) external onlyOwner {
        require(newOwner != address(0), "Ownable: new owner is the zero address");
        pendingOwner = newOwner;
        emit OwnershipTransferStarted(msg.sender, newOwner);
    }

    function acceptOwnership() external {
        require(msg.sender == pendingOwner, "Ownable: caller is not the new owner");
        _setOwner(msg.sender);
    }

    /// Nobody can change a parameter any more.
    function renounceOwnership() external onlyOwner {
        _setOwner(address(0));
    }

    /// Once; a contract of a genesis block is born initialized.
    function _initializeOwned(address owner_) internal {
        require(!initialized, AlreadyInitialized());
        initialized = true;
        _setOwner(owner_);
        emit Initialized(1);
    }

    function _setOwner(address newOwner) private {
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
        delete pendingOwner;
    }
}

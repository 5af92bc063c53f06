// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {KeySet, KeySetLib} from "./KeySet.sol";
import {Stake, StakeLib} from "./ProviderStake.sol";
import {Serving, Signer} from "./Serving.sol";
import {Signatures} from "./Signatures.sol";
import {Refund, SubAccount, SubAccountLib, SubAccountMap} from "./SubAccounts.sol";

struct ServiceParams {
    string serviceType;
    string url;
    string model;
    string verifiability;
    uint256 inputPrice;
    uint256 outputPrice;
    string additionalInfo;
    address teeSignerAddress;
}

struct Service {
    address provider;
    string serviceType;
    string url;
    uint256 inputPrice;
    uint256 outputPrice;
    uint256 updatedAt;
    string model;
    string verifiability;
    string additionalInfo;
    address teeSignerAddress;
    bool teeSignerAcknowledged;
}

struct Account {
    address user;
    address provider;
    uint256 nonce;
    uint256 balance;
    uint256 pendingRefund;
    Refund[] refunds;
    string additionalInfo;
    bool acknowledged;
    uint256 validRefundsLength;
    uint256 generation;
    uint256 revokedBitmap;
}

struct TEESettlementData {
    address user;
    address provider;
    uint256 totalFee;
    bytes32 requestsHash;
    uint256 nonce;
    bytes signature;
}

enum SettlementStatus {
    SUCCESS,
    PARTIAL,
    PROVIDER_MISMATCH,
    NO_TEE_SIGNER,
    INVALID_NONCE,
    INVALID_SIGNATURE
}

/// The last settlement of a user and provider, kept in plain slots for proofs (docs/spec/receipt.md) and over deletion of the account.
struct Settlement {
    bytes32 requestsHash;
    uint256 nonce;
    /// wei; claims above 128 bits are kept as the largest number of 128 bits
    uint128 claimed;
    uint128 paid;
}

/// Services of inference and the settlement of their fees. ABI, rules, errors and events are 0G's (0g-serving-contract,
/// InferenceServing.sol). Added to it: stake that leaves late, an exposure cap, signers acknowledged by a policy, and
/// what was claimed and paid, for proofs.
contract InferenceServing is Serving {
    using KeySetLib for KeySet;
    using StakeLib for Stake;
    using SubAccountLib for SubAccountMap;
    using SubAccountLib for SubAccount;

    /// What is the same for all items of a batch.
    struct Batch {
        bytes32 domain;
        Signer signer;
        uint256 headroom;
    }

    bytes32 private constant SETTLEMENT_TYPE_HASH =
        keccak256("TEESettlement(bytes32 requestsHash,uint256 nonce,address provider,address user,uint256 totalFee)");
    uint256 private constant MAX_SETTLEMENTS = 50;
    uint256 private constant MAX_BATCH_USERS = 500;

    mapping(address user => mapping(address provider => Settlement)) private settlements;
    mapping(address provider => Service) private serviceOf;

    event ServiceUpdated(
        address indexed service,
        string serviceType,
        string url,
        uint256 inputPrice,
        uint256 outputPrice,
        uint256 updatedAt,
        string model,
        string verifiability
    );
    event ServiceRemoved(address indexed service);
    event TEESettlementResult(address indexed user, SettlementStatus status, uint256 unsettledAmount);
    event BatchBalanceUpdated(address[] users, uint256[] balances, uint256[] pendingRefunds);
    event TokenRevoked(address indexed user, address indexed provider, uint8 tokenId);
    event TokensRevoked(address indexed user, address indexed provider, uint8[] tokenIds);
    event AllTokensRevoked(address indexed user, address indexed provider, uint256 newGeneration);
    event ContractInitialized(address indexed owner, uint256 lockTime, address ledgerAddress);

    error InvalidTEESignature(string reason);
    error LockTimeOutOfRange(uint256 lockTime, uint256 min, uint256 max);
    error CallerNotLedger(address caller);
    error LimitTooLarge(uint256 limit, uint256 max);
    error InvalidAddress(address addr);
    error TransferFailed();
    error NoSettlementsProvided();
    error TooManySettlements(uint256 count, uint256 max);
    error ProviderCannotBeUser();

    function initialize(uint256 _locktime, address _ledgerAddress, address owner) external {
        _checkLockTime(_locktime);
        _initializeServing(_locktime, _ledgerAddress, owner);
        emit ContractInitialized(owner, _locktime, _ledgerAddress);
    }

    function updateLockTime(uint256 _locktime) external onlyOwner {
        _checkLockTime(_locktime);
        emit LockTimeUpdated(lockTime, _locktime);
        lockTime = _locktime;
    }

    // ---- settlement

    /// Pays what the provider's signer claims from each user. A bad item costs the others nothing: its status tells why.
    function settleFeesWithTEE(TEESettlementData[] calldata settlements_)
        external
        nonReentrant
        returns (uint8[] memory statuses)
    {
        Batch memory batch = _openBatch(settlements_.length);
        statuses = new uint8[](settlements_.length);
        uint256 total = 0;
        for (uint256 i = 0; i < settlements_.length; ++i) {
            TEESettlementData calldata item = settlements_[i];
            (SettlementStatus status, uint256 paid) = _judge(item, batch);
            if (status <= SettlementStatus.PARTIAL) {
                _record(item, paid);
                if (paid > 0) _spend(accountMap.get(item.user, msg.sender), item.user, paid);
                total += paid;
                batch.headroom -= paid;
            }
            statuses[i] = uint8(status);
            emit TEESettlementResult(item.user, status, item.totalFee - paid);
        }
        if (total == 0) return statuses;
        stakes[msg.sender].countSettled(stakeRules, total);
        (bool sent,) = msg.sender.call{value: total}("");
        require(sent, TransferFailed());
    }

    /// What `settleFeesWithTEE` would give to this caller. A user's second item is judged as if the first were not there.
    function previewSettlementResults(TEESettlementData[] calldata settlements_)
        external
        view
        returns (
            address[] memory failedUsers,
            SettlementStatus[] memory failureReasons,
            address[] memory partialUsers,
            uint256[] memory partialAmounts
        )
    {
        uint256 count = settlements_.length;
        Batch memory batch = _openBatch(count);
        (failedUsers, failureReasons) = (new address[](count), new SettlementStatus[](count));
        (partialUsers, partialAmounts) = (new address[](count), new uint256[](count));
        uint256 failed = 0;
        uint256 partly = 0;
        for (uint256 i = 0; i < count; ++i) {
            TEESettlementData calldata item = settlements_[i];
            (SettlementStatus status, uint256 paid) = _judge(item, batch);
            if (status > SettlementStatus.PARTIAL) {
                (failedUsers[failed], failureReasons[failed++]) = (item.user, status);
                continue;
            }
            batch.headroom -= paid;
            if (status == SettlementStatus.PARTIAL) {
                (partialUsers[partly], partialAmounts[partly++]) = (item.user, item.totalFee - paid);
            }
        }
        assembly ("memory-safe") {
            mstore(failedUsers, failed)
            mstore(failureReasons, failed)
            mstore(partialUsers, partly)
            mstore(partialAmounts, partly)
        }
    }

    function settlementOf(address user, address provider) external view returns (Settlement memory) {
        return settlements[user][provider];
    }

    // ---- users

    function revokeToken(address provider, uint8 tokenId) external {
        accountMap.get(msg.sender, provider).revokedBitmap |= 1 << tokenId;
        emit TokenRevoked(msg.sender, provider, tokenId);
    }

    function revokeTokens(address provider, uint8[] calldata tokenIds) external {
        SubAccount storage account = accountMap.get(msg.sender, provider);
        uint256 bits = account.revokedBitmap;
        for (uint256 i = 0; i < tokenIds.length; ++i) bits |= 1 << tokenIds[i];
        account.revokedBitmap = bits;
        emit TokensRevoked(msg.sender, provider, tokenIds);
    }

    function revokeAllTokens(address provider) external {
        SubAccount storage account = accountMap.get(msg.sender, provider);
        account.revokedBitmap = 0;
        emit AllTokensRevoked(msg.sender, provider, ++account.generation);
    }

    function isTokenRevoked(address user, address provider, uint8 tokenId) external view returns (bool) {
        return accountMap.get(user, provider).revokedBitmap & (1 << tokenId) != 0;
    }

    // ---- providers

    /// Price and url may change freely; anything else asks for the signer's acknowledgement anew.
    function addOrUpdateService(ServiceParams calldata params) external payable {
        require(bytes(params.additionalInfo).length <= MAX_INFO_LENGTH, AdditionalInfoTooLong());
        Service storage service = serviceOf[msg.sender];
        bool same = _equal(service.serviceType, params.serviceType) && _equal(service.model, params.model)
            && _equal(service.verifiability, params.verifiability) && _equal(service.additionalInfo, params.additionalInfo);
        _register(params.teeSignerAddress, same);
        service.serviceType = params.serviceType;
        service.url = params.url;
        service.inputPrice = params.inputPrice;
        service.outputPrice = params.outputPrice;
        service.updatedAt = block.timestamp;
        service.model = params.model;
        service.verifiability = params.verifiability;
        service.additionalInfo = params.additionalInfo;
        emit ServiceUpdated(
            msg.sender,
            params.serviceType,
            params.url,
            params.inputPrice,
            params.outputPrice,
            block.timestamp,
            params.model,
            params.verifiability
        );
    }

    // ---- views

    function serviceExists(address provider) external view returns (bool) {
        return signers[provider].registered;
    }

    function getService(address provider) external view returns (Service memory service) {
        _signer(provider);
        service = _service(provider);
    }

    function getAllServices(uint256 offset, uint256 limit) external view returns (Service[] memory services, uint256 total) {
        bytes32[] memory keys;
        (keys, total) = providers.page(offset, _checkedPage(limit));
        services = new Service[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) services[i] = _service(KeySetLib.toAddress(keys[i]));
    }

    function getAccount(address user, address provider) external view returns (Account memory) {
        return _account(accountMap.get(user, provider));
    }

    function getAllAccounts(uint256 offset, uint256 limit) external view returns (Account[] memory accounts, uint256 total) {
        return _page(accountMap.all, offset, limit);
    }

    function getAccountsByProvider(address provider, uint256 offset, uint256 limit)
        external
        view
        returns (Account[] memory accounts, uint256 total)
    {
        return _page(accountMap.ofProvider[provider], offset, limit);
    }

    function getAccountsByUser(address user, uint256 offset, uint256 limit)
        external
        view
        returns (Account[] memory accounts, uint256 total)
    {
        return _page(accountMap.ofUser[user], offset, limit);
    }

    /// Accounts of these users at the caller; all zero where there is none.
    function getBatchAccountsByUsers(address[] calldata users) external view returns (Account[] memory accounts) {
        require(users.length <= MAX_BATCH_USERS, BatchSizeTooLarge(users.length, MAX_BATCH_USERS));
        accounts = new Account[](users.length);
        for (uint256 i = 0; i < users.length; ++i) {
            if (accountMap.exists(users[i], msg.sender)) accounts[i] = _account(accountMap.get(users[i], msg.sender));
        }
    }

    // ---- within

    function _openBatch(uint256 count) private view returns (Batch memory) {
        require(count != 0, NoSettlementsProvided());
        require(count <= MAX_SETTLEMENTS, TooManySettlements(count, MAX_SETTLEMENTS));
        return Batch(
            Signatures.domainSeparator(keccak256("0G Inference Serving")),
            signers[msg.sender],
            stakes[msg.sender].headroom(stakeRules)
        );
    }

    /// The status of an item and what it pays, in 0G's order of checks.
    function _judge(TEESettlementData calldata item, Batch memory batch)
        private
        view
        returns (SettlementStatus status, uint256 paid)
    {
        if (item.provider != msg.sender) return (SettlementStatus.PROVIDER_MISMATCH, 0);
        SubAccount storage account = accountMap.accounts[SubAccountLib.keyOf(item.user, msg.sender)];
        if (!account.exists) return (SettlementStatus.INVALID_SIGNATURE, 0);
        if (!batch.signer.registered) return (SettlementStatus.PROVIDER_MISMATCH, 0);
        if (!account.acknowledged || !batch.signer.acknowledged || batch.signer.signer == address(0)) {
            return (SettlementStatus.NO_TEE_SIGNER, 0);
        }
        if (settlements[item.user][msg.sender].nonce >= item.nonce) return (SettlementStatus.INVALID_NONCE, 0);
        if (_recover(item, batch.domain) != batch.signer.signer) return (SettlementStatus.INVALID_SIGNATURE, 0);
        paid = item.totalFee;
        if (paid > account.balance) paid = account.balance;
        if (paid > batch.headroom) paid = batch.headroom;
        status = paid == item.totalFee ? SettlementStatus.SUCCESS : SettlementStatus.PARTIAL;
    }

    function _record(TEESettlementData calldata item, uint256 paid) private {
        Settlement storage settlement = settlements[item.user][msg.sender];
        settlement.requestsHash = item.requestsHash;
        settlement.nonce = item.nonce;
        settlement.claimed = item.totalFee < type(uint128).max ? uint128(item.totalFee) : type(uint128).max;
        settlement.paid = uint128(paid);
    }

    function _recover(TEESettlementData calldata item, bytes32 domain) private pure returns (address) {
        bytes32 structHash = keccak256(
            abi.encode(SETTLEMENT_TYPE_HASH, item.requestsHash, item.nonce, item.provider, item.user, item.totalFee)
        );
        return Signatures.recover(Signatures.typedDigest(domain, structHash), item.signature);
    }

    function _page(KeySet storage set, uint256 offset, uint256 limit)
        private
        view
        returns (Account[] memory accounts, uint256 total)
    {
        bytes32[] memory keys;
        (keys, total) = set.page(offset, _checkedPage(limit));
        accounts = new Account[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) accounts[i] = _account(accountMap.accounts[keys[i]]);
    }

    function _account(SubAccount storage account) private view returns (Account memory) {
        return Account(
            account.user,
            account.provider,
            settlements[account.user][account.provider].nonce,
            account.balance,
            account.pendingRefund,
            account.validRefunds(),
            account.additionalInfo,
            account.acknowledged,
            account.refundCount,
            account.generation,
            account.revokedBitmap
        );
    }

    /// Provider and signer lie elsewhere, in slots of their own.
    function _service(address provider) private view returns (Service memory service) {
        service = serviceOf[provider];
        service.provider = provider;
        service.teeSignerAddress = signers[provider].signer;
        service.teeSignerAcknowledged = signers[provider].acknowledged;
    }

    function _equal(string memory a, string calldata b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }

    function _checkLockTime(uint256 value) private pure {
        require(value >= MIN_LOCKTIME && value <= MAX_LOCKTIME, LockTimeOutOfRange(value, MIN_LOCKTIME, MAX_LOCKTIME));
    }

    function _checkParties(address user, address provider, string memory) internal pure override {
        require(user != address(0), InvalidAddress(user));
        require(provider != address(0), InvalidAddress(provider));
        require(user != provider, ProviderCannotBeUser());
    }

    /// The last settlement stays: its nonce keeps a signature from being used again.
    function _forget(address, address) internal override {}

    function _removeService() internal override {
        delete serviceOf[msg.sender];
        emit ServiceRemoved(msg.sender);
    }

    function _revertNotLedger() internal view override {
        revert CallerNotLedger(msg.sender);
    }

    function _revertLimit(uint256 limit) internal pure override {
        revert LimitTooLarge(limit, MAX_PAGE);
    }

    function _revertNotSent(bool) internal pure override {
        revert TransferFailed();
    }
}

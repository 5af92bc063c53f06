// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {KeySet, KeySetLib} from "./KeySet.sol";
import {Stake, StakeLib} from "./ProviderStake.sol";
import {Serving, Signer} from "./Serving.sol";
import {Signatures} from "./Signatures.sol";
import {Refund, SubAccount, SubAccountLib, SubAccountMap} from "./SubAccounts.sol";

struct Quota {
    uint256 cpuCount;
    uint256 nodeMemory;
    uint256 gpuCount;
    uint256 nodeStorage;
    string gpuType;
}

struct Service {
    address provider;
    string url;
    Quota quota;
    uint256 pricePerToken;
    bool occupied;
    string[] models;
    address teeSignerAddress;
    bool teeSignerAcknowledged;
}

struct Deliverable {
    string id;
    bytes modelRootHash;
    bytes encryptedSecret;
    bool acknowledged;
    uint248 timestamp;
    bool settled;
}

/// `Refund` as the clients of this service name its fields.
struct TuningRefund {
    uint256 index;
    uint256 amount;
    uint256 createdAt;
    bool _deprecated_processed;
}

struct AccountSummary {
    address user;
    address provider;
    uint256 nonce;
    uint256 balance;
    uint256 pendingRefund;
    string additionalInfo;
    uint256 validRefundsLength;
    uint256 deliverablesCount;
    bool acknowledged;
}

struct AccountDetails {
    address user;
    address provider;
    uint256 nonce;
    uint256 balance;
    uint256 pendingRefund;
    TuningRefund[] refunds;
    string additionalInfo;
    Deliverable[] deliverables;
    uint256 validRefundsLength;
    uint256 deliverablesHead;
    uint256 deliverablesCount;
    bool acknowledged;
}

struct VerifierInput {
    string id;
    bytes encryptedSecret;
    bytes modelRootHash;
    uint256 nonce;
    bytes signature;
    uint256 taskFee;
    address user;
}

/// A user's tasks at a provider: a ring of the last 20, in which the oldest stands at `head` once it is full.
struct Tasks {
    /// Survives deletion of the account.
    uint256 nonce;
    uint8 head;
    uint8 count;
    string[20] ids;
    mapping(string id => Deliverable) deliverables;
}

/// Services of fine-tuning, what they deliver and the settlement of their fees. ABI, rules, errors and events are 0G's
/// (0g-serving-contract, FineTuningServing.sol, with `abandonDeliverable` of its version 1.1). Added to it: stake that
/// leaves late, an exposure cap, signers acknowledged by a policy.
contract FineTuningServing is Serving {
    using KeySetLib for KeySet;
    using StakeLib for Stake;
    using SubAccountLib for SubAccountMap;
    using SubAccountLib for SubAccount;

    bytes32 private constant MESSAGE_TYPE_HASH = keccak256(
        "VerifierMessage(string id,bytes encryptedSecret,bytes modelRootHash,uint256 nonce,uint256 taskFee,address user)"
    );
    uint256 private constant MAX_DELIVERABLES = 20;
    uint256 private constant MAX_ID_LENGTH = 256;
    uint256 private constant MAX_BATCH_USERS = 50;

    uint256 public penaltyPercentage;
    mapping(address provider => Service) private serviceOf;
    mapping(bytes32 key => Tasks) private tasksOf;

    event ServiceUpdated(
        address indexed provider,
        string url,
        Quota quota,
        uint256 pricePerToken,
        address teeSignerAddress,
        bool occupied
    );
    event ServiceRemoved(address indexed provider);
    event DeliverableAdded(
        address indexed user, address indexed provider, string deliverableId, bytes modelRootHash, uint256 timestamp
    );
    event DeliverableAcknowledged(
        address indexed user, address indexed provider, string deliverableId, uint256 timestamp
    );
    event DeliverableEvicted(
        address indexed provider,
        address indexed user,
        string evictedDeliverableId,
        string newDeliverableId,
        uint256 timestamp
    );
    event DeliverableAbandoned(
        address indexed user, address indexed provider, string deliverableId, uint256 timestamp
    );
    event FeesSettled(
        address indexed user,
        address indexed provider,
        string deliverableId,
        uint256 fee,
        bool acknowledged,
        uint256 nonce
    );

    error InvalidVerifierInput(string reason);
    error InvalidLedgerAddress();
    error CallerNotLedger();
    error PenaltyPercentageTooHigh(uint256 percentage);
    error LockTimeOutOfRange(uint256 lockTime);
    error LimitTooLarge(uint256 limit);
    error TransferToLedgerFailed();
    error ETHTransferFailed();
    error SecretShouldNotBeEmpty();
    error SecretShouldBeEmpty();
    error DeliverableAlreadySettled(string id);
    error DeliverableNotExists(string id);
    error DeliverableAlreadyExists(string id);
    error DeliverableIdInvalidLength(uint256 length);
    error PreviousDeliverableNotAcknowledged(string id);
    error CannotAcknowledgeSettledDeliverable(string id);
    error CannotAbandonSettledDeliverable(string id);
    error CannotEvictUnsettledDeliverable(string id);
    /// Open fees would exceed what the provider's stake stands for.
    error ExposureCapReached(uint256 fee, uint256 headroom);

    function initialize(uint256 _locktime, address _ledgerAddress, address owner, uint256 _penaltyPercentage) external {
        require(_ledgerAddress.code.length != 0, InvalidLedgerAddress());
        require(_penaltyPercentage <= 100, PenaltyPercentageTooHigh(_penaltyPercentage));
        _checkLockTime(_locktime);
        _initializeServing(_locktime, _ledgerAddress, owner);
        penaltyPercentage = _penaltyPercentage;
    }

    function updateLockTime(uint256 _locktime) external onlyOwner {
        _checkLockTime(_locktime);
        if (_locktime == lockTime) return;
        emit LockTimeUpdated(lockTime, _locktime);
        lockTime = _locktime;
    }

    function updatePenaltyPercentage(uint256 _penaltyPercentage) external onlyOwner {
        require(_penaltyPercentage <= 100, PenaltyPercentageTooHigh(_penaltyPercentage));
        penaltyPercentage = _penaltyPercentage;
    }

    // ---- tasks

    /// A task is done. The one before it must have been acknowledged; the oldest of 20 gives way once it is settled.
    function addDeliverable(address user, string calldata id, bytes calldata modelRootHash) external {
        require(bytes(id).length != 0 && bytes(id).length <= MAX_ID_LENGTH, DeliverableIdInvalidLength(bytes(id).length));
        Tasks storage tasks = _tasks(user, msg.sender);
        require(bytes(tasks.deliverables[id].id).length == 0, DeliverableAlreadyExists(id));
        uint256 count = tasks.count;
        if (count > 0) {
            string memory latest = tasks.ids[(tasks.head + count - 1) % MAX_DELIVERABLES];
            require(tasks.deliverables[latest].acknowledged, PreviousDeliverableNotAcknowledged(latest));
        }
        if (count == MAX_DELIVERABLES) _evictOldest(tasks, user, id);
        else {
            tasks.ids[count] = id;
            tasks.count = uint8(count + 1);
        }
        Deliverable storage deliverable = tasks.deliverables[id];
        deliverable.id = id;
        deliverable.modelRootHash = modelRootHash;
        deliverable.timestamp = uint248(block.timestamp);
        emit DeliverableAdded(user, msg.sender, id, modelRootHash, block.timestamp);
    }

    function acknowledgeDeliverable(address provider, string calldata id) external {
        Deliverable storage deliverable = _deliverable(_tasks(msg.sender, provider), id);
        require(!deliverable.settled, CannotAcknowledgeSettledDeliverable(id));
        deliverable.acknowledged = true;
        emit DeliverableAcknowledged(msg.sender, provider, id, block.timestamp);
    }

    /// The provider gives up a task and its fee, and may go on with the next.
    function abandonDeliverable(address user, string calldata id) external {
        Deliverable storage deliverable = _deliverable(_tasks(user, msg.sender), id);
        require(!deliverable.settled, CannotAbandonSettledDeliverable(id));
        deliverable.acknowledged = true;
        deliverable.settled = true;
        emit DeliverableAbandoned(user, msg.sender, id, block.timestamp);
    }

    /// The whole fee for the key of an acknowledged model; the penalty, and no key, for one that the user did not acknowledge.
    function settleFees(VerifierInput calldata verifierInput) external nonReentrant {
        SubAccount storage account = accountMap.get(verifierInput.user, msg.sender);
        Signer memory signer = _signer(msg.sender);
        Tasks storage tasks = _tasks(verifierInput.user, msg.sender);
        _check(account.acknowledged && signer.acknowledged && signer.signer != address(0), "TEE signer not acknowledged");
        _check(verifierInput.nonce > tasks.nonce, "nonce should larger than the current nonce");
        _check(verifierInput.taskFee <= account.balance, "insufficient balance");
        Deliverable storage deliverable = _deliverable(tasks, verifierInput.id);
        require(!deliverable.settled, DeliverableAlreadySettled(verifierInput.id));
        _check(keccak256(deliverable.modelRootHash) == keccak256(verifierInput.modelRootHash), "model root hash mismatch");
        _check(_recover(verifierInput) == signer.signer, "TEE settlement validation failed");
        uint256 fee = verifierInput.taskFee;
        if (deliverable.acknowledged) {
            require(verifierInput.encryptedSecret.length != 0, SecretShouldNotBeEmpty());
            deliverable.encryptedSecret = verifierInput.encryptedSecret;
        } else {
            require(verifierInput.encryptedSecret.length == 0, SecretShouldBeEmpty());
            fee = fee * penaltyPercentage / 100;
        }
        tasks.nonce = verifierInput.nonce;
        deliverable.settled = true;
        emit FeesSettled(
            verifierInput.user, msg.sender, verifierInput.id, fee, deliverable.acknowledged, verifierInput.nonce
        );
        _pay(account, verifierInput.user, fee);
    }

    function getDeliverable(address user, address provider, string calldata id) external view returns (Deliverable memory) {
        return _deliverable(_tasks(user, provider), id);
    }

    function getDeliverables(address user, address provider) external view returns (Deliverable[] memory) {
        return _deliverables(_tasks(user, provider));
    }

    // ---- providers

    /// Everything but the signer may change without a new acknowledgement.
    function addOrUpdateService(
        string calldata url,
        Quota calldata quota,
        uint256 pricePerToken,
        bool occupied,
        string[] calldata models,
        address teeSignerAddress
    ) external payable {
        _register(teeSignerAddress, true);
        Service storage service = serviceOf[msg.sender];
        service.url = url;
        service.quota = quota;
        service.pricePerToken = pricePerToken;
        service.occupied = occupied;
        service.models = models;
        emit ServiceUpdated(msg.sender, url, quota, pricePerToken, teeSignerAddress, occupied);
    }

    // ---- views

    function getService(address provider) external view returns (Service memory service) {
        _signer(provider);
        service = _service(provider);
    }

    function getAllServices() external view returns (Service[] memory services) {
        bytes32[] memory keys = providers.all();
        services = new Service[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) services[i] = _service(KeySetLib.toAddress(keys[i]));
    }

    function getAccount(address user, address provider) external view returns (AccountDetails memory) {
        SubAccount storage account = accountMap.get(user, provider);
        Tasks storage tasks = _tasks(user, provider);
        return AccountDetails(
            user,
            provider,
            tasks.nonce,
            account.balance,
            account.pendingRefund,
            _renamed(account.validRefunds()),
            account.additionalInfo,
            _deliverables(tasks),
            account.refundCount,
            tasks.head,
            tasks.count,
            account.acknowledged
        );
    }

    function getAllAccounts(uint256 offset, uint256 limit)
        external
        view
        returns (AccountSummary[] memory accounts, uint256 total)
    {
        return _page(accountMap.all, offset, limit);
    }

    function getAccountsByProvider(address provider, uint256 offset, uint256 limit)
        external
        view
        returns (AccountSummary[] memory accounts, uint256 total)
    {
        return _page(accountMap.ofProvider[provider], offset, limit);
    }

    function getAccountsByUser(address user, uint256 offset, uint256 limit)
        external
        view
        returns (AccountSummary[] memory accounts, uint256 total)
    {
        return _page(accountMap.ofUser[user], offset, limit);
    }

    /// Accounts of these users at the caller; all zero where there is none.
    function getBatchAccountsByUsers(address[] calldata users) external view returns (AccountSummary[] memory accounts) {
        require(users.length <= MAX_BATCH_USERS, BatchSizeTooLarge(users.length, MAX_BATCH_USERS));
        accounts = new AccountSummary[](users.length);
        for (uint256 i = 0; i < users.length; ++i) {
            bytes32 key = SubAccountLib.keyOf(users[i], msg.sender);
            if (accountMap.accounts[key].exists) accounts[i] = _summary(key);
        }
    }

    // ---- within

    function _evictOldest(Tasks storage tasks, address user, string calldata id) private {
        uint256 head = tasks.head;
        string memory oldest = tasks.ids[head];
        require(tasks.deliverables[oldest].settled, CannotEvictUnsettledDeliverable(oldest));
        delete tasks.deliverables[oldest];
        tasks.ids[head] = id;
        tasks.head = uint8((head + 1) % MAX_DELIVERABLES);
        emit DeliverableEvicted(msg.sender, user, oldest, id, block.timestamp);
    }

    function _pay(SubAccount storage account, address user, uint256 fee) private {
        uint256 headroom = stakes[msg.sender].headroom(stakeRules);
        require(fee <= headroom, ExposureCapReached(fee, headroom));
        stakes[msg.sender].countSettled(stakeRules, fee);
        _spend(account, user, fee);
        (bool sent,) = msg.sender.call{value: fee}("");
        require(sent, ETHTransferFailed());
    }

    function _recover(VerifierInput calldata input) private view returns (address) {
        bytes32 structHash = keccak256(
            abi.encode(
                MESSAGE_TYPE_HASH,
                keccak256(bytes(input.id)),
                keccak256(input.encryptedSecret),
                keccak256(input.modelRootHash),
                input.nonce,
                input.taskFee,
                input.user
            )
        );
        bytes32 domain = Signatures.domainSeparator(keccak256("0G Fine-Tuning Serving"));
        return Signatures.recover(Signatures.typedDigest(domain, structHash), input.signature);
    }

    /// Tasks of an account, which must exist.
    function _tasks(address user, address provider) private view returns (Tasks storage) {
        accountMap.get(user, provider);
        return tasksOf[SubAccountLib.keyOf(user, provider)];
    }

    function _deliverable(Tasks storage tasks, string calldata id) private view returns (Deliverable storage deliverable) {
        deliverable = tasks.deliverables[id];
        require(bytes(deliverable.id).length != 0, DeliverableNotExists(id));
    }

    /// Oldest first.
    function _deliverables(Tasks storage tasks) private view returns (Deliverable[] memory list) {
        list = new Deliverable[](tasks.count);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = tasks.deliverables[tasks.ids[(tasks.head + i) % MAX_DELIVERABLES]];
        }
    }

    function _page(KeySet storage set, uint256 offset, uint256 limit)
        private
        view
        returns (AccountSummary[] memory accounts, uint256 total)
    {
        bytes32[] memory keys;
        (keys, total) = set.page(offset, _checkedPage(limit));
        accounts = new AccountSummary[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) accounts[i] = _summary(keys[i]);
    }

    function _summary(bytes32 key) private view returns (AccountSummary memory) {
        SubAccount storage account = accountMap.accounts[key];
        Tasks storage tasks = tasksOf[key];
        return AccountSummary(
            account.user,
            account.provider,
            tasks.nonce,
            account.balance,
            account.pendingRefund,
            account.additionalInfo,
            account.refundCount,
            tasks.count,
            account.acknowledged
        );
    }

    /// Provider and signer lie elsewhere, in slots of their own.
    function _service(address provider) private view returns (Service memory service) {
        service = serviceOf[provider];
        service.provider = provider;
        service.teeSignerAddress = signers[provider].signer;
        service.teeSignerAcknowledged = signers[provider].acknowledged;
    }

    /// The words are the same.
    function _renamed(Refund[] memory refunds) private pure returns (TuningRefund[] memory renamed) {
        assembly ("memory-safe") {
            renamed := refunds
        }
    }

    function _check(bool holds, string memory reason) private pure {
        require(holds, InvalidVerifierInput(reason));
    }

    function _checkLockTime(uint256 value) private pure {
        require(value >= MIN_LOCKTIME && value <= MAX_LOCKTIME, LockTimeOutOfRange(value));
    }

    function _checkParties(address, address, string memory additionalInfo) internal pure override {
        require(bytes(additionalInfo).length <= MAX_INFO_LENGTH, AdditionalInfoTooLong());
    }

    /// Ids of deleted tasks are free again; the nonce stays.
    function _forget(address user, address provider) internal override {
        Tasks storage tasks = tasksOf[SubAccountLib.keyOf(user, provider)];
        for (uint256 i = 0; i < tasks.count; ++i) delete tasks.deliverables[tasks.ids[i]];
        tasks.head = 0;
        tasks.count = 0;
    }

    function _removeService() internal override {
        delete serviceOf[msg.sender];
        emit ServiceRemoved(msg.sender);
    }

    function _revertNotLedger() internal pure override {
        revert CallerNotLedger();
    }

    function _revertLimit(uint256 limit) internal pure override {
        revert LimitTooLarge(limit);
    }

    function _revertNotSent(bool toLedger) internal pure override {
        if (toLedger) revert TransferToLedgerFailed();
        revert ETHTransferFailed();
    }
}

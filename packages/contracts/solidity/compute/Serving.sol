// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ComputeOwned} from "./ComputeOwned.sol";
import {IERC165, ILedger, IServing, ISignerPolicy} from "./IServing.sol";
import {KeySet, KeySetLib} from "./KeySet.sol";
import {Stake, StakeLib, StakeRules} from "./ProviderStake.sol";
import {SubAccount, SubAccountLib, SubAccountMap} from "./SubAccounts.sol";

/// One slot, so that a proof of it tells everything about a provider's signer.
struct Signer {
    address signer;
    bool acknowledged;
    bool registered;
}

/// What inference and fine-tuning share: sub-accounts that only the ledger fills, stake of providers, their signers.
abstract contract Serving is ComputeOwned, IServing {
    using KeySetLib for KeySet;
    using StakeLib for Stake;
    using SubAccountLib for SubAccountMap;
    using SubAccountLib for SubAccount;

    uint256 public constant MIN_LOCKTIME = 1 hours;
    uint256 public constant MAX_LOCKTIME = 7 days;
    uint256 public constant MIN_PROVIDER_STAKE = 100 ether;
    uint256 internal constant MAX_INFO_LENGTH = 4096;
    uint256 internal constant MAX_PAGE = 50;

    uint256 public lockTime;
    address public ledgerAddress;
    /// Acknowledges signers besides the owner; zero = only the owner does.
    address public signerPolicy;
    StakeRules public stakeRules;
    SubAccountMap internal accountMap;
    KeySet internal providers;
    mapping(address provider => Signer) internal signers;
    mapping(address provider => Stake) internal stakes;
    /// Signers that the owner revoked: no policy acknowledges them again.
    mapping(address signer => bool) public barredSigners;

    event BalanceUpdated(address indexed user, address indexed provider, uint256 amount, uint256 pendingRefund);
    event RefundRequested(address indexed user, address indexed provider, uint256 indexed index, uint256 timestamp);
    event ProviderTEESignerAcknowledged(address indexed provider, address indexed teeSignerAddress, bool acknowledged);
    event ProviderStaked(address indexed provider, uint256 amount);
    event ProviderStakeReturned(address indexed provider, uint256 amount);
    event LockTimeUpdated(uint256 oldLockTime, uint256 newLockTime);
    event AccountDeleted(address indexed user, address indexed provider, uint256 refundedAmount);
    event StakeUnbonding(address indexed provider, uint256 amount, uint256 releaseAt);
    event StakeRulesSet(uint256 unbondingSeconds, uint256 windowSeconds, uint256 exposureCapBps);
    event SignerPolicySet(address policy);

    error ServiceNotExist(address provider);
    error CannotAddStakeWhenUpdating();
    error InsufficientStake(uint256 provided, uint256 required);
    error AdditionalInfoTooLong();
    error BatchSizeTooLarge(uint256 size, uint256 max);
    error SignerNotAccepted(address provider, address signer);
    /// The stake stays until `releaseAt` and until no settlement is open.
    error StakeLocked(uint256 releaseAt, uint256 openFees);
    error StakeRulesOutOfRange();

    modifier onlyLedger() {
        if (msg.sender != ledgerAddress) _revertNotLedger();
        _;
    }

    receive() external payable {
        revert DirectDepositsDisabled();
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IServing).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    // ---- what the ledger calls

    function addAccount(address user, address provider, string memory additionalInfo) external payable onlyLedger {
        _checkParties(user, provider, additionalInfo);
        _emitBalance(accountMap.open(user, provider, additionalInfo));
    }

    function depositFund(address user, address provider, uint256 cancelRetrievingAmount) external payable onlyLedger {
        _checkParties(user, provider, "");
        SubAccount storage account = accountMap.get(user, provider);
        account.deposit(cancelRetrievingAmount);
        _emitBalance(account);
    }

    function requestRefundAll(address user, address provider) external onlyLedger {
        SubAccount storage account = accountMap.get(user, provider);
        account.requestRefundAll();
        if (account.refundCount > 0) emit RefundRequested(user, provider, account.refundCount - 1, block.timestamp);
    }

    function processRefund(address user, address provider)
        external
        onlyLedger
        returns (uint256 totalAmount, uint256 balance, uint256 pendingRefund)
    {
        SubAccount storage account = accountMap.get(user, provider);
        totalAmount = account.takeMatured(lockTime);
        (balance, pendingRefund) = (account.balance, account.pendingRefund);
        if (totalAmount == 0) return (0, balance, pendingRefund);
        _emitBalance(account);
        (bool sent,) = msg.sender.call{value: totalAmount}("");
        if (!sent) _revertNotSent(true);
    }

    function deleteAccount(address user, address provider) external onlyLedger {
        _forget(user, provider);
        emit AccountDeleted(user, provider, accountMap.close(user, provider));
    }

    // ---- users

    function acknowledgeTEESigner(address provider, bool acknowledged) external {
        accountMap.get(msg.sender, provider).acknowledge(acknowledged);
    }

    // ---- providers

    /// Stake on top of the first, for a higher exposure cap. (An update of the service must send nothing, as 0G's.)
    function addStake() external payable {
        require(signers[msg.sender].registered, ServiceNotExist(msg.sender));
        stakes[msg.sender].bonded += uint112(msg.value);
        emit ProviderStaked(msg.sender, msg.value);
    }

    /// Ends the service at once; its stake can be taken by `withdrawStake` later.
    function removeService() external nonReentrant {
        require(signers[msg.sender].registered, ServiceNotExist(msg.sender));
        delete signers[msg.sender];
        providers.remove(KeySetLib.fromAddress(msg.sender));
        _removeService();
        Stake storage stake = stakes[msg.sender];
        uint256 amount = stake.bonded;
        uint256 releaseAt = block.timestamp + stakeRules.unbondingSeconds;
        if (releaseAt < stake.releaseAt) releaseAt = stake.releaseAt;
        stake.releaseAt = uint32(releaseAt);
        stake.unbonding += uint112(amount);
        stake.bonded = 0;
        emit StakeUnbonding(msg.sender, amount, releaseAt);
    }

    /// Pays out the stake of a removed service, when its time is over and no settlement is open.
    function withdrawStake() external nonReentrant {
        Stake storage stake = stakes[msg.sender];
        uint256 amount = stake.unbonding;
        require(amount != 0, InsufficientStake(0, 1));
        uint256 open = stake.openFees(stakeRules);
        require(block.timestamp >= stake.releaseAt && open == 0, StakeLocked(stake.releaseAt, open));
        stake.unbonding = 0;
        emit ProviderStakeReturned(msg.sender, amount);
        (bool sent,) = msg.sender.call{value: amount}("");
        if (!sent) _revertNotSent(false);
    }

    /// Anybody may bring the evidence that the policy asks for.
    function acknowledgeTEESignerByPolicy(address provider, bytes calldata evidence) external {
        Signer storage entry = _signer(provider);
        address signer = entry.signer;
        address policy = signerPolicy;
        require(
            policy != address(0) && signer != address(0) && !barredSigners[signer]
                && ISignerPolicy(policy).accepts(address(this), provider, signer, evidence),
            SignerNotAccepted(provider, signer)
        );
        _setAcknowledged(provider, entry, true);
    }

    // ---- owner

    function acknowledgeTEESignerByOwner(address provider) external onlyOwner {
        Signer storage entry = _signer(provider);
        barredSigners[entry.signer] = false;
        _setAcknowledged(provider, entry, true);
    }

    function revokeTEESignerAcknowledgement(address provider) external onlyOwner {
        Signer storage entry = _signer(provider);
        barredSigners[entry.signer] = true;
        _setAcknowledged(provider, entry, false);
    }

    function setSignerPolicy(address policy) external onlyOwner {
        signerPolicy = policy;
        emit SignerPolicySet(policy);
    }

    /// Holds for removals and settlements from now on.
    function setStakeRules(StakeRules calldata rules) external onlyOwner {
        _setStakeRules(rules);
    }

    // ---- views

    function accountExists(address user, address provider) external view returns (bool) {
        return accountMap.exists(user, provider);
    }

    function getPendingRefund(address user, address provider) external view returns (uint256) {
        return accountMap.get(user, provider).pendingRefund;
    }

    function stakeOf(address provider)
        external
        view
        returns (uint256 bonded, uint256 unbonding, uint256 releaseAt, uint256 openFees, uint256 headroom)
    {
        Stake storage stake = stakes[provider];
        return (
            stake.bonded, stake.unbonding, stake.releaseAt, stake.openFees(stakeRules), stake.headroom(stakeRules)
        );
    }

    // ---- within

    function _initializeServing(uint256 lockTime_, address ledger, address owner_) internal {
        _initializeOwned(owner_);
        lockTime = lockTime_;
        ledgerAddress = ledger;
        _setStakeRules(StakeRules(7 days, 1 hours, 10_000));
    }

    function _setStakeRules(StakeRules memory rules) private {
        require(
            rules.unbondingSeconds >= 1 minutes && rules.unbondingSeconds <= 90 days && rules.windowSeconds >= 1
                && rules.windowSeconds <= 7 days && rules.exposureCapBps >= 1 && rules.exposureCapBps <= 1_000_000,
            StakeRulesOutOfRange()
        );
        stakeRules = rules;
        emit StakeRulesSet(rules.unbondingSeconds, rules.windowSeconds, rules.exposureCapBps);
    }

    /// Takes the stake of a first registration; a removed service registers anew. Gives whether the signer changed.
    function _register(address signer, bool keepAcknowledgement) internal returns (bool first) {
        Signer storage entry = signers[msg.sender];
        first = !entry.registered;
        if (first) {
            require(msg.value >= MIN_PROVIDER_STAKE, InsufficientStake(msg.value, MIN_PROVIDER_STAKE));
            stakes[msg.sender].bonded = uint112(msg.value);
            providers.add(KeySetLib.fromAddress(msg.sender));
            emit ProviderStaked(msg.sender, msg.value);
        } else {
            require(msg.value == 0, CannotAddStakeWhenUpdating());
        }
        bool acknowledged = entry.acknowledged && keepAcknowledgement && entry.signer == signer;
        signers[msg.sender] = Signer(signer, acknowledged, true);
    }

    function _signer(address provider) internal view returns (Signer storage entry) {
        entry = signers[provider];
        require(entry.registered, ServiceNotExist(provider));
    }

    function _setAcknowledged(address provider, Signer storage entry, bool acknowledged) private {
        entry.acknowledged = acknowledged;
        emit ProviderTEESignerAcknowledged(provider, entry.signer, acknowledged);
    }

    /// Takes a fee from a sub-account and from the ledger's books. The money itself is sent by the caller.
    function _spend(SubAccount storage account, address user, uint256 amount) internal {
        account.pay(amount);
        ILedger(ledgerAddress).spendFund(user, amount);
        emit BalanceUpdated(user, msg.sender, account.balance, account.pendingRefund);
    }

    function _emitBalance(SubAccount storage account) private {
        emit BalanceUpdated(account.user, account.provider, account.balance, account.pendingRefund);
    }

    function _checkedPage(uint256 limit) internal view returns (uint256) {
        if (limit > MAX_PAGE) _revertLimit(limit);
        return limit == 0 ? MAX_PAGE : limit;
    }

    // ---- what differs between the services, mostly forms of errors

    function _checkParties(address user, address provider, string memory additionalInfo) internal virtual;
    function _forget(address user, address provider) internal virtual;
    function _removeService() internal virtual;
    function _revertNotLedger() internal view virtual;
    function _revertLimit(uint256 limit) internal view virtual;
    function _revertNotSent(bool toLedger) internal view virtual;
}

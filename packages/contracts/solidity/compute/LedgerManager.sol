// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ComputeOwned} from "./ComputeOwned.sol";
import {IERC165, IServing} from "./IServing.sol";
import {KeySet, KeySetLib} from "./KeySet.sol";

struct Ledger {
    address user;
    uint256 availableBalance;
    uint256 totalBalance;
    string additionalInfo;
}

struct ServiceInfo {
    address serviceAddress;
    IServing serviceContract;
    string serviceType;
    string version;
    string fullName;
    string description;
    bool isRecommended;
    uint256 registeredAt;
}

/// Prepaid money of users for all compute services. `totalBalance - availableBalance` lies in sub-accounts at the services.
/// ABI, rules, errors and events are 0G's (0g-serving-contract, LedgerManager.sol).
contract LedgerManager is ComputeOwned {
    using KeySetLib for KeySet;

    /// One slot, which each settlement of a user changes.
    struct Balance {
        uint120 available;
        uint120 total;
        bool exists;
    }

    uint256 public constant MAX_PROVIDERS_PER_BATCH = 20;
    uint256 public constant MAX_SERVICES = 500;
    uint256 public constant MAX_PROVIDERS_PER_USER_PER_SERVICE = 50;
    uint256 public constant MAX_ADDITIONAL_INFO_LENGTH = 4096;
    uint256 public constant MIN_ACCOUNT_BALANCE = 3 ether;
    uint256 public constant MIN_TRANSFER_AMOUNT = 1 ether;
    uint256 private constant DEFAULT_PAGE = 50;
    /// As OpenZeppelin's ERC165Checker gives.
    uint256 private constant ERC165_GAS = 30_000;

    mapping(address user => Balance) private balances;
    mapping(address user => string) private additionalInfos;
    KeySet private users;
    mapping(address service => ServiceInfo) private services;
    mapping(string fullName => address service) private serviceByName;
    KeySet private serviceKeys;
    mapping(string serviceType => address service) private recommended;
    mapping(address user => mapping(address service => KeySet providers)) private providersOf;

    event ServiceRegistered(address indexed serviceAddress, string serviceName);
    event RecommendedServiceUpdated(string serviceType, string version, address serviceAddress);
    event LedgerInfoUpdated(address indexed user, string additionalInfo);
    event FundSpent(address indexed user, address indexed service, uint256 amount);

    error LedgerNotExists(address user);
    error LedgerExists(address user);
    error InsufficientBalance(address user);
    error TooManyProviders(uint256 requested, uint256 maximum);
    error TooManyProvidersForService(uint256 current, uint256 maximum);
    error InvalidServiceType(string serviceType);
    error ServiceNotRegistered(address serviceAddress);
    error ServiceNameExists(string serviceName);
    error InvalidServiceAddress(address serviceAddress);
    error LedgerLocked();
    error CallerNotRegisteredService(address caller);
    error ServiceNotFound(address serviceAddress);
    error MinimumDepositRequired(uint256 provided, uint256 required);
    error AdditionalInfoTooLong(uint256 length, uint256 max);
    error ZeroAmountNotAllowed();
    error ZeroAddressNotAllowed();
    error InsufficientAvailableBalance(uint256 available, uint256 required);
    error TransferFailed();
    error CallFailed();
    error MustWithdrawAllFundsFirst(uint256 remainingBalance);
    error ServiceTypeRequired();
    error VersionRequired();
    error ServiceAlreadyRegistered(address serviceAddress);
    error ServiceMustImplementIServing(address serviceAddress);
    error ServiceRegistryLimitReached(uint256 limit);
    error NoRecommendedService(string serviceType);
    /// More wei than 120 bits hold; no supply reaches it.
    error AmountTooLarge(uint256 amount);

    /// One operation on a user's ledger at a time, within a transaction.
    modifier withLedgerLock(address user) {
        require(_tload(user) == 0, LedgerLocked());
        _tstore(user, 1);
        _;
        _tstore(user, 0);
    }

    modifier onlyServing() {
        require(services[msg.sender].serviceAddress != address(0), CallerNotRegisteredService(msg.sender));
        _;
    }

    function initialize(address owner_) external {
        _initializeOwned(owner_);
    }

    /// Refunds of services come back here; users name what they deposit.
    receive() external payable {
        require(services[msg.sender].serviceAddress != address(0), DirectDepositsDisabled());
    }

    // ---- a user's money

    function addLedger(string calldata additionalInfo)
        external
        payable
        withLedgerLock(msg.sender)
        returns (uint256 availableBalance, uint256 lockedBalance)
    {
        require(msg.value >= MIN_ACCOUNT_BALANCE, MinimumDepositRequired(msg.value, MIN_ACCOUNT_BALANCE));
        _checkInfo(additionalInfo);
        require(!balances[msg.sender].exists, LedgerExists(msg.sender));
        _deposit(msg.sender);
        additionalInfos[msg.sender] = additionalInfo;
        return (msg.value, 0);
    }

    function updateAdditionalInfo(string calldata additionalInfo) external withLedgerLock(msg.sender) {
        _checkInfo(additionalInfo);
        _existing(msg.sender);
        additionalInfos[msg.sender] = additionalInfo;
        emit LedgerInfoUpdated(msg.sender, additionalInfo);
    }

    function depositFund() external payable withLedgerLock(msg.sender) {
        require(msg.value != 0, ZeroAmountNotAllowed());
        _deposit(msg.sender);
    }

    function depositFundFor(address recipient) external payable withLedgerLock(recipient) {
        require(recipient != address(0), ZeroAddressNotAllowed());
        require(msg.value != 0, ZeroAmountNotAllowed());
        _deposit(recipient);
    }

    /// Pays out from what is available. What stays available is nothing or the minimum; a ledger of nothing is deleted.
    function refund(uint256 amount) external withLedgerLock(msg.sender) {
        Balance storage balance = _existing(msg.sender);
        require(amount <= balance.available, InsufficientBalance(msg.sender));
        uint256 rest = balance.available - amount;
        require(rest == 0 || rest >= MIN_ACCOUNT_BALANCE, MinimumDepositRequired(rest, MIN_ACCOUNT_BALANCE));
        balance.available = uint120(rest);
        balance.total -= uint120(amount);
        if (balance.total == 0) _deleteLedger(msg.sender);
        (bool sent,) = msg.sender.call{value: amount}("");
        require(sent, TransferFailed());
    }

    function deleteLedger() external nonReentrant withLedgerLock(msg.sender) {
        Balance storage balance = _existing(msg.sender);
        require(balance.total == 0, MustWithdrawAllFundsFirst(balance.total));
        _deleteLedger(msg.sender);
    }

    /// Moves money to a sub-account, which is opened if there is none. Pending refunds are taken back first, the latest first.
    function transferFund(address provider, string calldata serviceName, uint256 amount) external withLedgerLock(msg.sender) {
        Balance storage balance = _existing(msg.sender);
        IServing serving = IServing(_serviceByName(serviceName));
        uint256 transferAmount = amount;
        bytes memory call;
        if (serving.accountExists(msg.sender, provider)) {
            uint256 pending = serving.getPendingRefund(msg.sender, provider);
            uint256 cancelled = amount < pending ? amount : pending;
            transferAmount -= cancelled;
            call = abi.encodeCall(IServing.depositFund, (msg.sender, provider, cancelled));
        } else {
            require(amount >= MIN_TRANSFER_AMOUNT, MinimumDepositRequired(amount, MIN_TRANSFER_AMOUNT));
            call = abi.encodeCall(IServing.addAccount, (msg.sender, provider, additionalInfos[msg.sender]));
            _addProvider(provider, address(serving));
        }
        require(transferAmount <= balance.available, InsufficientAvailableBalance(balance.available, transferAmount));
        balance.available -= uint120(transferAmount);
        (bool done,) = address(serving).call{value: transferAmount}(call);
        require(done, CallFailed());
    }

    /// Takes matured refunds back and asks for all the rest, provider by provider.
    function retrieveFund(address[] calldata providers, string calldata serviceName) external withLedgerLock(msg.sender) {
        require(providers.length <= MAX_PROVIDERS_PER_BATCH, TooManyProviders(providers.length, MAX_PROVIDERS_PER_BATCH));
        IServing serving = IServing(_serviceByName(serviceName));
        Balance storage balance = _existing(msg.sender);
        uint256 retrieved = 0;
        for (uint256 i = 0; i < providers.length; ++i) {
            if (!serving.accountExists(msg.sender, providers[i])) continue;
            (uint256 matured,,) = serving.processRefund(msg.sender, providers[i]);
            retrieved += matured;
            serving.requestRefundAll(msg.sender, providers[i]);
        }
        balance.available += uint120(retrieved);
    }

    /// A registered service has paid `amount` of a user's sub-account to a provider.
    function spendFund(address user, uint256 amount) external onlyServing withLedgerLock(user) {
        Balance storage balance = _existing(user);
        uint256 locked = balance.total - balance.available;
        require(amount <= locked, InsufficientAvailableBalance(locked, amount));
        balance.total -= uint120(amount);
        emit FundSpent(user, msg.sender, amount);
    }

    // ---- services

    function registerService(
        string calldata serviceType,
        string calldata version,
        address serviceAddress,
        string calldata description
    ) external onlyOwner {
        require(serviceAddress != address(0), InvalidServiceAddress(serviceAddress));
        require(bytes(serviceType).length != 0, ServiceTypeRequired());
        require(bytes(version).length != 0, VersionRequired());
        require(services[serviceAddress].serviceAddress == address(0), ServiceAlreadyRegistered(serviceAddress));
        string memory fullName = string.concat(serviceType, "-", version);
        require(serviceByName[fullName] == address(0), ServiceNameExists(fullName));
        require(_isServing(serviceAddress), ServiceMustImplementIServing(serviceAddress));
        require(serviceKeys.keys.length < MAX_SERVICES, ServiceRegistryLimitReached(MAX_SERVICES));
        services[serviceAddress] = ServiceInfo(
            serviceAddress,
            IServing(serviceAddress),
            serviceType,
            version,
            fullName,
            description,
            false,
            block.timestamp
        );
        serviceByName[fullName] = serviceAddress;
        serviceKeys.add(KeySetLib.fromAddress(serviceAddress));
        emit ServiceRegistered(serviceAddress, fullName);
    }

    function setRecommendedService(string calldata serviceType, string calldata version) external onlyOwner {
        address service = _serviceByName(string.concat(serviceType, "-", version));
        address previous = recommended[serviceType];
        if (previous != address(0)) services[previous].isRecommended = false;
        recommended[serviceType] = service;
        services[service].isRecommended = true;
        emit RecommendedServiceUpdated(serviceType, version, service);
    }

    // ---- views

    function getLedger(address user) external view returns (Ledger memory) {
        _existing(user);
        return _ledger(user);
    }

    function getAllLedgers(uint256 offset, uint256 limit) external view returns (Ledger[] memory ledgers, uint256 total) {
        bytes32[] memory keys;
        (keys, total) = users.page(offset, limit == 0 ? DEFAULT_PAGE : limit);
        ledgers = new Ledger[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) ledgers[i] = _ledger(KeySetLib.toAddress(keys[i]));
    }

    function getLedgerProviders(address user, string calldata serviceName) external view returns (address[] memory providers) {
        bytes32[] memory keys = providersOf[user][_serviceByName(serviceName)].all();
        // An address is its key: the words are the same.
        assembly ("memory-safe") {
            providers := keys
        }
    }

    function getServiceInfo(address serviceAddress) external view returns (ServiceInfo memory) {
        return services[serviceAddress];
    }

    function getServiceAddressByName(string calldata serviceName) external view returns (address) {
        return serviceByName[serviceName];
    }

    function getAllActiveServices() external view returns (ServiceInfo[] memory infos) {
        bytes32[] memory keys = serviceKeys.all();
        infos = new ServiceInfo[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) infos[i] = services[KeySetLib.toAddress(keys[i])];
    }

    function getRecommendedService(string calldata serviceType)
        external
        view
        returns (string memory version, address serviceAddress)
    {
        serviceAddress = recommended[serviceType];
        require(serviceAddress != address(0), NoRecommendedService(serviceType));
        version = services[serviceAddress].version;
    }

    function getAllVersions(string calldata serviceType)
        external
        view
        returns (string[] memory versions, address[] memory addresses, bool[] memory isRecommendedFlags)
    {
        bytes32[] memory keys = serviceKeys.all();
        versions = new string[](keys.length);
        addresses = new address[](keys.length);
        isRecommendedFlags = new bool[](keys.length);
        uint256 count = 0;
        for (uint256 i = 0; i < keys.length; ++i) {
            ServiceInfo storage info = services[KeySetLib.toAddress(keys[i])];
            if (keccak256(bytes(info.serviceType)) != keccak256(bytes(serviceType))) continue;
            versions[count] = info.version;
            addresses[count] = info.serviceAddress;
            isRecommendedFlags[count++] = info.isRecommended;
        }
        assembly ("memory-safe") {
            mstore(versions, count)
            mstore(addresses, count)
            mstore(isRecommendedFlags, count)
        }
    }

    function isRecommendedVersion(string calldata serviceType, string calldata version) external view returns (bool) {
        return services[serviceByName[string.concat(serviceType, "-", version)]].isRecommended;
    }

    // ---- within

    /// `msg.value` for a user, whose ledger is made if there is none.
    function _deposit(address user) private {
        Balance storage balance = balances[user];
        if (!balance.exists) {
            require(msg.value >= MIN_ACCOUNT_BALANCE, MinimumDepositRequired(msg.value, MIN_ACCOUNT_BALANCE));
            balance.exists = true;
            users.add(KeySetLib.fromAddress(user));
        }
        require(msg.value + balance.total <= type(uint120).max, AmountTooLarge(msg.value));
        balance.available += uint120(msg.value);
        balance.total += uint120(msg.value);
    }

    function _deleteLedger(address user) private {
        delete balances[user];
        delete additionalInfos[user];
        users.remove(KeySetLib.fromAddress(user));
        bytes32[] memory keys = serviceKeys.all();
        for (uint256 i = 0; i < keys.length; ++i) {
            address service = KeySetLib.toAddress(keys[i]);
            KeySet storage providers = providersOf[user][service];
            bytes32[] memory list = providers.all();
            for (uint256 j = 0; j < list.length; ++j) {
                providers.remove(list[j]);
                // A service that fails does not keep a user from leaving: nothing of his lies there any more.
                try IServing(service).deleteAccount(user, KeySetLib.toAddress(list[j])) {} catch {}
            }
        }
    }

    function _addProvider(address provider, address service) private {
        KeySet storage providers = providersOf[msg.sender][service];
        uint256 count = providers.keys.length;
        require(
            count < MAX_PROVIDERS_PER_USER_PER_SERVICE,
            TooManyProvidersForService(count, MAX_PROVIDERS_PER_USER_PER_SERVICE)
        );
        providers.add(KeySetLib.fromAddress(provider));
    }

    function _existing(address user) private view returns (Balance storage balance) {
        balance = balances[user];
        require(balance.exists, LedgerNotExists(user));
    }

    function _ledger(address user) private view returns (Ledger memory) {
        Balance storage balance = balances[user];
        return Ledger(user, balance.available, balance.total, additionalInfos[user]);
    }

    function _serviceByName(string memory fullName) private view returns (address service) {
        service = serviceByName[fullName];
        require(service != address(0), ServiceNotFound(service));
    }

    function _checkInfo(string calldata info) private pure {
        require(
            bytes(info).length <= MAX_ADDITIONAL_INFO_LENGTH,
            AdditionalInfoTooLong(bytes(info).length, MAX_ADDITIONAL_INFO_LENGTH)
        );
    }

    /// ERC-165 as its text asks for: the answer to 0xffffffff tells who answers yes to everything.
    function _isServing(address service) private view returns (bool) {
        return _supports(service, type(IERC165).interfaceId) && !_supports(service, 0xffffffff)
            && _supports(service, type(IServing).interfaceId);
    }

    function _supports(address service, bytes4 interfaceId) private view returns (bool) {
        (bool done, bytes memory answer) =
            service.staticcall{gas: ERC165_GAS}(abi.encodeCall(IERC165.supportsInterface, (interfaceId)));
        return done && answer.length >= 32 && abi.decode(answer, (uint256)) == 1;
    }

    function _tload(address user) private view returns (uint256 value) {
        assembly ("memory-safe") {
            value := tload(user)
        }
    }

    function _tstore(address user, uint256 value) private {
        assembly ("memory-safe") {
            tstore(user, value)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Owned} from "../lib/Owned.sol";
import {Submission} from "./Submission.sol";

interface IFlowEntries {
    function entryOf(Submission calldata submission) external view returns (bool exists, uint256 index, uint256 startPos, uint256 sectors);
}

/// Prices sectors, collects fees and says how long an entry lives.
///
/// Lifetime rule: an entry lives until `entryLifetimeSeconds` after the end of the UTC day in which it was submitted, with the
/// lifetime that was in force when the first entry of that day came. The owner's change never shortens what somebody paid for.
/// One record per day instead of one per entry makes expiry cost a submission nothing.
contract Market is Owned {
    struct Period {
        uint64 firstIndex;
        uint64 expiresAt;
    }

    uint256 public pricePerSector;
    address public flow;
    uint64 public entryLifetimeSeconds;
    Period[] private periods;
    /// Entry index to the time until which it was extended; 0 = never extended.
    mapping(uint256 => uint256) private extendedUntil;

    event PricePerSectorSet(uint256 pricePerSector);
    event EntryLifetimeSet(uint256 entryLifetimeSeconds);
    /// Entries from `firstIndex` on, until the next such event, expire at `expiresAt` (seconds since 1970).
    event PeriodOpened(uint256 indexed firstIndex, uint256 expiresAt);
    event EntryExtended(uint256 indexed index, uint256 expiresAt);
    event Withdrawn(address indexed to, uint256 amount);

    error NotFlow(address account);
    error WrongFee(uint256 expected, uint256 paid);
    error InvalidLifetime(uint256 entryLifetimeSeconds);
    error UnknownEntry();
    error EntryExpired(uint256 index);
    error WithdrawFailed();

    constructor(address owner_, address flow_, uint256 pricePerSector_, uint64 entryLifetimeSeconds_) Owned(owner_) {
        flow = flow_;
        pricePerSector = pricePerSector_;
        _setEntryLifetime(entryLifetimeSeconds_);
    }

    modifier onlyFlow() {
        require(msg.sender == flow, NotFlow(msg.sender));
        _;
    }

    /// 0G's markets pass fees on to a reward contract; here they stay until the owner withdraws them.
    function reward() external pure returns (address) {
        return address(0);
    }

    function setPricePerSector(uint256 pricePerSector_) external onlyOwner {
        pricePerSector = pricePerSector_;
        emit PricePerSectorSet(pricePerSector_);
    }

    /// Holds for entries of days that have not begun yet.
    function setEntryLifetime(uint64 entryLifetimeSeconds_) external onlyOwner {
        _setEntryLifetime(entryLifetimeSeconds_);
    }

    /// Takes the fee of submissions: `uploadSectors` behind `paddingSectors` of alignment that nobody pays for.
    function chargeFee(uint256, uint256 uploadSectors, uint256) external payable onlyFlow {
        uint256 fee = uploadSectors * pricePerSector;
        require(msg.value == fee, WrongFee(fee, msg.value));
    }

    /// The first entry of a UTC day tells its index.
    function openPeriod(uint256 firstIndex) external onlyFlow {
        uint256 expiry = (block.timestamp / 1 days + 1) * 1 days + entryLifetimeSeconds;
        periods.push(Period(uint64(firstIndex), uint64(expiry)));
        emit PeriodOpened(firstIndex, expiry);
    }

    /// Seconds since 1970 at which an entry ends. For an index that is not assigned yet: as if it were submitted now.
    function expiresAt(uint256 index) public view returns (uint256) {
        uint256 base = _periodExpiry(index);
        uint256 extended = extendedUntil[index];
        return extended > base ? extended : base;
    }

    /// Pays one more lifetime, at today's price, for an untagged entry that lives; anyone may. Overpayment is refused.
    function extend(Submission calldata submission) external payable returns (uint256 expiry) {
        (bool exists, uint256 index, , uint256 sectors) = IFlowEntries(flow).entryOf(submission);
        require(exists, UnknownEntry());
        expiry = expiresAt(index);
        require(expiry > block.timestamp, EntryExpired(index));
        uint256 fee = sectors * pricePerSector;
        require(msg.value == fee, WrongFee(fee, msg.value));
        expiry += entryLifetimeSeconds;
        extendedUntil[index] = expiry;
        emit EntryExtended(index, expiry);
    }

    function withdraw(address payable to, uint256 amount) external onlyOwner {
        (bool sent, ) = to.call{value: amount}("");
        require(sent, WithdrawFailed());
        emit Withdrawn(to, amount);
    }

    /// Anybody may add to the fees.
    receive() external payable {}

    /// Binary search for the last period that begins at or before `index`.
    function _periodExpiry(uint256 index) private view returns (uint256) {
        uint256 low = 0;
        uint256 high = periods.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (periods[middle].firstIndex <= index) low = middle + 1;
            else high = middle;
        }
        return low == 0 ? 0 : periods[low - 1].expiresAt;
    }

    /// Below a day an entry could end before the day that it was counted for; above a century the sum could not be trusted.
    function _setEntryLifetime(uint64 entryLifetimeSeconds_) private {
        require(
            entryLifetimeSeconds_ >= 1 days && entryLifetimeSeconds_ <= 36525 days, InvalidLifetime(entryLifetimeSeconds_)
        );
        entryLifetimeSeconds = entryLifetimeSeconds_;
        emit EntryLifetimeSet(entryLifetimeSeconds_);
    }
}

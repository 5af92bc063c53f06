// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Owned} from "../lib/Owned.sol";
import {EpochRange, EpochRangeWithContextDigest, Epochs, MineContext} from "./Epochs.sol";
import {FlowTree, FlowTreeLib} from "./FlowTree.sol";
import {InvalidSubmission, Submission, SubmissionData, SubmissionLib} from "./Submission.sol";
import {SubmissionGas} from "./SubmissionGas.sol";

interface IMarket {
    function pricePerSector() external view returns (uint256);
    function expiresAt(uint256 index) external view returns (uint256);
    function openPeriod(uint256 firstIndex) external;
    function chargeFee(uint256 beforeLength, uint256 uploadSectors, uint256 paddingSectors) external payable;
}

/// The log of all files: each submission takes a place in one Merkle tree and an index (0G's "txSeq").
/// ABI, event and tree are 0G's (0g-storage-contracts, Flow.sol and FlowTreeLib.sol); both generations of `submit` are served.
/// Different from it: what is paid beyond the fee comes back, and sending a submission again costs nothing.
contract Flow is Owned {
    using FlowTreeLib for FlowTree;

    /// Everything that each submission changes, in one slot.
    struct Cursor {
        uint64 length;
        uint48 count;
        uint48 epoch;
        uint64 epochStart;
        /// UTC day of the last submission.
        uint32 day;
    }

    struct Entry {
        bool exists;
        uint64 index;
        uint64 startPos;
    }

    /// One call's state in memory; written once at its end.
    struct Work {
        Cursor cursor;
        FlowTree tree;
        bool loaded;
        uint256 lengthBefore;
        uint256 uploadSectors;
        uint256 gasAtStart;
        /// The most that the items so far can take.
        uint256 gasOfItems;
    }

    /// Enough for a contract wallet's `receive`, too little to use up the caller's gas.
    uint256 private constant REFUND_GAS = 50_000;

    Cursor private cursor;
    address private market_;
    uint64 public firstBlock;
    uint24 private blocksPerEpoch_;
    bool public paused;
    bool private transient locked;
    bytes32[65] private frontier;
    mapping(uint256 => bytes32) private rootByTxSeq;
    mapping(bytes32 => Entry) private entries;
    MineContext private context;
    mapping(bytes32 => EpochRange) private epochRanges;
    EpochRangeWithContextDigest[] private epochRangeHistory;
    mapping(address => uint256) public refundCredit;

    event Submit(
        address indexed sender,
        bytes32 indexed identity,
        uint256 submissionIndex,
        uint256 startPos,
        uint256 length,
        SubmissionData submission
    );
    event NewEpoch(
        address indexed sender,
        uint256 indexed index,
        bytes32 startMerkleRoot,
        uint256 submissionIndex,
        uint256 flowLength,
        bytes32 context
    );
    event RefundCredited(address indexed account, uint256 amount);
    event RefundWithdrawn(address indexed account, address indexed to, uint256 amount);
    event Paused(address account);
    event Unpaused(address account);

    error NotEnoughFee(uint256 price, uint256 amount, uint256 paid);
    /// Estimate the transaction's gas: the estimate includes what a change of the tree may need, and what is unused comes back.
    error NotEnoughGas(uint256 needed, uint256 given);
    error EnforcedPause();
    error ExpectedPause();
    error ReentrancyGuardReentrantCall();
    error FlowFull();
    error InvalidEpochLength();
    error RefundFailed();

    constructor(address owner_, address marketAddress, uint24 blocksPerEpochCount) Owned(owner_) {
        require(blocksPerEpochCount != 0, InvalidEpochLength());
        cursor.length = 1;
        market_ = marketAddress;
        firstBlock = uint64(block.number);
        blocksPerEpoch_ = blocksPerEpochCount;
        context = Epochs.initial(block.number);
        FlowTreeLib.prepare(frontier);
    }

    modifier running() {
        require(!paused, EnforcedPause());
        require(block.number >= firstBlock, "Contract has not launched.");
        _;
    }

    /// Covers the calls that change the tree and the withdrawal of refunds.
    modifier nonReentrant() {
        require(!locked, ReentrancyGuardReentrantCall());
        locked = true;
        _;
        locked = false;
    }

    // ---- submitting

    /// 0G's `submit` since 2026: the submitter is named by the caller and is not authenticated.
    function submit(Submission calldata submission)
        external
        payable
        running
        nonReentrant
        returns (uint256 index, bytes32 digest, uint256 startIndex, uint256 length)
    {
        Work memory work = _begin();
        (index, digest, startIndex, length) = _submit(work, submission.data, submission.submitter);
        _finish(work);
    }

    /// 0G's `submit` before 2026: the submitter is the caller.
    function submit(SubmissionData calldata submission)
        external
        payable
        running
        nonReentrant
        returns (uint256 index, bytes32 digest, uint256 startIndex, uint256 length)
    {
        Work memory work = _begin();
        (index, digest, startIndex, length) = _submit(work, submission, msg.sender);
        _finish(work);
    }

    function batchSubmit(Submission[] calldata submissions)
        external
        payable
        running
        nonReentrant
        returns (uint256[] memory indexes, bytes32[] memory digests, uint256[] memory startIndexes, uint256[] memory lengths)
    {
        (indexes, digests, startIndexes, lengths) = _results(submissions.length);
        Work memory work = _begin();
        for (uint256 i = 0; i < submissions.length; ++i) {
            (indexes[i], digests[i], startIndexes[i], lengths[i]) =
                _submit(work, submissions[i].data, submissions[i].submitter);
        }
        _finish(work);
    }

    function batchSubmit(SubmissionData[] calldata submissions)
        external
        payable
        running
        nonReentrant
        returns (uint256[] memory indexes, bytes32[] memory digests, uint256[] memory startIndexes, uint256[] memory lengths)
    {
        (indexes, digests, startIndexes, lengths) = _results(submissions.length);
        Work memory work = _begin();
        for (uint256 i = 0; i < submissions.length; ++i) {
            (indexes[i], digests[i], startIndexes[i], lengths[i]) = _submit(work, submissions[i], msg.sender);
        }
        _finish(work);
    }

    /// Takes refunds that could not be pushed.
    function withdrawRefund(address payable to) external nonReentrant returns (uint256 amount) {
        amount = refundCredit[msg.sender];
        refundCredit[msg.sender] = 0;
        (bool sent,) = to.call{value: amount}("");
        require(sent, RefundFailed());
        emit RefundWithdrawn(msg.sender, to, amount);
    }

    // ---- epochs

    function makeContext() external running nonReentrant {
        _makeContexts(type(uint256).max);
    }

    /// At most cnt + 1 epochs, as 0G's contract counts them: the way out if so many passed that one call cannot pay for all.
    function makeContextFixedTimes(uint256 cnt) external running nonReentrant {
        _makeContexts(cnt == type(uint256).max ? cnt : cnt + 1);
    }

    function makeContextWithResult() external running nonReentrant returns (MineContext memory) {
        _makeContexts(type(uint256).max);
        return context;
    }

    function queryContextAtPosition(uint128 targetPosition)
        external
        running
        nonReentrant
        returns (EpochRangeWithContextDigest memory)
    {
        _makeContexts(type(uint256).max);
        require(targetPosition < cursor.length, "Queried position exceeds upper bound");
        return Epochs.find(epochRangeHistory, targetPosition);
    }

    // ---- views

    function market() external view returns (address payable) {
        return payable(market_);
    }

    function blocksPerEpoch() external view returns (uint256) {
        return blocksPerEpoch_;
    }

    function numSubmissions() external view returns (uint256) {
        return cursor.count;
    }

    function submissionIndex() external view returns (uint256) {
        return cursor.count;
    }

    function epoch() external view returns (uint256) {
        return cursor.epoch;
    }

    function epochStartPosition() external view returns (uint256) {
        return cursor.epochStart;
    }

    /// `unstagedHeight` in 0G's tree, which commits after each submission, is always its number of levels.
    function tree() external view returns (uint256 currentLength, uint256 unstagedHeight) {
        currentLength = cursor.length;
        unstagedHeight = 1;
        while (1 << (unstagedHeight - 1) < currentLength) ++unstagedHeight;
    }

    function getContext() external view returns (MineContext memory) {
        return context;
    }

    function getEpochRange(bytes32 digest) external view returns (EpochRange memory) {
        return epochRanges[digest];
    }

    function getEpochRangeHistory(uint256 index) external view returns (EpochRangeWithContextDigest memory) {
        return epochRangeHistory[index];
    }

    /// Root of the flow right after submission `txSeq`; 0 if there is none.
    function getFlowRootByTxSeq(uint256 txSeq) external view returns (bytes32) {
        return rootByTxSeq[txSeq];
    }

    function computeFlowRoot() external view returns (bytes32) {
        return FlowTreeLib.load(frontier, cursor.length).root();
    }

    /// The entry that the same untagged submission would be answered with, expired or not.
    function entryOf(Submission calldata submission)
        external
        view
        returns (bool exists, uint256 index, uint256 startPos, uint256 sectors)
    {
        sectors = SubmissionLib.checkedSectors(submission.data);
        Entry memory entry = entries[SubmissionLib.entryKey(submission.data, submission.submitter)];
        return (entry.exists, entry.index, entry.startPos, sectors);
    }

    // ---- owner

    function pause() external onlyOwner {
        require(!paused, EnforcedPause());
        paused = true;
        emit Paused(msg.sender);
    }

    function unpause() external onlyOwner {
        require(paused, ExpectedPause());
        paused = false;
        emit Unpaused(msg.sender);
    }

    // ---- inside

    function _begin() private view returns (Work memory work) {
        work.gasAtStart = gasleft();
        work.cursor = cursor;
        work.lengthBefore = work.cursor.length;
    }

    function _results(uint256 count)
        private
        pure
        returns (uint256[] memory, bytes32[] memory, uint256[] memory, uint256[] memory)
    {
        return (new uint256[](count), new bytes32[](count), new uint256[](count), new uint256[](count));
    }

    function _submit(Work memory work, SubmissionData calldata data, address submitter)
        private
        returns (uint256 index, bytes32 digest, uint256 startIndex, uint256 length)
    {
        require(submitter != address(0), InvalidSubmission());
        length = SubmissionLib.checkedSectors(data);
        digest = SubmissionLib.identity(data);
        work.gasOfItems += SubmissionGas.ofItem(data.nodes.length, data.tags.length);
        bytes32 key;
        if (data.tags.length == 0) {
            key = SubmissionLib.entryKey(data, submitter);
            Entry memory entry = entries[key];
            if (entry.exists) {
                work.gasOfItems += SubmissionGas.ofSearch();
                if (IMarket(market_).expiresAt(entry.index) > block.timestamp) {
                    emit Submit(submitter, digest, entry.index, entry.startPos, length, data);
                    return (entry.index, digest, entry.startPos, length);
                }
            }
        }
        work.gasOfItems += SubmissionGas.ofInsertion(work.lengthBefore, length, data.nodes.length);
        _requireGas(work);
        if (!work.loaded) _load(work);
        index = work.cursor.count++;
        startIndex = _insert(work, data, length);
        rootByTxSeq[index] = work.tree.root();
        if (key != 0) entries[key] = Entry(true, uint64(index), uint64(startIndex));
        emit Submit(submitter, digest, index, startIndex, length, data);
    }

    /// Nothing that others submitted may raise the demand, else an exact estimate could be refused in its block.
    function _requireGas(Work memory work) private view {
        uint256 needed = SubmissionGas.ofCall(work.lengthBefore, msg.sender) + work.gasOfItems;
        require(work.gasAtStart >= needed, NotEnoughGas(needed, work.gasAtStart));
    }

    /// Before the first insertion of a call: the tree, the epochs that ended, the day.
    function _load(Work memory work) private {
        work.loaded = true;
        work.tree = FlowTreeLib.load(frontier, work.cursor.length);
        _rollEpochs(work.cursor, work.tree, type(uint256).max);
        uint32 today = uint32(block.timestamp / 1 days);
        if (work.cursor.day != today) {
            work.cursor.day = today;
            IMarket(market_).openPeriod(work.cursor.count);
        }
    }

    function _insert(Work memory work, SubmissionData calldata data, uint256 sectors) private pure returns (uint256 start) {
        FlowTree memory flow = work.tree;
        start = FlowTreeLib.startOf(flow.length, data.nodes[0].height, sectors);
        require(start + sectors <= type(uint64).max, FlowFull());
        flow.fill(start);
        for (uint256 i = 0; i < data.nodes.length; ++i) flow.append(data.nodes[i].root, data.nodes[i].height);
        work.uploadSectors += sectors;
    }

    function _finish(Work memory work) private {
        uint256 fee = 0;
        if (work.loaded) {
            // Once more for the known items behind the last insertion.
            _requireGas(work);
            uint256 sectors = work.uploadSectors;
            uint256 price = IMarket(market_).pricePerSector();
            fee = price * sectors;
            require(msg.value >= fee, NotEnoughFee(price, sectors, msg.value));
            work.cursor.length = uint64(work.tree.length);
            work.tree.store(frontier);
            cursor = work.cursor;
            uint256 padding = work.tree.length - work.lengthBefore - sectors;
            IMarket(market_).chargeFee{value: fee}(work.lengthBefore, sectors, padding);
        }
        if (msg.value > fee) _refund(msg.value - fee);
    }

    /// Pushed with bounded gas and no return data; what is not accepted waits for `withdrawRefund`.
    function _refund(uint256 amount) private {
        bool sent;
        assembly ("memory-safe") {
            sent := call(REFUND_GAS, caller(), amount, 0, 0, 0, 0)
        }
        if (sent) return;
        refundCredit[msg.sender] += amount;
        emit RefundCredited(msg.sender, amount);
    }

    function _makeContexts(uint256 countMax) private {
        Cursor memory moved = cursor;
        if (_rollEpochs(moved, FlowTreeLib.load(frontier, moved.length), countMax)) cursor = moved;
    }

    /// Closes the epochs that ended; the tree as it stands is their state. Only the last one's context is kept.
    function _rollEpochs(Cursor memory moved, FlowTree memory flow, uint256 countMax) private returns (bool rolled) {
        uint256 first = firstBlock;
        uint256 blocks = blocksPerEpoch_;
        if (first + (uint256(moved.epoch) + 1) * blocks >= block.number) return false;
        MineContext memory next;
        next.flowRoot = flow.root();
        next.flowLength = flow.length;
        for (uint256 i = 0; i < countMax; ++i) {
            uint256 start = first + (uint256(moved.epoch) + 1) * blocks;
            if (start >= block.number) break;
            next.epoch = ++moved.epoch;
            next.mineStart = start;
            (next.blockDigest, next.digest) = Epochs.digests(start, next.flowRoot, next.flowLength);
            if (next.digest != Epochs.EMPTY_HASH) {
                EpochRange memory range = EpochRange(moved.epochStart, uint128(flow.length));
                epochRanges[next.digest] = range;
                epochRangeHistory.push(EpochRangeWithContextDigest(range.start, range.end, next.digest));
                moved.epochStart = uint64(flow.length);
            }
            emit NewEpoch(msg.sender, moved.epoch, next.flowRoot, moved.count, flow.length, next.digest);
        }
        context = next;
        return true;
    }
}

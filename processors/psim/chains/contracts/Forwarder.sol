// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface Token {
    function transfer(address to, uint256 amount) external returns (bool);
}

/// An address for deposits. What arrives leaves for one of two wallets, at the word of one of them;
/// nothing can change where to. It tells of coins by an event, so that both coins and tokens are
/// seen as logs; the event fits into the 2,300 gas of a plain `transfer`.
contract Forwarder {
    event Received(address indexed sender, uint256 amount);

    error OnlyWallets();
    error NotSent();

    address private immutable hot;
    address private immutable cold;

    constructor(address hot_, address cold_) {
        hot = hot_;
        cold = cold_;
    }

    receive() external payable {
        emit Received(msg.sender, msg.value);
    }

    /// Sends so much of a token, or of coins where `token` is zero, to each wallet.
    function sweep(address token, uint256 toHot, uint256 toCold) external {
        if (msg.sender != hot && msg.sender != cold) revert OnlyWallets();
        if (toHot != 0) send(token, hot, toHot);
        if (toCold != 0) send(token, cold, toCold);
    }

    function send(address token, address to, uint256 amount) private {
        bool isSent;
        bytes memory answer;
        if (token == address(0)) {
            (isSent, ) = to.call{value: amount}("");
        } else {
            (isSent, answer) = token.call(abi.encodeCall(Token.transfer, (to, amount)));
            isSent = isSent && token.code.length != 0
                && (answer.length == 0 || (answer.length == 32 && abi.decode(answer, (uint256)) == 1));
        }
        if (!isSent) revert NotSent();
    }
}

/// Makes forwarders where everybody can compute that they will be. Whoever calls it changes nothing
/// of theirs.
contract ForwarderFactory {
    event Created(address indexed forwarder, bytes32 indexed salt);

    error SameWallets();

    address public immutable hot;
    address public immutable cold;

    constructor(address hot_, address cold_) {
        if (hot_ == cold_ || hot_ == address(0) || cold_ == address(0)) revert SameWallets();
        hot = hot_;
        cold = cold_;
    }

    /// Those that exist already stay as they are.
    function create(bytes32[] calldata salts) external {
        bytes32 codeHash = keccak256(abi.encodePacked(type(Forwarder).creationCode, abi.encode(hot, cold)));
        for (uint256 i = 0; i < salts.length; i++) {
            bytes32 place = keccak256(abi.encodePacked(bytes1(0xff), address(this), salts[i], codeHash));
            if (address(uint160(uint256(place))).code.length != 0) continue;
            emit Created(address(new Forwarder{salt: salts[i]}(hot, cold)), salts[i]);
        }
    }
}

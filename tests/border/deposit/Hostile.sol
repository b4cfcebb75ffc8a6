// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface Erc20 {
    function transfer(address to, uint256 amount) external returns (bool);
}

/// A token of the network's own that has turned bad: it says whatever its caller likes.
contract Evil {
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    function lie(address to, uint256 amount) external {
        emit Transfer(msg.sender, to, amount);
    }

    function rebase(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approveIt(address to, uint256 amount) external {
        emit Approval(msg.sender, to, amount);
    }

    function leave(address from, uint256 amount) external {
        emit Transfer(from, msg.sender, amount);
    }

    /// The event of a token that numbers its pieces: four topics, no data.
    function tellFour(address to, uint256 amount) external {
        bytes32 name = keccak256("Transfer(address,address,uint256)");
        bytes32 receiver = bytes32(uint256(uint160(to)));
        assembly { log4(0, 0, name, caller(), receiver, amount) }
    }

    function tellTwo(address to, uint256 amount) external {
        bytes32 name = keccak256("Transfer(address,address,uint256)");
        bytes32 receiver = bytes32(uint256(uint160(to)));
        assembly {
            mstore(0, amount)
            log2(0, 32, name, receiver)
        }
    }

    function tellOther(address to, uint256 amount) external {
        bytes32 name = keccak256("Moved(address,address,uint256)");
        bytes32 receiver = bytes32(uint256(uint160(to)));
        assembly {
            mstore(0, amount)
            log3(0, 32, name, caller(), receiver)
        }
    }

    /// Says it once truly and once more falsely.
    function payAndLie(address to, uint256 amount) external {
        balanceOf[to] += amount;
        emit Transfer(msg.sender, to, amount);
        emit Transfer(msg.sender, to, amount);
    }
}

/// Looks like a forwarder from afar.
contract Spoof {
    event Received(address indexed sender, uint256 amount);

    function tell(address sender, uint256 amount) external {
        emit Received(sender, amount);
    }

    /// A forwarder's own code, run here: its event is of this address.
    function borrow(address forwarder) external payable {
        (bool isDone, ) = forwarder.delegatecall("");
        require(isDone);
    }
}

/// Pays, and takes it back: what the inner call told is not in the chain.
contract Regrets {
    function pay(address payable to) external payable {
        try this.payAndFail{value: msg.value}(to) {} catch {}
    }

    function payAndFail(address payable to) external payable {
        (bool isSent, ) = to.call{value: msg.value}("");
        require(isSent);
        revert();
    }

    function payToken(Erc20 token, address to, uint256 amount) external {
        try this.payTokenAndFail(token, to, amount) {} catch {}
    }

    function payTokenAndFail(Erc20 token, address to, uint256 amount) external {
        token.transfer(to, amount);
        revert();
    }
}

/// Pays while it is made.
contract PaysAtBirth {
    constructor(address payable to) payable {
        (bool isSent, ) = to.call{value: msg.value}("");
        require(isSent);
    }
}

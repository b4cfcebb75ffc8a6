// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Says that it moved nothing, and tells nobody.
contract ReturnsFalse {
    mapping(address => uint256) public balanceOf;

    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }
}

/// Keeps a tenth of what is transferred, and tells of the whole.
contract TakesFees {
    event Transfer(address indexed from, address indexed to, uint256 value);

    mapping(address => uint256) public balanceOf;

    function transfer(address to, uint256 amount) external returns (bool) {
        balanceOf[to] += amount - amount / 10;
        emit Transfer(msg.sender, to, amount);
        return true;
    }
}

/// Pays by a plain `transfer`, with 2,300 gas; by force; or in vain.
contract Payer {
    function pay(address payable to) external payable {
        to.transfer(msg.value);
    }

    function force(address payable to) external payable {
        new Last{value: msg.value}(to);
    }

    function fail(address payable to) external payable {
        (bool isSent, ) = to.call{value: msg.value}("");
        require(!isSent);
    }

    /// Several in one transaction: logs of others come first.
    function payMany(address payable first, address payable second) external payable {
        first.transfer(msg.value / 3);
        second.transfer(msg.value / 3);
        first.transfer(msg.value / 3);
    }
}

contract Last {
    constructor(address payable to) payable {
        selfdestruct(to);
    }
}

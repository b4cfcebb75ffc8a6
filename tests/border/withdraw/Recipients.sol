// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Takes no coins.
contract Refuses {
    receive() external payable {
        revert();
    }
}

/// A token that may say that it moved nothing, and does not.
contract Moody {
    mapping(address => uint256) public balanceOf;
    bool public isMoody;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function setMood(bool isMoody_) external {
        isMoody = isMoody_;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        if (isMoody || balanceOf[msg.sender] < amount) return false;
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
        emit Transfer(msg.sender, to, amount);
        return true;
    }
}

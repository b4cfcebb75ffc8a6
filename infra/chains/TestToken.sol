// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// The token of test chains: whoever wants some makes some.
contract TestToken is ERC20 {
    uint8 private immutable places;

    constructor(string memory name, string memory symbol, uint8 places_) ERC20(name, symbol) {
        places = places_;
    }

    function decimals() public view override returns (uint8) {
        return places;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

"""What looks like a deposit on Ethereum, and what does not look like one and is. Each function
makes it on the real node; the number is what the person it is meant for must be credited, of any
asset."""

from pathlib import Path
from typing import Any

from eth_abi import encode

from infra.chains.ethereum import EthereumTestChain
from processors.psim.chains.calls import encode_call
from processors.psim.chains.forwarders import compute_salt, decode_derivation, derive_address
from schemas.generated.common import WalletKind
from schemas.generated.entries import Keyset
from tests.border.deposit.world import ETHEREUM, MINIMUM, BorderWorld
from tests.processors.psim.world import now
from tests.support.contracts import read_contracts

AMOUNT = 70_000
TRANSFER = "transfer(address,uint256)"
SOURCES = (
    Path(__file__).with_name("Hostile.sol"),
    Path(__file__).parents[2] / "processors" / "psim" / "chains" / "Tokens.sol",
)


class Contracts:
    """Those that all vectors use; `listed`: assets of the network that have turned bad."""

    def __init__(self, chain: EthereumTestChain) -> None:
        self.code = {name: code for file in SOURCES for name, code in read_contracts(file).items()}
        names = ("Evil", "ReturnsFalse", "TakesFees", "Spoof", "Regrets", "Payer")
        self.at = {name: now(chain.deploy(self.code[name])) for name in names}
        self.namesake = now(chain.deploy_token("Dollars of a test", "TUSD", 6))
        self.listed = {
            "EVL": self.at["Evil"],
            "NOT": self.at["ReturnsFalse"],
            "FEE": self.at["TakesFees"],
        }


class Place:
    """A node, its contracts, and the forwarder that is paid to."""

    def __init__(self, world: BorderWorld, contracts: Contracts, address: str) -> None:
        self.world = world
        self.chain = world.chains.ethereum
        self.rpc = world.chains.safe_rpc
        self.contracts = contracts
        self.at = contracts.at
        self.token = world.chains.token
        self.address = address

    async def send(self, to: str, signature: str, *arguments: Any, wei: int = 0) -> str:
        data = encode_call(signature, *arguments)
        receipt = await self.chain.send(await self.chain.get_purse(), to, data, wei=wei)
        return receipt.transactionHash

    async def fail(self, to: str, data: bytes = b"", wei: int = 0, gas: int = 0) -> int:
        """A transaction that is mined and fails."""
        purse = await self.chain.get_purse()
        (name,) = await self.chain.send_together([(purse, to, data, wei)], gas=gas or 200_000)
        receipt = await self.rpc.call("eth_getTransactionReceipt", name, answer=dict[str, Any])
        assert receipt["status"] == "0x0", "it did not fail"
        return 0

    def get_keyset(self) -> Keyset:
        state = self.world.network.ledger.state
        keyset = state.get_keyset(ETHEREUM, WalletKind.DEPOSIT, 1)
        assert keyset is not None
        return keyset


async def force_coins(at: Place) -> int:
    await at.send(at.at["Payer"], "force(address)", at.address, wei=AMOUNT)
    return 0


async def fail_with_too_little_gas(at: Place) -> int:
    return await at.fail(at.address, wei=AMOUNT, gas=21_100)


async def call_what_is_not_there(at: Place) -> int:
    return await at.fail(at.address, b"\x01\x02\x03\x04", wei=AMOUNT)


async def transfer_what_one_has_not(at: Place) -> int:
    return await at.fail(at.contracts.namesake, encode_call(TRANSFER, at.address, AMOUNT))


async def transfer_what_nobody_allowed(at: Place) -> int:
    call = encode_call("transferFrom(address,address,uint256)", at.at["Payer"], at.address, AMOUNT)
    return await at.fail(at.token, call)


async def take_a_token_that_says_no(at: Place) -> int:
    await at.send(at.at["ReturnsFalse"], TRANSFER, at.address, AMOUNT)
    return 0


async def take_a_token_that_keeps_a_part(at: Place) -> int:
    await at.send(at.at["TakesFees"], TRANSFER, at.address, AMOUNT)
    return 0


async def take_a_token_that_lies(at: Place) -> int:
    await at.send(at.at["Evil"], "lie(address,uint256)", at.address, AMOUNT)
    return 0


async def take_a_token_that_lies_greatly(at: Place) -> int:
    await at.send(at.at["Evil"], "lie(address,uint256)", at.address, 2**255)
    return 0


async def take_a_balance_without_an_event(at: Place) -> int:
    await at.send(at.at["Evil"], "rebase(address,uint256)", at.address, AMOUNT)
    return 0


async def take_an_approval(at: Place) -> int:
    await at.send(at.at["Evil"], "approveIt(address,uint256)", at.address, AMOUNT)
    return 0


async def take_an_event_of_four_topics(at: Place) -> int:
    await at.send(at.at["Evil"], "tellFour(address,uint256)", at.address, AMOUNT)
    return 0


async def take_an_event_of_two_topics(at: Place) -> int:
    await at.send(at.at["Evil"], "tellTwo(address,uint256)", at.address, AMOUNT)
    return 0


async def take_an_event_of_another_name(at: Place) -> int:
    await at.send(at.at["Evil"], "tellOther(address,uint256)", at.address, AMOUNT)
    return 0


async def take_an_event_of_what_leaves(at: Place) -> int:
    await at.send(at.at["Evil"], "leave(address,uint256)", at.address, AMOUNT)
    return 0


async def take_a_token_of_the_same_name(at: Place) -> int:
    await at.chain.pay_token(at.contracts.namesake, at.address, AMOUNT)
    return 0


async def take_no_tokens(at: Place) -> int:
    await at.send(at.token, TRANSFER, at.address, 0)
    return 0


async def take_the_dust_of_a_token(at: Place) -> int:
    await at.chain.pay_token(at.token, at.address, MINIMUM - 1)
    return 0


async def take_the_dust_of_coins(at: Place) -> int:
    await at.chain.pay(at.address, MINIMUM - 1)
    return 0


async def be_told_by_another_contract(at: Place) -> int:
    await at.send(at.at["Spoof"], "tell(address,uint256)", at.address, AMOUNT)
    return 0


async def be_told_by_borrowed_code(at: Place) -> int:
    await at.send(at.at["Spoof"], "borrow(address)", at.address, wei=AMOUNT)
    return 0


async def be_paid_by_who_regrets(at: Place) -> int:
    await at.send(at.at["Regrets"], "pay(address)", at.address, wei=AMOUNT)
    return 0


async def be_paid_tokens_by_who_regrets(at: Place) -> int:
    await at.chain.pay_token(at.token, at.at["Regrets"], AMOUNT)
    signature = "payToken(address,address,uint256)"
    await at.send(at.at["Regrets"], signature, at.token, at.address, AMOUNT)
    return 0


async def be_paid_in_a_block_that_is_replaced(at: Place) -> int:
    await at.chain.pay(at.address, AMOUNT)
    await at.chain.reorganise(1)
    return 0


async def be_paid_tokens_in_a_block_that_is_replaced(at: Place) -> int:
    await at.chain.pay_token(at.token, at.address, AMOUNT)
    await at.chain.reorganise(1)
    return 0


async def be_paid_by_what_is_replaced(at: Place) -> int:
    """Another transaction of the same nonce, which pays somebody else."""
    purse = await at.chain.get_purse()
    nonce = await at.rpc.call("eth_getTransactionCount", purse, "latest", answer=str)
    await at.rpc.call("evm_setAutomine", False, answer=Any)
    try:
        for to, price in ((at.address, 10**11), (purse, 2 * 10**11)):
            request = {"from": purse, "to": to, "value": hex(AMOUNT), "gas": hex(100_000)}
            request |= {"gasPrice": hex(price), "nonce": nonce}
            await at.rpc.call("eth_sendTransaction", request, answer=str)
        await at.chain.mine()
    finally:
        await at.rpc.call("evm_setAutomine", True, answer=Any)
    return 0


async def be_paid_by_what_is_never_mined(at: Place) -> int:
    purse = await at.chain.get_purse()
    await at.rpc.call("evm_setAutomine", False, answer=Any)
    try:
        request = {"from": purse, "to": at.address, "value": hex(AMOUNT), "gas": hex(100_000)}
        name = await at.rpc.call("eth_sendTransaction", request, answer=str)
        await at.rpc.call("anvil_dropTransaction", name, answer=Any)
        await at.chain.mine()
    finally:
        await at.rpc.call("evm_setAutomine", True, answer=Any)
    return 0


async def be_the_miner(at: Place) -> int:
    """What a block's maker earns is told by no event."""
    before = await at.rpc.call("eth_coinbase", answer=str)
    await at.rpc.call("anvil_setCoinbase", at.address, answer=Any)
    await at.chain.pay(await at.chain.get_purse(), 1)
    await at.rpc.call("anvil_setCoinbase", before, answer=Any)
    assert await at.chain.get_balance(at.address) > 0
    return 0


async def be_given_coins_by_the_chain_itself(at: Place) -> int:
    """As validators' withdrawals are: a balance that is larger, and nothing else."""
    balance = await at.chain.get_balance(at.address)
    await at.rpc.call("anvil_setBalance", at.address, hex(balance + AMOUNT), answer=Any)
    await at.chain.mine()
    return 0


async def pay_where_no_forwarder_is_yet(at: Place) -> int:
    await at.chain.pay(derive_address(at.get_keyset(), 9_999), AMOUNT)
    return 0


async def pay_a_forwarder_of_another_factory(at: Place) -> int:
    keyset = at.get_keyset()
    found = decode_derivation(keyset)
    factory = await at.chain.deploy_factory(found.hot, found.cold)
    salt = compute_salt(keyset, 0)
    await at.chain.create_forwarders(factory, [salt])
    await at.chain.pay(found._replace(factory=factory).derive_address(salt), AMOUNT)
    return 0


async def pay_the_hot_wallet(at: Place) -> int:
    await at.chain.pay(decode_derivation(at.get_keyset()).hot, AMOUNT)
    return 0


# Deposits that do not look like one


async def pay_exactly_the_minimum(at: Place) -> int:
    await at.chain.pay(at.address, MINIMUM)
    return MINIMUM


async def pay_with_2300_gas(at: Place) -> int:
    await at.send(at.at["Payer"], "pay(address)", at.address, wei=AMOUNT)
    return AMOUNT


async def pay_three_times_in_one_transaction(at: Place) -> int:
    call = "payMany(address,address)"
    await at.send(at.at["Payer"], call, at.address, at.address, wei=3 * AMOUNT)
    return 3 * AMOUNT


async def pay_while_being_made(at: Place) -> int:
    code = at.contracts.code["PaysAtBirth"] + encode(["address"], [at.address])
    await at.chain.send(await at.chain.get_purse(), None, code, wei=AMOUNT)
    return AMOUNT


async def pay_more_than_64_bits(at: Place) -> int:
    await at.chain.pay_token(at.token, at.address, 2**100 + 1)
    return 2**100 + 1


async def pay_tokens_as_they_are_made(at: Place) -> int:
    await at.send(at.token, "mint(address,uint256)", at.address, AMOUNT)
    return AMOUNT


async def pay_tokens_by_an_allowance(at: Place) -> int:
    purse = await at.chain.get_purse()
    await at.send(at.token, "mint(address,uint256)", purse, AMOUNT)
    await at.send(at.token, "approve(address,uint256)", purse, AMOUNT)
    await at.send(at.token, "transferFrom(address,address,uint256)", purse, at.address, AMOUNT)
    return AMOUNT


async def pay_the_same_twice_in_a_block(at: Place) -> int:
    purse = await at.chain.get_purse()
    await at.chain.send_together([(purse, at.address, b"", AMOUNT)] * 2)
    return 2 * AMOUNT


async def pay_behind_what_moves_the_log(at: Place) -> int:
    """The block is made again with more logs before it: its index in the block is another one."""
    purse = await at.chain.get_purse()
    await at.chain.pay(at.address, AMOUNT)
    tip = await at.rpc.call("eth_getBlockByNumber", "latest", False, answer=dict[str, Any])
    raw = await at.rpc.call("debug_getRawTransaction", tip["transactions"][0], answer=str)
    await at.rpc.call("anvil_reorg", 1, [], answer=Any)
    await at.rpc.call("evm_setAutomine", False, answer=Any)
    try:
        accounts = await at.rpc.call("eth_accounts", answer=list[str])
        request = {
            "from": accounts[3],
            "to": at.token,
            "data": "0x" + encode_call("mint(address,uint256)", purse, 1).hex(),
            "gas": hex(200_000),
            "gasPrice": hex(10**12),
        }
        await at.rpc.call("eth_sendTransaction", request, answer=str)
        await at.rpc.call("eth_sendRawTransaction", raw, answer=str)
        await at.chain.mine()
    finally:
        await at.rpc.call("evm_setAutomine", True, answer=Any)
    return AMOUNT


async def pay_and_be_mined_again(at: Place) -> int:
    await at.chain.pay(at.address, AMOUNT)
    await at.chain.reorganise(1, is_dropping=False)
    return AMOUNT


async def pay_a_token_and_lie_about_it(at: Place) -> int:
    """It says twice what it has moved once."""
    await at.send(at.at["Evil"], "payAndLie(address,uint256)", at.address, AMOUNT)
    return AMOUNT


FALSE = (
    force_coins,
    fail_with_too_little_gas,
    call_what_is_not_there,
    transfer_what_one_has_not,
    transfer_what_nobody_allowed,
    take_a_token_that_says_no,
    take_a_token_that_keeps_a_part,
    take_a_token_that_lies,
    take_a_token_that_lies_greatly,
    take_a_balance_without_an_event,
    take_an_approval,
    take_an_event_of_four_topics,
    take_an_event_of_two_topics,
    take_an_event_of_another_name,
    take_an_event_of_what_leaves,
    take_a_token_of_the_same_name,
    take_no_tokens,
    take_the_dust_of_a_token,
    take_the_dust_of_coins,
    be_told_by_another_contract,
    be_told_by_borrowed_code,
    be_paid_by_who_regrets,
    be_paid_tokens_by_who_regrets,
    be_paid_in_a_block_that_is_replaced,
    be_paid_tokens_in_a_block_that_is_replaced,
    be_paid_by_what_is_replaced,
    be_paid_by_what_is_never_mined,
    be_the_miner,
    be_given_coins_by_the_chain_itself,
    pay_where_no_forwarder_is_yet,
    pay_a_forwarder_of_another_factory,
    pay_the_hot_wallet,
)
TRUE = (
    pay_exactly_the_minimum,
    pay_with_2300_gas,
    pay_three_times_in_one_transaction,
    pay_while_being_made,
    pay_more_than_64_bits,
    pay_tokens_as_they_are_made,
    pay_tokens_by_an_allowance,
    pay_the_same_twice_in_a_block,
    pay_behind_what_moves_the_log,
    pay_and_be_mined_again,
    pay_a_token_and_lie_about_it,
)

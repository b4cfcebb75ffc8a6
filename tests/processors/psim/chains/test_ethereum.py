"""Ethereum as services read it, on a real node."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from infra.chains.ethereum import GAS, EthereumTestChain
from infra.local import processes
from processors.psim.chains import contracts as contract_files
from processors.psim.chains.calls import encode_call
from processors.psim.chains.deployer import ForwarderDeployer
from processors.psim.chains.ethereum import EthereumSource
from processors.psim.chains.forwarders import Forwarders, compute_salt, encode_derivation
from processors.psim.chains.settings import ChainSettings, make_rpc, make_source
from processors.psim.chains.source import COIN, ChainContradiction, ChainUnavailable
from schemas.generated.entries import Keyset
from schemas.settings import Secret
from tests.processors.psim.chains.ethereum_nodes import EthereumNode, node
from tests.support.chains import make_ethereum_key, make_keyset
from tests.support.contracts import compile_contracts, read_contracts

__all__ = ["node"]
pytestmark = pytest.mark.servers
Result = TypeVar("Result")
HERE = Path(__file__).parent
NAMES = ("a", "b", "c")
CONFIRMATIONS = 3


def use_ethereum(
    node: EthereumNode,
    work: Callable[[EthereumTestChain, EthereumSource], Awaitable[Result]],
) -> Result:
    settings = ChainSettings(id=node.chain_id, url=Secret(node.url))

    async def run() -> Result:
        async with node.open() as chain, make_rpc(settings) as rpc:
            source = make_source(settings, rpc)
            assert isinstance(source, EthereumSource)
            return await work(chain, source)

    return asyncio.run(run())


@dataclass(frozen=True)
class Contracts:
    """What the tests of Ethereum pay to and with."""

    keyset: Keyset
    addresses: list[str]
    token: str
    factory: str


@pytest.fixture(scope="module")
def contracts(node: EthereumNode) -> Contracts:
    async def work(chain: EthereumTestChain, source: EthereumSource) -> Contracts:
        keys = [make_ethereum_key(each) for each in NAMES]
        owners = [["0x" + key.address.hex() for key in keys]] * 2
        hot, cold = await chain.deploy_safes(owners, 2)
        factory = await chain.deploy_factory(hot, cold)
        derivation = encode_derivation(Forwarders(factory, hot, cold))
        keyset = make_keyset(node.chain_id, keys, derivation)
        await chain.create_forwarders(factory, [compute_salt(keyset, each) for each in range(6)])
        token = await chain.deploy_token("Dollars of a test", "TUSD", 6)
        addresses = [source.derive_address(keyset, index) for index in range(6)]
        return Contracts(keyset, addresses, token, factory)

    return use_ethereum(node, work)


async def read_tip(
    source: EthereumSource, contracts: Contracts, *tokens: str
) -> list[tuple[int, str, str, int]]:
    block = await source.get_block(await source.get_tip_height())
    wanted = {contracts.token, *tokens}
    found = await source.get_payments(block, set(contracts.addresses), wanted)
    return [(each.ordinal, each.address, each.token, each.amount) for each in found]


def test_ethereum_tells_of_coins_and_tokens(node: EthereumNode, contracts: Contracts) -> None:
    async def work(chain: EthereumTestChain, source: EthereumSource) -> None:
        first, second = contracts.addresses[:2]
        amount = 2**127 + 1
        await chain.pay(first, 1)
        assert await read_tip(source, contracts) == [(0, first, COIN, 1)]
        await chain.pay_token(contracts.token, second, amount)
        assert await read_tip(source, contracts) == [(0, second, contracts.token, amount)]
        block = await source.get_block(await source.get_tip_height())
        assert await source.get_holding(second, contracts.token, block) == amount
        assert await source.get_holding(first, COIN, block) == 1
        before = await source.get_block(block.height - 2)
        assert await source.get_holding(second, contracts.token, before) == 0
        assert block.time_ms >= before.time_ms

    use_ethereum(node, work)


def test_forwarders_are_where_everybody_expects_them(
    node: EthereumNode, contracts: Contracts
) -> None:
    async def work(chain: EthereumTestChain, source: EthereumSource) -> None:
        salts = [compute_salt(contracts.keyset, index) for index in (5, 6)]
        await chain.create_forwarders(contracts.factory, salts)  # one is there already
        address = source.derive_address(contracts.keyset, 6)
        await chain.pay(address, 5)
        block = await source.get_block(await source.get_tip_height())
        (found,) = await source.get_payments(block, {address}, set())
        assert found.amount == 5

    use_ethereum(node, work)


def test_ethereum_is_final_when_the_chain_says_so(node: EthereumNode) -> None:
    async def work(chain: EthereumTestChain, source: EthereumSource) -> None:
        before = await source.get_tip_height()
        await chain.mine(node.until_final)
        final, tip = await source.get_final_height(), await source.get_tip_height()
        assert before <= final <= tip
        await chain.mine(node.until_final)
        assert final < await source.get_final_height() <= tip + node.until_final
        with pytest.raises(ChainUnavailable):
            await source.get_block(await source.get_tip_height() + 1)

    use_ethereum(node, work)


def test_what_ethereum_reorganises_is_gone(node: EthereumNode, contracts: Contracts) -> None:
    async def work(chain: EthereumTestChain, source: EthereumSource) -> None:
        await chain.mine(3)
        await chain.pay(contracts.addresses[0], 77)
        height = await source.get_tip_height()
        await chain.reorganise(1)
        for each in (height, height + 1):
            block = await source.get_block(each)
            addresses = set(contracts.addresses)
            assert await source.get_payments(block, addresses, {contracts.token}) == []

    use_ethereum(node, work)


@pytest.fixture(scope="module")
def compiled(node: EthereumNode) -> dict[str, bytes]:
    """The hostile contracts of Tokens.sol."""
    return read_contracts(HERE / "Tokens.sol")


@pytest.mark.usefixtures("chains")
def test_the_committed_contracts_are_those_of_their_source() -> None:
    folder = Path(contract_files.__file__).parent
    made = compile_contracts(folder / "Forwarder.sol")
    assert made == (folder / "Forwarder.json").read_text()


def test_false_deposits_are_none(
    node: EthereumNode, contracts: Contracts, compiled: dict[str, bytes]
) -> None:
    """What fails, what says false, what is forced, what another contract of the same name tells."""

    async def work(chain: EthereumTestChain, source: EthereumSource) -> None:
        purse, target = await chain.get_purse(), contracts.addresses[3]
        payer = await chain.deploy(compiled["Payer"])
        liar = await chain.deploy(compiled["ReturnsFalse"])
        namesake = await chain.deploy_token("Dollars of a test", "TUSD", 6)
        call = encode_call("transfer(address,uint256)", target, 9)
        await chain.send(purse, liar, call)
        assert await read_tip(source, contracts, liar) == []
        await chain.pay_token(namesake, target, 9)
        assert await read_tip(source, contracts) == []
        await chain.send(purse, payer, encode_call("force(address)", target), wei=9)
        assert await read_tip(source, contracts) == []
        block = await source.get_block(await source.get_tip_height())
        assert await source.get_holding(target, COIN, block) == 9
        with pytest.raises(ValueError, match="failed"):
            await chain.send(purse, contracts.token, call, gas=GAS)  # it has none
        assert await read_tip(source, contracts) == []

    use_ethereum(node, work)


def test_true_deposits_of_contracts_are_told_once_each(
    node: EthereumNode, contracts: Contracts, compiled: dict[str, bytes]
) -> None:
    """By 2,300 gas; several of one transaction, whose ordinals count within it."""

    async def work(chain: EthereumTestChain, source: EthereumSource) -> None:
        purse, (first, second) = await chain.get_purse(), contracts.addresses[:2]
        payer = await chain.deploy(compiled["Payer"])
        await chain.send(purse, payer, encode_call("pay(address)", first), wei=3)
        assert await read_tip(source, contracts) == [(0, first, COIN, 3)]
        call = encode_call("payMany(address,address)", first, second)
        await chain.send(purse, payer, call, wei=30)
        expected = [(0, first, COIN, 10), (1, second, COIN, 10), (2, first, COIN, 10)]
        assert await read_tip(source, contracts) == expected

    use_ethereum(node, work)


def test_a_log_keeps_its_ordinal_whatever_is_mined_before_it(
    node: EthereumNode, contracts: Contracts, compiled: dict[str, bytes]
) -> None:
    async def work(chain: EthereumTestChain, source: EthereumSource) -> None:
        purse, (first, second) = await chain.get_purse(), contracts.addresses[:2]
        payer = await chain.deploy(compiled["Payer"])
        call = encode_call("payMany(address,address)", first, second)
        names = await chain.send_together(
            [(purse, payer, call, 30), (purse, payer, call, 60), (purse, first, b"", 4)]
        )
        block = await source.get_block(await source.get_tip_height())
        found = await source.get_payments(block, set(contracts.addresses), set())
        ordinals: dict[str, list[int]] = {name: [] for name in names}
        for each in found:
            ordinals["0x" + each.transaction_id.hex()].append(each.ordinal)
        assert list(ordinals.values()) == [[0, 1, 2], [0, 1, 2], [0]]

    use_ethereum(node, work)


def test_a_token_that_takes_fees_is_found_by_what_it_moved(
    node: EthereumNode, contracts: Contracts, compiled: dict[str, bytes]
) -> None:
    async def work(chain: EthereumTestChain, source: EthereumSource) -> None:
        purse, target = await chain.get_purse(), contracts.addresses[4]
        token = await chain.deploy(compiled["TakesFees"])
        await chain.send(purse, token, encode_call("transfer(address,uint256)", target, 100))
        block = await source.get_block(await source.get_tip_height())
        (told,) = await source.get_payments(block, {target}, {token})
        assert told.amount == 100
        assert await source.get_holding(target, token, block) == 90

    use_ethereum(node, work)


def test_ethereums_state_survives_a_restart(node: EthereumNode, contracts: Contracts) -> None:
    async def pay(chain: EthereumTestChain, source: EthereumSource) -> tuple[int, bytes]:
        await chain.pay(contracts.addresses[2], 11)
        height = await source.get_tip_height()
        return height, (await source.get_block(height)).block_hash

    height, block_hash = use_ethereum(node, pay)
    node.restart()

    async def look(_: EthereumTestChain, source: EthereumSource) -> bool:
        try:
            block = await source.get_block(height)
        except ChainUnavailable:
            return False
        found = await source.get_payments(block, set(contracts.addresses), set())
        return block.block_hash == block_hash and [each.amount for each in found] == [11]

    assert processes.wait_until(lambda: use_ethereum(node, look), 60)


def test_an_endpoint_of_another_chain_is_not_believed(node: EthereumNode) -> None:
    settings = ChainSettings(id="eip155:1", url=Secret(node.url))

    async def ask() -> Any:
        async with make_rpc(settings) as rpc:
            return await make_source(settings, rpc).get_tip_height()

    with pytest.raises(ChainContradiction):
        asyncio.run(ask())


def test_a_source_makes_forwarders_that_are_lacking(
    node: EthereumNode, contracts: Contracts
) -> None:
    key = bytes([7]) * 32
    settings = ChainSettings(
        id=node.chain_id,
        url=Secret(node.url),
        confirmations=CONFIRMATIONS,
        deployer_key=Secret(key.hex()),
    )

    async def run() -> None:
        async with node.open() as chain, make_rpc(settings) as rpc:
            source = make_source(settings, rpc)
            number = int(node.chain_id.partition(":")[2])
            await chain.pay(ForwarderDeployer(rpc, number, key).address, 10**18)
            assert not await source.prepare_address(contracts.keyset, 40)
            await chain.mine(3)
            assert all([await source.prepare_address(contracts.keyset, i) for i in range(40, 50)])
            await chain.pay(source.derive_address(contracts.keyset, 49), 5)
            block = await source.get_block(await source.get_tip_height())
            address = source.derive_address(contracts.keyset, 49)
            (found,) = await source.get_payments(block, {address}, set())
            assert found.amount == 5

    asyncio.run(run())

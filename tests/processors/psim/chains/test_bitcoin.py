"""Bitcoin as services read it, on a real node."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from infra.chains import bitcoin
from infra.chains.bitcoin import BitcoinTestChain
from infra.chains.nodes import BITCOIN
from infra.local.launch import RunningDeployment
from processors.psim.chains.bitcoin import COINBASE_DEPTH, BitcoinSource
from processors.psim.chains.settings import ChainSettings, make_rpc, make_source
from processors.psim.chains.source import COIN, ChainUnavailable
from schemas.settings import Secret
from tests.processors.psim.chains.bitcoin_nodes import BitcoinNode, make_btcd, node
from tests.support.chains import make_extended_key, make_keyset

__all__ = ["node"]
pytestmark = pytest.mark.servers
Result = TypeVar("Result")
HERE = Path(__file__).parent
NAMES = ("a", "b", "c")
CONFIRMATIONS = 3


def use_bitcoin(
    node: BitcoinNode,
    work: Callable[[BitcoinTestChain, BitcoinSource], Awaitable[Result]],
) -> Result:
    settings = ChainSettings(
        id=node.chain_id,
        url=Secret(node.url),
        user=node.user,
        password=Secret(node.password),
        confirmations=CONFIRMATIONS,
    )

    async def run() -> Result:
        async with node.open() as chain, make_rpc(settings) as rpc:
            source = make_source(settings, rpc)
            assert isinstance(source, BitcoinSource)
            return await work(chain, source)

    return asyncio.run(run())


BITCOIN_KEYSET = make_keyset(bitcoin.CHAIN_ID, [make_extended_key(each) for each in NAMES])


def test_bitcoin_tells_every_output_exactly(node: BitcoinNode) -> None:
    async def work(chain: BitcoinTestChain, source: BitcoinSource) -> None:
        mine = [source.derive_address(BITCOIN_KEYSET, index) for index in range(3)]
        paid = [(mine[0], 1_000), (mine[1], 12_345_678), (mine[0], 2_099_999_999), (mine[2], 546)]
        name = await chain.pay(paid)
        await chain.mine()
        block = await source.get_block(await source.get_tip_height())
        found = await source.get_payments(block, set(mine[:2]), set())
        assert [(each.ordinal, each.address, each.amount) for each in found] == [
            (index, *paid[index]) for index in range(3)
        ]
        assert {each.transaction_id[::-1].hex() for each in found} == {name}
        assert {each.token for each in found} == {COIN}
        before = await source.get_block(block.height - 1)
        assert block.previous_hash == before.block_hash
        assert block.time_ms >= before.time_ms
        assert await source.get_payments(before, set(mine), set()) == []

    use_bitcoin(node, work)


def test_bitcoin_is_final_after_its_confirmations(node: BitcoinNode) -> None:
    async def work(chain: BitcoinTestChain, source: BitcoinSource) -> None:
        tip = await source.get_tip_height()
        assert await source.get_final_height() == tip - CONFIRMATIONS + 1
        await chain.mine()
        assert await source.get_final_height() == tip - CONFIRMATIONS + 2
        with pytest.raises(ChainUnavailable):
            await source.get_block(tip + 2)

    use_bitcoin(node, work)


def test_a_coinbase_counts_when_it_can_be_spent(node: BitcoinNode) -> None:
    """The purse's address is that of a coinbase; as a witness script it would be a deposit."""

    async def work(chain: BitcoinTestChain, source: BitcoinSource) -> None:
        address = source.derive_address(BITCOIN_KEYSET, 9)
        height = await source.get_tip_height() + 1
        await node.mine_to(chain, address)
        made = await source.get_block(height)
        assert await source.get_payments(made, {address}, set()) == []
        await chain.mine(COINBASE_DEPTH)
        ripe = await source.get_block(height + COINBASE_DEPTH)
        (payment,) = await source.get_payments(ripe, {address}, set())
        assert payment.amount > 0
        assert payment.address == address

    use_bitcoin(node, work)


def test_what_a_reorganisation_drops_is_gone(node: BitcoinNode) -> None:
    async def work(chain: BitcoinTestChain, source: BitcoinSource) -> None:
        address = source.derive_address(BITCOIN_KEYSET, 4)
        await chain.pay([(address, 7_000)])
        await chain.mine()
        height = await source.get_tip_height()
        block = await source.get_block(height)
        assert len(await source.get_payments(block, {address}, set())) == 1
        await chain.reorganise(1, is_dropping=True)
        for each in (height, height + 1):
            other = await source.get_block(each)
            assert other.block_hash != block.block_hash
            assert await source.get_payments(other, {address}, set()) == []

    use_bitcoin(node, work)


def test_what_a_reorganisation_keeps_is_mined_again(node: BitcoinNode) -> None:
    async def work(chain: BitcoinTestChain, source: BitcoinSource) -> None:
        address = source.derive_address(BITCOIN_KEYSET, 5)
        await chain.pay([(address, 8_000)])
        await chain.mine()
        height = await source.get_tip_height()
        (first,) = await source.get_payments(await source.get_block(height), {address}, set())
        await chain.reorganise(1, is_dropping=False)
        found = [
            payment
            for each in (height, height + 1)
            for payment in await source.get_payments(await source.get_block(each), {address}, set())
        ]
        assert found == [first]

    use_bitcoin(node, work)


@pytest.mark.parametrize("is_killed", [False, True])
def test_bitcoins_blocks_survive_its_end(chains: RunningDeployment, is_killed: bool) -> None:
    from infra.chains.keeper import SAVED
    from infra.local import processes

    node, file = make_btcd(chains), chains.place.folder.root / BITCOIN / SAVED

    async def mine(chain: BitcoinTestChain, source: BitcoinSource) -> tuple[int, bytes]:
        await chain.mine(3)
        height = await source.get_tip_height()
        return height, (await source.get_block(height)).block_hash

    def is_saved() -> bool:
        return block_hash[::-1].hex() in {line.split()[0] for line in file.read_text().splitlines()}

    height, block_hash = use_bitcoin(node, mine)
    assert processes.wait_until(is_saved, 20)
    if is_killed:
        keeper = chains.control.get_state(BITCOIN).process_id
        processes.send_signal(find_child(keeper), signal.SIGKILL)
        assert processes.wait_until(lambda: not processes.is_alive(keeper), 20)
    else:
        chains.control.stop(BITCOIN)
        chains.control.start(BITCOIN)

    async def look(_: BitcoinTestChain, source: BitcoinSource) -> bool:
        try:
            if await source.get_tip_height() < height:
                return False
        except ChainUnavailable:
            return False
        return (await source.get_block(height)).block_hash == block_hash

    assert processes.wait_until(lambda: use_bitcoin(node, look), 60)


def find_child(process_id: int) -> int:
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return int(children[0])

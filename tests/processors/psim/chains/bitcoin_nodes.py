"""The nodes that the suite of Bitcoin's adapter runs on: btcd, and in the long gate Bitcoin Core,
where a `bitcoind` is on the PATH."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from infra.chains import bitcoin
from infra.chains.bitcoin import BitcoinTestChain
from infra.chains.nodes import BITCOIN, RPC_USER
from infra.chains.purses import get_seed
from infra.local.launch import RunningDeployment
from processors.psim.chains.rpc import JsonRpc
from tests.support import bitcoin_core
from tests.support.bitcoin_core import CoreTestChain, start_core
from tests.support.mining import mine_to

BTCD, CORE = "btcd", "bitcoind"
LONG = (pytest.mark.faults, pytest.mark.campaign)


@dataclass(frozen=True)
class BitcoinNode:
    """`mine_to`: an empty block whose reward goes to an address."""

    url: str
    user: str
    password: str
    seed: bytes
    chain_id: str
    kind: type[BitcoinTestChain]
    mine_to: Callable[[BitcoinTestChain, str], Awaitable[object]]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[BitcoinTestChain]:
        async with JsonRpc(self.url, self.user, self.password) as rpc:
            yield self.kind(rpc, self.seed, self.chain_id)


@pytest.fixture(scope="module", params=[BTCD, pytest.param(CORE, marks=LONG)])
def node(request: pytest.FixtureRequest) -> Iterator[BitcoinNode]:
    if request.param == BTCD:
        yield make_btcd(request.getfixturevalue("chains"))
        return

    async def mine(chain: BitcoinTestChain, address: str) -> None:
        assert isinstance(chain, CoreTestChain)
        await chain.mine_to(address)

    with start_core() as url:
        login = (bitcoin_core.USER, bitcoin_core.PASSWORD, bytes(32))
        yield BitcoinNode(url, *login, bitcoin_core.CHAIN_ID, CoreTestChain, mine)


def make_btcd(chains: RunningDeployment) -> BitcoinNode:
    place = chains.place
    login = (RPC_USER, place.get_secret(f"{BITCOIN}.rpc"), get_seed(place))

    async def mine(chain: BitcoinTestChain, address: str) -> None:
        await mine_to(chain.rpc, address)

    url = place.get_url(BITCOIN)
    return BitcoinNode(url, *login, bitcoin.CHAIN_ID, BitcoinTestChain, mine)

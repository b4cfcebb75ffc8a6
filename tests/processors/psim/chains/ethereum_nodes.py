"""The nodes that the suite of Ethereum's adapter runs on: anvil, and geth in the long gate."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from infra.chains import ethereum
from infra.chains.ethereum import EthereumTestChain
from infra.chains.nodes import ETHEREUM
from infra.local.launch import RunningDeployment
from processors.psim.chains.rpc import JsonRpc
from tests.support import geth
from tests.support.geth import GethTestChain, start_geth

ANVIL, GETH = "anvil", "geth"
LONG = (pytest.mark.faults, pytest.mark.campaign)


@dataclass(frozen=True)
class EthereumNode:
    """`until_final`: so many blocks behind it, a block is final to the node itself."""

    name: str
    url: str
    chain_id: str
    until_final: int
    kind: type[EthereumTestChain]
    restart: Callable[[], None]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[EthereumTestChain]:
        async with JsonRpc(self.url) as rpc:
            yield self.kind(rpc)


@pytest.fixture(scope="module", params=[ANVIL, pytest.param(GETH, marks=LONG)])
def node(request: pytest.FixtureRequest) -> Iterator[EthereumNode]:
    if request.param == ANVIL:
        yield make_anvil(request.getfixturevalue("chains"))
        return
    with start_geth() as made:

        def restart() -> None:
            made.stop()
            made.start()

        yield EthereumNode(GETH, made.url, geth.CHAIN_ID, 64, GethTestChain, restart)


def make_anvil(chains: RunningDeployment) -> EthereumNode:
    def restart() -> None:
        chains.control.stop(ETHEREUM)
        chains.control.start(ETHEREUM)

    url = chains.place.get_url(ETHEREUM)
    return EthereumNode(ANVIL, url, ethereum.CHAIN_ID, 2, EthereumTestChain, restart)

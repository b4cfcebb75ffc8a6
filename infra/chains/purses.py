"""The test chains of a deployment, opened to mine and pay on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.chains.bitcoin import BitcoinTestChain
from infra.chains.ethereum import EthereumTestChain
from infra.chains.nodes import BITCOIN, ETHEREUM, RPC_USER
from infra.local.place import Place
from processors.psim.chains.rpc import JsonRpc


def get_seed(place: Place) -> bytes:
    """Of Bitcoin's purse."""
    return place.get_secret(f"{BITCOIN}.purse").encode()


@asynccontextmanager
async def open_bitcoin(place: Place, url: str | None = None) -> AsyncIterator[BitcoinTestChain]:
    """`url`: of the node, where it is not reached as users do."""
    password = place.get_secret(f"{BITCOIN}.rpc")
    async with JsonRpc(url or place.get_url(BITCOIN), RPC_USER, password) as rpc:
        yield BitcoinTestChain(rpc, get_seed(place))


@asynccontextmanager
async def open_ethereum(place: Place) -> AsyncIterator[EthereumTestChain]:
    async with JsonRpc(place.get_url(ETHEREUM)) as rpc:
        yield EthereumTestChain(rpc)

"""Verbs for the test chains of a deployment: blocks, payments, reorganisations."""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from infra.cli.deployments import DataOption, get_root
from infra.cli.output import print_text
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from infra.chains.bitcoin import BitcoinTestChain
    from infra.chains.ethereum import EthereumTestChain

app = typer.Typer(help="The test chains: mine, pay, reorganise.")

Chain = Literal["btcd", "anvil"]
ChainArgument = Annotated[Chain, typer.Argument(help="The test chain.")]
Number = Annotated[int, typer.Argument(min=1, max=10_000)]


@app.command()
def mine(chain: ChainArgument, blocks: Number = 1, data: DataOption = None) -> None:
    """Make blocks."""

    async def work() -> None:
        async with _open(chain, data) as opened:
            await opened.mine(blocks)

    _run(work())


@app.command()
def pay(
    chain: ChainArgument,
    address: str,
    amount: Annotated[int, typer.Argument(min=1, help="In satoshis, wei, or the token's units.")],
    token: Annotated[str | None, typer.Option(help="A test token's contract, on anvil.")] = None,
    data: DataOption = None,
) -> None:
    """Pay to an address and print the transaction's id. On btcd a block must be mined then."""
    from infra.chains.bitcoin import BitcoinTestChain

    async def work() -> None:
        async with _open(chain, data) as opened:
            if isinstance(opened, BitcoinTestChain):
                if token is not None:
                    raise typer.BadParameter("Bitcoin has no tokens", param_hint="--token")
                print_text(await opened.pay([(address, amount)]))
            elif token is not None:
                print_text(await opened.pay_token(token, address, amount))
            else:
                print_text(await opened.pay(address, amount))

    _run(work())


@app.command()
def reorg(
    chain: ChainArgument,
    depth: Annotated[int, typer.Argument(min=1, max=1_000, help="How many blocks to replace.")],
    drop: Annotated[
        bool, typer.Option(help="What the purse paid in them never happens; on anvil always so.")
    ] = False,
    data: DataOption = None,
) -> None:
    """Replace the newest blocks by one more."""
    from infra.chains.bitcoin import BitcoinTestChain

    async def work() -> None:
        async with _open(chain, data) as opened:
            if isinstance(opened, BitcoinTestChain):
                await opened.reorganise(depth, is_dropping=drop)
            else:
                await opened.reorganise(depth)

    _run(work())


@asynccontextmanager
async def _open(
    chain: Chain, data: Path | None
) -> "AsyncIterator[BitcoinTestChain | EthereumTestChain]":
    from infra.chains import nodes, purses
    from infra.local import shutdown

    place = shutdown.open_deployment(get_root(data))
    if chain == nodes.BITCOIN:
        async with purses.open_bitcoin(place) as bitcoin:
            yield bitcoin
    else:
        async with purses.open_ethereum(place) as ethereum:
            yield ethereum


def _run(work: Coroutine[None, None, None]) -> None:
    """Ends in one line where the chain or the user is wrong."""
    import asyncio

    from processors.psim.chains.rpc import RpcRefusal
    from processors.psim.chains.source import ChainContradiction, ChainUnavailable

    try:
        asyncio.run(work)
    except (ChainUnavailable, ChainContradiction, RpcRefusal, ValueError) as error:
        raise LocalError(f"the test chain: {error}") from None

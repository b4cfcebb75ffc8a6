"""A history of the border: keysets, addresses, a settled transfer with a debt, one under way."""

import contextlib
from collections.abc import Iterator
from typing import Any

from tests.gateways.support import World
from tests.support import border
from tests.support.requests import govern


@contextlib.contextmanager
def showing(world: World) -> Iterator[None]:
    """Every ledger that the network closes is shown, though steps of the ledger's own tests close
    them."""
    network = world.network
    close = network.close

    def close_and_show(*candidates: Any, **changes: Any) -> Any:
        closed = close(*candidates, **changes)
        world.show(closed)
        return closed

    network.close = close_and_show  # type: ignore[method-assign]
    try:
        yield
    finally:
        del network.close


def add_border_history(world: World) -> None:
    network = world.network
    with showing(world):
        border.confirm_first(network)
        network.apply("master", border.settle(fee=5))
        network.apply("master", border.close())
        network.apply("master", border.transfer(network, border.ask(network, "bob")))
        network.apply("cosigner 1", border.sign(network, 2))
        network.apply("master", govern(border.make_keyset()), border.add_address("0xa"))
        network.apply("alice", border.bind())
        network.apply("master", border.advance(7))

"""An instance begins with a snapshot, and knows what one knows that saw all ledgers."""

from collections.abc import Callable

from processors.ledger_feed.network import Network as Followed
from processors.psim.beginning import begin
from processors.psim.deposit.rules import compute_reference_text
from processors.psim.view import LedgerView
from tests.processors.psim.chain_model import make_payment
from tests.processors.psim.world import CHAIN, SOURCE, World
from tests.streams.node.archiving import ArchivedNode
from tests.support.network import get_account

Make = Callable[[], ArchivedNode]


def make_world() -> World:
    """With credits, something parked, and some ledgers more than a checkpoint of the archive."""
    world = World()
    world.begin()
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000), make_payment("b", address, 5))
    world.confirm()
    pool = world.network.ledger.state.get_external_pool(CHAIN, 1)
    assert pool is not None
    assert pool.first is not None
    world.chain.mine(make_payment("nobody's", pool.first, 2_000))
    world.confirm()
    world.close(interval_ms=30 * 3_600_000)
    world.run(3)
    assert world.machines[0].view.pending
    world.run(70 - world.network.ledger.header.sequence)
    return world


def describe(view: LedgerView) -> list[object]:
    texts = [
        compute_reference_text(CHAIN, make_payment(name, "", 1).transaction_id, 0)
        for name in ("a", "b", "nobody's", "another")
    ]
    return [
        view.sequence,
        view.close_time_ms,
        view.state.encoded,
        view.addresses,
        view.pending,
        view.assets,
        view.get_signers(),
        [view.is_used(text) for text in texts],
    ]


def test_a_snapshot_and_the_tail_make_the_same_view(make_node: Make) -> None:
    world, node = make_world(), make_node()
    network = world.network
    node.follow(network)
    node.publish(snapshot_ledgers=50)
    node.close(60)
    node.publish(snapshot_ledgers=10_000)
    followed = Followed(network.network_id, network.genesis_hash)
    view, position = begin(followed, get_account(SOURCE), (node.bucket,))
    assert 60 < position.sequence < 80
    for closed in network.closed[position.sequence :]:
        view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
    complete = LedgerView(network.network_id, get_account(SOURCE))
    for closed in network.closed:
        complete.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
    assert describe(view) == describe(complete)
    assert describe(view)[-1] == [True, False, True, False]


def test_without_an_archive_it_begins_before_the_genesis(make_node: Make) -> None:
    node = make_node()
    followed = Followed(node.network.network_id, node.network.genesis_hash)
    view, position = begin(followed, get_account(SOURCE), (node.bucket,))
    assert (view.sequence, position.sequence) == (0, 0)
